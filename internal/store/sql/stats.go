package sql

import (
	"os"
	"sync/atomic"
)

// Stats are numbers for metrics, counted since Open unless they say otherwise.
type Stats struct {
	Batches   int64 // commits, and attempts at one
	Lost      int64 // batches that could not be committed
	Jobs      int64 // Updates in them
	LastBatch int64 // jobs in the latest batch
	Waiting   int   // Updates waiting now

	CacheHits      int64
	CacheMisses    int64
	CacheEvictions int64
	CacheEntries   int // now
	CacheBytes     int // now, estimated

	LogBytes int64 // size of the write-ahead log file now
}

// counters are what the writer counts.
type counters struct{ batches, lost, jobs, last atomic.Int64 }

func (c *counters) batch(jobs int, err error) {
	c.batches.Add(1)
	c.jobs.Add(int64(jobs))
	c.last.Store(int64(jobs))
	if err != nil {
		c.lost.Add(1)
	}
}

// Stats returns what the store has done so far. It is cheap.
func (s *Store) Stats() Stats {
	st := Stats{
		Batches: s.stats.batches.Load(), Lost: s.stats.lost.Load(),
		Jobs: s.stats.jobs.Load(), LastBatch: s.stats.last.Load(),
		CacheHits: s.cache.hits.Load(), CacheMisses: s.cache.misses.Load(), CacheEvictions: s.cache.evictions.Load(),
	}
	s.queue.mu.Lock()
	st.Waiting = len(s.queue.waiting)
	s.queue.mu.Unlock()
	s.cache.mu.RLock()
	st.CacheEntries, st.CacheBytes = len(s.cache.ring), s.cache.weight
	s.cache.mu.RUnlock()
	// No file, no log: Close removes it.
	if info, err := os.Stat(s.file + "-wal"); err == nil {
		st.LogBytes = info.Size()
	}
	return st
}
