package sql_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

func TestOpen_RefusesASecondHolderAndNamesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, sql.Options{Dir: dir})
	_, err := sql.Open(t.Context(), sql.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) ||
		!strings.Contains(err.Error(), filepath.Join(dir, "lock")) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, sql.Options{Dir: dir})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_MakesFilesThatOnlyTheOwnerReads(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data ä?#%")
	s := open(t, sql.Options{Dir: dir})
	defer func() { _ = s.Close() }()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("a", nil) }); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen < 4 { // directory, lock, database, log
		t.Errorf("%d files, %v", seen, err)
	}
}

func TestOpen_FailsWhereItCannotWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sql.Open(t.Context(), sql.Options{Dir: filepath.Join(file, "data")}); err == nil {
		t.Error("it opened")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bulwark.db"), bytes.Repeat([]byte("no database"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sql.Open(t.Context(), sql.Options{Dir: dir}); err == nil {
		t.Error("it opened something else")
	}
	// Nothing of a failed Open is left behind: the lock is free.
	if err := os.Remove(filepath.Join(dir, "bulwark.db")); err != nil {
		t.Fatal(err)
	}
	if err := open(t, sql.Options{Dir: dir}).Close(); err != nil {
		t.Error(err)
	}
}

func TestStats_CountWhatHappens(t *testing.T) {
	t.Parallel()
	s := open(t, sql.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	defer func() { _ = s.Close() }()
	ctx := context.WithoutCancel(t.Context())
	for range 3 {
		if err := s.Update(ctx, func(tx store.Tx) error {
			id := tx.NextID()
			ri := fmt.Sprint("r", id)
			return tx.Insert(&store.Record{ID: id, RI: ri, RN: ri, Type: onem2m.TypeContainer})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Read(ctx, func(r store.Reader) error {
		_, err := r.ByRI("r1")
		_, _ = r.ByRI("nobody")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	got := s.Stats()
	if got.Batches != 3 || got.Jobs != 3 || got.LastBatch != 1 || got.Lost != 0 || got.Waiting != 0 ||
		got.CacheHits != 1 || got.CacheMisses != 1 || got.CacheEntries != 3 || got.CacheBytes == 0 || got.LogBytes == 0 {
		t.Errorf("%+v", got)
	}
}
