// Package chdb runs ClickHouse's own engine in this process: it binds libchdb, a shared library with a
// plain C interface, without cgo. One library has one data directory, and any number of connections
// to it, each with settings of its own; a connection runs one statement at a time.
//
// The interface is libchdb's chdb.h: chdb_connect, chdb_query_with_params_n,
// chdb_stream_query_with_params_n, chdb_stream_fetch_result and chdb_result_….
package chdb
