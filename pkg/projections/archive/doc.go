// Package archive projects counted outcomes into tables for analysts and for ever
// (docs/decisions/0009-the-archive-only-inserts.md): every outcome as it stands in the log, and the present state of messages,
// markers, stays, sessions and contacts. It never reads what it wrote: an outcome becomes rows by itself alone, and rows
// of one key come together to the same in any order, any number of times. So a retry, a replay and two archivers at once
// change nothing.
package archive
