package sql_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

const (
	benchContainers = 100
	benchClients    = 64
)

// instance makes a contentInstance of some 300 octets.
func instance(id int64, parent *store.Record) *store.Record {
	ri := fmt.Sprintf("cin%011d", id)
	return &store.Record{
		ID: id, Parent: parent.ID, RI: ri, RN: ri, Type: onem2m.TypeContentInstance, Root: "m2m:cin",
		Created: 1, Modified: 1, Origin: "//m2m.example/Csensor", Size: 100,
		Attributes: fmt.Appendf(nil, `{"ty":4,"ri":%q,"rn":%q,"pi":%q,"con":"%0200d"}`, ri, ri, parent.RI, id),
	}
}

// populate makes containers with so many instances in each.
func populate(b testing.TB, s store.Store, each int) []*store.Record {
	b.Helper()
	var containers []*store.Record
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range benchContainers {
			id := tx.NextID()
			c := &store.Record{
				ID: id, RI: fmt.Sprintf("cnt%d", id), RN: fmt.Sprintf("c%d", i), Type: onem2m.TypeContainer,
				Root: "m2m:cnt", Attributes: make([]byte, 200), Counted: true, Counters: store.Counters{Count: int64(each)},
			}
			containers = append(containers, c)
			if err := tx.Insert(c); err != nil {
				return err
			}
		}
		return nil
	})
	for done := 0; err == nil && done < each*benchContainers; done += 5000 {
		err = s.Update(b.Context(), func(tx store.Tx) error {
			for i := range min(5000, each*benchContainers-done) {
				if err := tx.Insert(instance(tx.NextID(), containers[(done+i)%benchContainers])); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	return containers
}

// create does what a procedure does for a contentInstance.
func create(tx store.Tx, container string) (int64, error) {
	parent, err := tx.ByRI(container)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Subscriptions(parent.ID); err != nil {
		return 0, err
	}
	r := instance(tx.NextID(), parent)
	if err := tx.Insert(r); err != nil {
		return 0, err
	}
	c := parent.Counters
	c.State, c.Count, c.Bytes = c.State+1, c.Count+1, c.Bytes+r.Size
	return r.ID, tx.Count(parent.ID, c)
}

// cpuTime is what the process has used so far: it says more than wall-clock
// time where the machine is shared.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// clients shares b.N calls among goroutines and reports latencies.
func clients(b *testing.B, n int, fn func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	took := make([][]time.Duration, n)
	b.ResetTimer()
	cpu := cpuTime(b)
	for c := range n {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				start := time.Now()
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1, 16, benchClients} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			s := open(b, sql.Options{Dir: b.TempDir()})
			defer func() { _ = s.Close() }()
			containers := populate(b, s, 200)
			before := s.Stats()
			clients(b, n, func(i int) error {
				return s.Update(b.Context(), func(tx store.Tx) error {
					_, err := create(tx, containers[i%benchContainers].RI)
					return err
				})
			})
			after := s.Stats()
			b.ReportMetric(float64(after.Jobs-before.Jobs)/float64(after.Batches-before.Batches), "jobs/batch")
		})
	}
}

// The steady state of a container with maxNrOfInstances: one in, one out.
func BenchmarkCreateAndEvict(b *testing.B) {
	s := open(b, sql.Options{Dir: b.TempDir()})
	defer func() { _ = s.Close() }()
	containers := populate(b, s, 200)
	clients(b, benchClients, func(i int) error {
		return s.Update(b.Context(), func(tx store.Tx) error {
			c := containers[i%benchContainers]
			if _, err := create(tx, c.RI); err != nil {
				return err
			}
			old, err := tx.Edge(c.ID, onem2m.TypeContentInstance, false, 0)
			return errors.Join(err, tx.Remove(old.ID))
		})
	})
}

func BenchmarkGetByRI(b *testing.B) {
	for name, cache := range map[string]int{"cached": 0, "database": 1} {
		b.Run(name, func(b *testing.B) {
			s := open(b, sql.Options{Dir: b.TempDir(), CacheBytes: cache})
			defer func() { _ = s.Close() }()
			containers := populate(b, s, 200)
			clients(b, 8, func(i int) error {
				return s.Read(b.Context(), func(r store.Reader) error {
					_, err := r.ByRI(containers[i%benchContainers].RI)
					return err
				})
			})
		})
	}
}

func BenchmarkNewest(b *testing.B) {
	s := open(b, sql.Options{Dir: b.TempDir()})
	defer func() { _ = s.Close() }()
	containers := populate(b, s, 200)
	clients(b, 8, func(i int) error {
		return s.Read(b.Context(), func(r store.Reader) error {
			_, err := r.Edge(containers[i%benchContainers].ID, onem2m.TypeContentInstance, true, 1)
			return err
		})
	})
}

func BenchmarkChildrenPage(b *testing.B) {
	s := open(b, sql.Options{Dir: b.TempDir()})
	defer func() { _ = s.Close() }()
	containers := populate(b, s, 1000)
	clients(b, 2, func(i int) error {
		return s.Read(b.Context(), func(r store.Reader) error {
			page, err := r.Children(containers[i%benchContainers].ID, store.Page{Limit: 100})
			if err == nil && len(page) != 100 {
				err = fmt.Errorf("%d records", len(page))
			}
			return err
		})
	})
}
