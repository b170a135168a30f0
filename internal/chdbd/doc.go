// Package chdbd puts ClickHouse's HTTP interface before ClickHouse's own engine as a library
// (internal/chdb), for development and tests: what speaks to a ClickHouse server over HTTP speaks to
// this. It has what clients use of that interface: GET and POST, query and body, parameters, settings, sessions,
// formats, compression both ways, credentials with a user who only reads, error codes, cancellation and limits.
//
// Not here: TLS, the native TCP protocol, external tables, roles and grants, progress headers.
package chdbd
