package sql

import (
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
)

// Numbered files; each brings the schema from the version before to its own.
//
//go:embed schema/*.sql
var schemaFiles embed.FS

// schemas returns the texts of the migrations in order: the first makes version 1.
func schemas() ([]string, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql") // sorted by name
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(names))
	for i, name := range names {
		if want := fmt.Sprintf("schema/%04d.sql", i+1); name != want {
			return nil, fmt.Errorf("store: migration %s is missing", want)
		}
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// migrate brings the database up to the newest schema, each step in a
// transaction of its own. A database that is newer than the program is refused:
// guessing what its tables mean could destroy it.
func migrate(c *conn, steps []string, file string, log *slog.Logger) error {
	version, err := schemaVersion(c)
	if err != nil {
		return fmt.Errorf("store: schema version of %s: %w", file, err)
	}
	switch {
	case version > len(steps):
		return fmt.Errorf("store: %s has schema version %d, this program knows %d: use the newer program",
			file, version, len(steps))
	case version == len(steps):
		return nil
	case version > 0:
		log.Warn("store: the database has an older schema and is migrated now; "+
			"the way back is a copy of the data directory made before this start",
			"file", file, "from", version, "to", len(steps))
	}
	for i := version; i < len(steps); i++ {
		if err := step(c, steps[i], i+1); err != nil {
			return fmt.Errorf("store: migrating %s to schema version %d: %w", file, i+1, err)
		}
	}
	return nil
}

// schemaVersion returns 0 for an empty database.
func schemaVersion(c *conn) (int, error) {
	there, err := hasTable(c, "schema_version")
	if err != nil || !there {
		return 0, err
	}
	version := int64(0)
	err = c.once("SELECT version FROM schema_version", func(row []driver.Value) error {
		cs := &cells{row: row}
		version = cell[int64](cs)
		return cs.err
	})
	if err == nil && version < 1 {
		err = errors.New("no version is recorded")
	}
	return int(version), err
}

// step runs one migration.
func step(c *conn, text string, version int) error {
	record := fmt.Sprintf("UPDATE schema_version SET version = %d", version)
	if version == 1 {
		record = "CREATE TABLE schema_version (version BIGINT NOT NULL); INSERT INTO schema_version (version) VALUES (1)"
	}
	err := c.script(beginWrite + ";" + schemaWords(text) + ";" + record + ";COMMIT")
	if err != nil {
		_ = c.script("ROLLBACK") // fails where the engine has done so already
	}
	return err
}
