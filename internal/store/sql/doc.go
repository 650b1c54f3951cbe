// Package sql keeps the resources of a CSE in an SQL database: SQLite for now,
// with the statements in the dialect that PostgreSQL shares.
//
// One goroutine writes. It runs the functions given to Update one after the
// other inside one database transaction, as many as are waiting, commits once,
// shows the outcome in the cache and answers all. Readers use the cache, and
// behind it a few connections with snapshots of their own; they never wait for
// the writer. The package knows nothing of what the attributes mean.
package sql
