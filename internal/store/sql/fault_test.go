package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

var errDisk = errors.New("disk full")

// faulty fails its executions from a certain one on.
type faulty struct {
	driver.Stmt
	pass int // executions that still work
}

func (f *faulty) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if f.pass--; f.pass < 0 {
		return nil, errDisk
	}
	return f.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// breakStatement makes a statement of the writer fail after pass executions and
// returns what repairs it. The writer must be idle.
func breakStatement(t *testing.T, s *Store, st statement, pass int) (repair func()) {
	t.Helper()
	whole, err := s.writer.statement(st)
	if err != nil {
		t.Fatal(err)
	}
	s.writer.prepared[st] = &faulty{Stmt: whole, pass: pass}
	return func() { s.writer.prepared[st] = whole }
}

// together runs functions in one batch and returns their errors.
func together(t *testing.T, s *Store, fns ...func(tx store.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	before := s.Stats().Batches
	entered, queued := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		// Holds the writer until the rest is queued; they join its batch.
		err := s.Update(t.Context(), func(store.Tx) error { close(entered); <-queued; return nil })
		if err != nil && !errors.Is(err, errDisk) {
			t.Error(err)
		}
	})
	<-entered
	for i, fn := range fns {
		wg.Go(func() { errs[i] = s.Update(t.Context(), fn) })
		for s.Stats().Waiting <= i { // in this order
			runtime.Gosched()
		}
	}
	close(queued)
	wg.Wait()
	if n := s.Stats().Batches - before; n != 1 {
		t.Fatalf("%d batches", n)
	}
	return errs
}

func container(tx store.Tx, rn string) error {
	id := tx.NextID()
	return tx.Insert(&store.Record{ID: id, RI: rn + "-ri", RN: rn, Type: onem2m.TypeContainer, Counted: true})
}

func TestUpdate_C481_ALostBatchLeavesNothingOfAnyJob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		st   statement
		pass int
	}{
		{"the commit fails", stCommit, 0},
		{"the second insert fails", stInsertNamed, 1},
		{"the counters can't be written", stCount, 0},
		{"releasing a savepoint fails", stRelease, 1},
		{"undoing a job fails", stUndo, 0},
		{"the transaction can't begin", stBeginWrite, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openTest(t, dir)
			if err := s.Update(t.Context(), func(tx store.Tx) error { return container(tx, "old") }); err != nil {
				t.Fatal(err)
			}
			repair := breakStatement(t, s, c.st, c.pass)
			hooks := 0
			undone := errors.New("undone")
			errs := together(t, s,
				func(tx store.Tx) error {
					tx.OnCommit(func() { hooks++ })
					old, err := tx.ByRI("old-ri")
					return errors.Join(err, container(tx, "one"), tx.Count(old.ID, store.Counters{Count: 5}),
						tx.Bind(store.Binding{ID: "//m2m.example/C1", Credential: "10-x"}))
				},
				func(tx store.Tx) error { return errors.Join(container(tx, "two"), undone) },
				func(tx store.Tx) error { return container(tx, "three") },
			)
			for i, err := range errs {
				if !errors.Is(err, errDisk) && (i != 1 || !errors.Is(err, undone)) {
					t.Errorf("job %d: %v", i, err)
				}
			}
			if hooks != 0 || s.Stats().Lost != 1 {
				t.Errorf("%d hooks ran, %d batches lost", hooks, s.Stats().Lost)
			}
			repair()
			verifyUntouched(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			verifyUntouched(t, openTest(t, dir))
		})
	}
}

// verifyUntouched fails unless the store has the one container "old".
func verifyUntouched(t *testing.T, s *Store) {
	t.Helper()
	look := func(r store.Reader) error {
		all, err := r.Children(0, store.Page{})
		if len(all) != 1 || all[0].RN != "old" || all[0].Counters != (store.Counters{}) {
			t.Errorf("there are %d records: %+v", len(all), all)
		}
		old, err2 := r.ByRI("old-ri")
		if err2 == nil && old.Counters != (store.Counters{}) {
			t.Errorf("counters: %+v", old.Counters)
		}
		if _, err := r.CredentialOf("//m2m.example/C1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("binding: %v", err)
		}
		return errors.Join(err, err2)
	}
	if err := s.Read(t.Context(), look); err != nil {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(look(tx), container(tx, "next"), tx.Remove(tx.NextID()-1))
	}); err != nil {
		t.Error(err)
	}
}

// A block of numbers that was reserved in a job that failed must be reserved
// again: otherwise they would be handed out twice after a crash.
func TestNextID_StaysReservedWhenItsJobFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTest(t, dir)
	undone := errors.New("undone")
	last := int64(0)
	errs := together(t, s,
		func(tx store.Tx) error {
			for i := range 3 * reserveBlock {
				last = tx.NextID()
				if i == 0 {
					if err := container(tx, "one"); err != nil {
						return err
					}
				}
			}
			return undone
		},
		func(tx store.Tx) error { return container(tx, fmt.Sprint("after ", last)) },
	)
	if !errors.Is(errs[0], undone) || errs[1] != nil {
		t.Fatal(errs)
	}
	bound, err := s.writer.number(stCounter, resourceCounter)
	if err != nil || bound <= last {
		t.Errorf("%d was handed out, numbers are reserved below %d, %v", last, bound, err)
	}
}
