// Package load is people chatting: WebSocket clients that send, revoke, override, delete, read, join, leave, add and
// remove over direct, group and channel sessions, send again under the same client id whatever stayed without an answer,
// and record what they were told and given, for package check to judge.
//
// It speaks the protocol by itself, ProtoJSON frames on a socket: pkg/client has rules of its own about what to send again
// and how to fill gaps, and is part of what is tested elsewhere.
package load
