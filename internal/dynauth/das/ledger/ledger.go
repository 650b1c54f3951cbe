// Package ledger keeps what a Dynamic Authorization Server has granted in an
// SQLite database: tokens, keys, and records of authorization relationships.
// Secrets in it are encrypted by the caller.
//
// The server and the commands of its operator work on one database at a time
// from several processes; each change is a transaction that is on the disk when
// it is acknowledged.
package ledger

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"bulwark/internal/dynauth/das"
)

// FileName is the database in the folder of a server.
const FileName = "ledger.db"

// schemaVersion is that of schema.sql.
const schemaVersion = 4

//go:embed schema.sql
var schema string

// fromOne makes the tables of version 1 those of version 2.
//
//go:embed from1.sql
var fromOne string

// fromTwo makes the tables of version 2 those of version 3.
//
//go:embed from2.sql
var fromTwo string

// fromThree makes the tables of version 3 those of version 4.
//
//go:embed from3.sql
var fromThree string

const (
	// patience is how long a transaction waits for that of another process, in
	// milliseconds.
	patience = "10000"
	// readers bounds the connections: each holds a page cache.
	readers = 4
)

// Ledger is an open database. It may be used by any number of goroutines.
type Ledger struct {
	db *sql.DB

	writing sync.Mutex // serializes writers of this process, which else would wait by polling

	looking sync.Mutex // guards look
	look    *sql.Conn  // from which no change is made, see Version; nil until it is needed
}

var _ das.Ledger = (*Ledger)(nil)

// Open opens the ledger in a folder, which is made with mode 0700. The identity
// of the server is kept at first and cannot change later: what was issued is
// issued in its name.
func Open(ctx context.Context, dir string, self das.Identity) (_ *Ledger, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	file := filepath.Join(dir, FileName)
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) // never readable for others, not even for a moment
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	pragmas := url.Values{
		"_pragma": {"busy_timeout(" + patience + ")", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	db.SetMaxOpenConns(readers + 1) // one is for Version
	l := &Ledger{db: db}
	if err := l.prepare(ctx, self); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger %s: %w", file, err), db.Close())
	}
	return l, nil
}

// prepare makes the tables of a new database and compares the identity.
func (l *Ledger) prepare(ctx context.Context, self das.Identity) error {
	return l.write(ctx, func(tx *sql.Tx) error {
		version := 0
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch version {
		case 0:
			if _, err := tx.ExecContext(ctx, schema); err != nil {
				return fmt.Errorf("make its tables: %w", err)
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO server (id, name, fqdn) VALUES (1, ?, ?)", self.ID, self.FQDN)
			return err
		case 1, 2, 3:
			older := []string{fromOne, fromTwo, fromThree}
			for _, text := range older[version-1:] {
				if _, err := tx.ExecContext(ctx, text); err != nil {
					return fmt.Errorf("bring its tables up to date: %w", err)
				}
			}
		case schemaVersion:
		default:
			return fmt.Errorf("it is of another version of bulwark (%d)", version)
		}
		var have das.Identity
		if err := tx.QueryRowContext(ctx, "SELECT name, fqdn FROM server").Scan(&have.ID, &have.FQDN); err != nil {
			return err
		}
		if have != self {
			return fmt.Errorf("it is that of %s with %s, and cannot become that of %s with %s", have.ID, have.FQDN, self.ID, self.FQDN)
		}
		return nil
	})
}

// Version returns a number that is another one after each change, by whatever
// process, and costs nothing to ask for.
func (l *Ledger) Version(ctx context.Context) (version int64, err error) {
	l.looking.Lock()
	defer l.looking.Unlock()
	if l.look == nil {
		if l.look, err = l.db.Conn(ctx); err != nil {
			return 0, fmt.Errorf("ledger: %w", err)
		}
	}
	if err = l.look.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	return version, nil
}

// Close closes the database.
func (l *Ledger) Close() error {
	l.looking.Lock()
	defer l.looking.Unlock()
	if l.look != nil {
		return errors.Join(l.look.Close(), l.db.Close())
	}
	return l.db.Close()
}

// write runs fn in a transaction of its own.
func (l *Ledger) write(ctx context.Context, fn func(*sql.Tx) error) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// View implements das.Ledger.
func (l *Ledger) View(ctx context.Context, fn func(das.Reader) error) error {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	return fn(&transaction{ctx: ctx, tx: tx})
}

// Update implements das.Ledger.
func (l *Ledger) Update(ctx context.Context, fn func(das.Tx) error) error {
	return l.write(ctx, func(tx *sql.Tx) error { return fn(&transaction{ctx: ctx, tx: tx}) })
}
