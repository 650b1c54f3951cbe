package sql_test

import (
	"bufio"
	"context"
	stdsql "database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

var kills = flag.Int("kills", 3, "how often the crash test kills the writing process")

// crashDir tells the child of the crash test where to write.
const crashDir = "BULWARK_TEST_CRASH_DIR"

const (
	crashContainers = 4
	crashClients    = 16
)

// crashContainer is the resourceID of a container of the crash test.
func crashContainer(i int) string { return fmt.Sprintf("crash%d", i%crashContainers) }

// crashChild writes until it is killed. What it says is on its output before it
// goes on: "?5" that it is going to remove 5, "+7" that 7 is acknowledged, "-5"
// that the removal of 5 is.
func crashChild(dir string) error {
	ctx := context.Background()
	s, err := sql.Open(ctx, sql.Options{Dir: dir})
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx store.Tx) error {
		for i := range crashContainers {
			if _, err := tx.ByRI(crashContainer(i)); err == nil {
				continue
			}
			ri := crashContainer(i)
			if err := tx.Insert(&store.Record{ID: tx.NextID(), RI: ri, RN: ri, Type: onem2m.TypeContainer, Counted: true}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	errs := make([]error, crashClients)
	var wg sync.WaitGroup
	for client := range crashClients {
		wg.Go(func() { errs[client] = crashClient(ctx, s, client) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// crashClient creates instances; every third call also removes one of its own,
// and every fifth fails in the middle.
func crashClient(ctx context.Context, s *sql.Store, client int) error {
	var mine []int64
	for k := 0; ; k++ {
		old := int64(0)
		if k%3 == 2 {
			old = mine[0]
			mine = mine[1:]
			say("?", old)
		}
		id := int64(0)
		err := s.Update(ctx, func(tx store.Tx) (err error) {
			if id, err = create(tx, crashContainer(client)); err != nil {
				return err
			}
			if old != 0 {
				if err := tx.Remove(old); err != nil {
					return err
				}
				parent, err := tx.ByRI(crashContainer(client))
				if err != nil {
					return err
				}
				c := parent.Counters
				c.State, c.Count, c.Bytes = c.State+1, c.Count-1, c.Bytes-100
				if err := tx.Count(parent.ID, c); err != nil {
					return err
				}
			}
			if k%5 == 4 {
				return errUndone
			}
			return nil
		})
		switch {
		case err == nil:
			mine = append(mine, id)
			say("+", id)
			if old != 0 {
				say("-", old)
			}
		case !errors.Is(err, errUndone):
			return err
		}
	}
}

var errUndone = errors.New("undone")

// say writes a line in one piece, past any buffer.
func say(what string, id int64) {
	_, _ = os.Stdout.WriteString(what + strconv.FormatInt(id, 10) + "\n")
}

func TestStore_C481_WhatWasAcknowledgedOutlivesSIGKILL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := map[int64]byte{} // the last word on each number
	acknowledged := 0
	for range *kills {
		acknowledged += killOnce(t, dir, said)
		verifyCrashed(t, dir, said)
	}
	if acknowledged == 0 {
		t.Error("nothing was acknowledged: the test tests nothing")
	}
	t.Logf("%d kills, %d acknowledged creates", *kills, acknowledged)
}

// killOnce runs a child for a while and takes down what it said.
func killOnce(t *testing.T, dir string, said map[int64]byte) (acknowledged int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // a line that was cut off was not said
		}
		if err != nil {
			t.Fatal(err)
		}
		id, err := strconv.ParseInt(line[1:len(line)-1], 10, 64)
		if err != nil {
			t.Fatalf("the child said %q", line)
		}
		said[id] = line[0]
		if line[0] == '+' {
			if acknowledged++; acknowledged == 1 {
				// The clock starts with the first word: starting takes its time.
				time.AfterFunc(time.Duration(50+rand.IntN(250))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}

// verifyCrashed compares what is stored with what was said.
func verifyCrashed(t *testing.T, dir string, said map[int64]byte) {
	t.Helper()
	s := open(t, sql.Options{Dir: dir})
	err := s.Read(t.Context(), func(r store.Reader) error {
		for id, word := range said {
			_, err := r.ByID(id)
			switch {
			case word == '+' && err != nil:
				t.Errorf("%d was acknowledged: %v", id, err)
			case word == '-' && !errors.Is(err, store.ErrNotFound):
				t.Errorf("the removal of %d was acknowledged: %v", id, err)
			}
		}
		for i := range crashContainers {
			if err := verifyCounters(t, r, crashContainer(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := stdsql.Open("sqlite", filepath.Join(dir, "bulwark.db"))
	if err != nil {
		t.Fatal(err)
	}
	verdict := ""
	err = db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict)
	orphans := 0
	err = errors.Join(err, db.QueryRowContext(t.Context(),
		"SELECT COUNT(*) FROM resource WHERE parent > 0 AND parent NOT IN (SELECT id FROM resource)").Scan(&orphans), db.Close())
	if err != nil || verdict != "ok" || orphans != 0 {
		t.Errorf("integrity: %s, %d orphans, %v", verdict, orphans, err)
	}
}

// verifyCounters holds the counters of a container against its rows.
func verifyCounters(t *testing.T, r store.Reader, ri string) error {
	t.Helper()
	c, err := r.ByRI(ri)
	if err != nil {
		return err
	}
	rows, size := int64(0), int64(0)
	for after := int64(0); ; {
		page, err := r.Children(c.ID, store.Page{After: after})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			rows, size, after = rows+1, size+p.Size, p.ID
		}
	}
	if c.Counters.Count != rows || c.Counters.Bytes != size || c.Counters.State < rows {
		t.Errorf("%s counts %+v, there are %d rows of %d octets", ri, c.Counters, rows, size)
	}
	return nil
}
