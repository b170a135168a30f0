// Package clickhouse holds the archive's tables and views, as migrations that are applied in the order of their numbers.
// They are templates (text/template): a single server and a cluster are made from the same files.
package clickhouse

import "embed"

// Files are the migrations, NNNN_name.sql, and roles.sql.
//
//go:embed *.sql
var Files embed.FS
