package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// What is particular to SQLite stands in this file.

const (
	// writerPages and readerPages bound the page cache of one connection, in
	// KiB. The record cache serves what is hot; pages matter for index paths.
	writerPages = 8 << 10
	readerPages = 2 << 10

	// checkpointPages is the length of the log, in pages of 4 KiB, at which a
	// commit copies it back into the database. Longer means fewer copies of a
	// page that is written often, and a longer pause when it happens.
	checkpointPages = 2000

	// logLimit is what the log is cut back to after it had to grow because of a
	// long snapshot, in octets.
	logLimit = 64 << 20

	// lockPatience is how long a statement waits for a lock, in milliseconds.
	// Only a checkpoint or a tool that looks at the file can hold one.
	lockPatience = 5000
)

// Texts that differ between engines.
const (
	beginWrite = "BEGIN IMMEDIATE"
	beginRead  = "BEGIN"
)

// existingLabels selects the labels of all resources out of their attributes.
const existingLabels = "SELECT DISTINCT l.value, resource.id FROM resource, json_each(CAST(attributes AS TEXT), '$.lbl') AS l" +
	" WHERE json_valid(CAST(attributes AS TEXT)) AND json_type(CAST(attributes AS TEXT), '$.lbl') = 'array' AND l.type = 'text'"

// schemaWords puts the engine's type names into a schema file.
func schemaWords(text string) string {
	return strings.NewReplacer("{id}", "INTEGER", "{bytes}", "BLOB", "{labels}", existingLabels).Replace(text)
}

// dial opens a connection to the database file; the first one makes it.
func dial(file string, write bool) (*conn, error) {
	if write {
		// Made here so that it is never readable for others, not even for a moment.
		f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("store: database file: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("store: database file: %w", err)
		}
	}
	pragmas := []string{
		"busy_timeout(" + strconv.Itoa(lockPatience) + ")",
		"journal_mode(WAL)",
		"synchronous(FULL)", // an acknowledged write outlives a power failure
		"foreign_keys(1)",
		"trusted_schema(0)",
		"mmap_size(0)", // mapped pages would count as ours
		"temp_store(MEMORY)",
	}
	if write {
		pragmas = append(pragmas,
			"cache_size(-"+strconv.Itoa(writerPages)+")",
			"wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")",
			"journal_size_limit("+strconv.Itoa(logLimit)+")")
	} else {
		pragmas = append(pragmas, "cache_size(-"+strconv.Itoa(readerPages)+")", "query_only(1)")
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	raw, err := (&sqlite.Driver{}).Open(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", file, err)
	}
	return newConn(raw), nil
}

// broken reports whether an error leaves the transaction in doubt. A violated
// constraint undoes its statement alone; a full disk may undo everything.
func broken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	const constraint = 19 // SQLITE_CONSTRAINT, the low octet of its extended codes
	return !ok || e.Code()&0xff != constraint
}

// checkpoint copies the whole log back and empties it.
func checkpoint(c *conn) error { return c.script("PRAGMA wal_checkpoint(TRUNCATE)") }

// hasTable reports whether the database has a table of that name.
func hasTable(c *conn, name string) (bool, error) {
	found := false
	err := c.once("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
		func([]driver.Value) error { found = true; return nil }, name)
	return found, err
}

// script runs statements that have no parameters.
func (c *conn) script(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}
