package sql_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

var records = flag.Int("records", 40_000, "how many instances the size test stores; a million tells most")

// resident is the memory of the process as the system counts it.
func resident(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") {
			return strings.Join(strings.Fields(line)[1:], " ")
		}
	}
	return "?"
}

// TestStore_StartsFastAndStaysSmall reports how a large store behaves. It judges
// only what doesn't depend on the machine: it isn't a benchmark.
func TestStore_StartsFastAndStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sql.Options{Dir: dir})
	start := time.Now()
	containers := populate(t, s, *records/benchContainers)
	t.Logf("%d records stored in %v, %s", *records, time.Since(start), resident(t))
	start = time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("closed in %v", time.Since(start))
	debug.FreeOSMemory()
	start = time.Now()
	s = open(t, sql.Options{Dir: dir})
	t.Logf("opened in %v, %s", time.Since(start), resident(t))
	start = time.Now()
	for range 100_000 {
		if err := s.Read(t.Context(), func(r store.Reader) error {
			_, err := r.ByRI(fmt.Sprintf("cin%011d", benchContainers+1+rand.IntN(*records)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("100000 random reads in %v, %s", time.Since(start), resident(t))
	start = time.Now()
	for i := range 2000 {
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			_, err := create(tx, containers[i%benchContainers].RI)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("2000 creates, one by one, in %v, %s", time.Since(start), resident(t))
	start = time.Now()
	for i := range 200 {
		if err := s.Read(t.Context(), func(r store.Reader) error {
			c := containers[i%benchContainers].ID
			page, err := r.Children(c, store.Page{After: int64(*records / 2), Limit: 100})
			if err == nil && len(page) != 100 {
				err = fmt.Errorf("%d records", len(page))
			}
			if err == nil {
				_, err = r.Edge(c, onem2m.TypeContentInstance, false, 1)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("200 pages of 100 in %v, %s", time.Since(start), resident(t))
	if got := s.Stats(); got.CacheBytes > 33<<20 {
		t.Errorf("the cache has %d octets", got.CacheBytes)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
