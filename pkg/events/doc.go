// Package events holds what every part of Annal agrees on: the envelope of a
// record, ids, command and event types, state rows, error codes, the reader's
// rule, and the codec between these types and the stored bytes.
//
// It does no I/O and knows no clock.
package events

//go:generate go run annal/internal/errgen ../..
