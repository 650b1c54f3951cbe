package sql_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/internal/store/storetest"
)

func open(t testing.TB, o sql.Options) *sql.Store {
	t.Helper()
	s, err := sql.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore_KeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return open(t, sql.Options{Dir: dir}) })
}

// With next to no cache every look-up is a miss, an eviction or a stale fill.
func TestStore_KeepsTheContractWithATinyCache(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, dir string) store.Store {
		return open(t, sql.Options{Dir: dir, CacheBytes: 4000, Readers: 1})
	})
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		// This process is the child of the crash test: it ends by being killed.
		fmt.Fprintln(os.Stderr, crashChild(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
