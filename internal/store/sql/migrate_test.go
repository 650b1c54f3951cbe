package sql

import (
	"bytes"
	"database/sql/driver"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func dialTest(t *testing.T) (*conn, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), databaseFile)
	c, err := dial(file, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c, file
}

func TestMigrate_GoesForwardStepByStepAndHintsAtABackup(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	steps := []string{"CREATE TABLE a (x {id});", "CREATE TABLE b (y {bytes}); INSERT INTO a (x) VALUES (1);"}
	if err := migrate(c, steps[:1], file, log); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Errorf("a new database needs no hint: %s", &out)
	}
	for range 2 { // the second time there is nothing to do
		if err := migrate(c, steps, file, log); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "copy of the data directory"); n != 1 || !strings.Contains(out.String(), "from=1 to=2") {
		t.Errorf("hints: %s", &out)
	}
	rows := 0
	if err := c.once("SELECT x FROM a", func([]driver.Value) error { rows++; return nil }); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestMigrate_RefusesANewerSchema(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	log := slog.New(slog.DiscardHandler)
	steps := []string{"CREATE TABLE a (x {id});", "CREATE TABLE b (y {id});"}
	if err := migrate(c, steps, file, log); err != nil {
		t.Fatal(err)
	}
	if err := migrate(c, steps[:1], file, log); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}

func TestMigrate_LeavesAFailedStepUndone(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	log := slog.New(slog.DiscardHandler)
	steps := []string{"CREATE TABLE a (x {id});", "CREATE TABLE b (y {id}); CREATE TABLE a (x {id});"}
	if err := migrate(c, steps, file, log); err == nil {
		t.Fatal("it worked")
	}
	if v, err := schemaVersion(c); v != 1 || err != nil {
		t.Errorf("version %d, %v", v, err)
	}
	if there, err := hasTable(c, "b"); there || err != nil {
		t.Errorf("half a step is left: %v", err)
	}
	if err := migrate(c, steps[:1], file, log); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSchemas_AreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	if steps, err := schemas(); err != nil || len(steps) == 0 {
		t.Errorf("%d, %v", len(steps), err)
	}
}

// Killing a process can't show this: the promise is about power failures.
func TestDial_C481_CommitsAreSynced(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	reader, err := dial(file, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.close() }()
	for pragma, want := range map[string]any{
		"synchronous": int64(2), "journal_mode": "wal", "foreign_keys": int64(1), "trusted_schema": int64(0),
	} {
		for _, c := range []*conn{c, reader} {
			if err := c.once("PRAGMA "+pragma, func(row []driver.Value) error {
				if row[0] != want {
					t.Errorf("%s is %v, want %v", pragma, row[0], want)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := reader.script("CREATE TABLE t (x INTEGER)"); err == nil {
		t.Error("a reading connection writes")
	}
}

// Every query must find its rows by an index: the tables may hold millions.
func TestStatements_UseIndexes(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	steps, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(c, steps, file, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for s := range statementCount {
		text := statementText(s)
		if text == "" {
			t.Errorf("statement %d has no text", s)
		}
		if s <= stUndo || s == stBindings {
			continue // no query, or one that is meant to return everything
		}
		args := make([]driver.Value, strings.Count(text, "$"))
		for strings.Count(text, "$") > 0 && !strings.Contains(text, "$"+strconv.Itoa(len(args))) {
			args = args[:len(args)-1] // a parameter may stand twice
		}
		var plan []string
		err := c.once("EXPLAIN QUERY PLAN "+text, func(row []driver.Value) error {
			cs := &cells{row: row, i: 3}
			plan = append(plan, cell[string](cs))
			return cs.err
		}, args...)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for _, p := range plan {
			if strings.HasPrefix(p, "SCAN") && p != "SCAN CONSTANT ROW" && p != "SCAN next" || // what a recursion has found so far
				strings.Contains(p, "TEMP B-TREE") {
				t.Errorf("%s\n\t%s", text, strings.Join(plan, "; "))
			}
		}
	}
}

func TestMigrate_FindsTheLabelsOfVersion2(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	log := slog.New(slog.DiscardHandler)
	steps, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(c, steps[:2], file, log); err != nil {
		t.Fatal(err)
	}
	for i, attributes := range []string{`{"lbl":["a","k:ü"]}`, `{"lbl":["a","a"]}`, `{"con":{"lbl":["a"]}}`, `{"lbl":"a"`, "", `{"lbl":null}`} {
		if _, err := c.exec(stInsertUnnamed, int64(i+1), int64(0), "ri"+strconv.Itoa(i), nil, int64(3), "m2m:cnt", int64(0), int64(0),
			int64(0), nil, "", int64(0), int64(0), int64(0), int64(0), int64(0), []byte(attributes), int64(0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrate(c, steps, file, log); err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]int{"a": 2, "k:ü": 1, "k": 0} {
		if found, err := c.labelled(label, 0, 10); err != nil || len(found) != want {
			t.Errorf("%d resources have %q, not %d: %v", len(found), label, want, err)
		}
	}
}

func TestMigrate_KeepsTheOutboxOfVersion1(t *testing.T) {
	t.Parallel()
	c, file := dialTest(t)
	log := slog.New(slog.DiscardHandler)
	steps, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(c, steps[:1], file, log); err != nil {
		t.Fatal(err)
	}
	err = c.script("INSERT INTO delivery (id, target, subscription, event, request, priority, final, payload, created, attempts, not_before)" +
		" VALUES (7, 't', 's', 8, 'r', 0, 1, x'7b7d', 9, 1, 0)")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(c, steps, file, log); err != nil {
		t.Fatal(err)
	}
	policies, target := 0, ""
	err = c.once("SELECT target, held, category, events FROM delivery", func(row []driver.Value) error {
		cs := &cells{row: row}
		target = cell[string](cs)
		policies = int(cell[int64](cs)*100 + cell[int64](cs)*10 + cell[int64](cs))
		return cs.err
	})
	if err != nil || target != "t" || policies != 1 {
		t.Errorf("%q, %d, %v: an old entry isn't held, has no category and tells of one event", target, policies, err)
	}
}
