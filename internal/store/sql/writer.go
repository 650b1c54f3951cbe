package sql

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"bulwark/internal/store"
)

// maxBatch bounds the jobs of one commit: past it a commit's fixed cost is no
// longer what counts, and the first job would wait for the last.
const maxBatch = 128

// job is one Update that waits for the writer.
type job struct {
	ctx   context.Context // that of the caller, who waits
	fn    func(store.Tx) error
	state atomic.Int32 // one of the following
	err   error        // set before done is closed
	done  chan struct{}
}

// A job is waiting until either the writer starts it or its caller gives up.
const (
	jobWaiting = iota
	jobStarted
	jobGivenUp
)

// queue holds the jobs that wait. Its length is bounded by the callers, each of
// whom waits for one job.
type queue struct {
	mu      sync.Mutex // guards waiting and closed
	waiting []*job
	closed  bool
	wake    chan struct{} // holds a token when there may be something to do
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// add queues a job; it reports false once the queue is closed.
func (q *queue) add(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, j)
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // there is a token already
	}
}

// close lets no more jobs in; those that wait are still done.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// take moves up to n waiting jobs to dst without waiting.
func (q *queue) take(dst []*job, n int) (jobs []*job, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.waiting))
	dst = append(dst, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	if rest > 0 {
		q.signal()
	}
	return dst, q.closed
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	if !s.queue.add(j) {
		return store.ErrClosed
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobGivenUp) {
			return context.Cause(ctx)
		}
		<-j.done // it may have been committed already: only the writer knows
	}
	return j.err
}

// write is the writer. It ends when the queue is closed and empty.
func (s *Store) write() {
	defer close(s.written)
	jobs := make([]*job, 0, maxBatch)
	for range s.queue.wake {
		for {
			var closed bool
			if jobs, closed = s.queue.take(jobs[:0], maxBatch); len(jobs) == 0 {
				if closed {
					return
				}
				break
			}
			jobs = s.commitTogether(jobs)
			clear(jobs)
		}
	}
}

// commitTogether runs jobs, and what joins them meanwhile, in one transaction
// and answers them.
func (s *Store) commitTogether(jobs []*job) []*job {
	b := newBatch(s)
	for i := 0; i < len(jobs); i++ {
		j := jobs[i]
		if j.state.CompareAndSwap(jobWaiting, jobStarted) {
			b.run(j)
		}
		if i == len(jobs)-1 && len(jobs) < maxBatch {
			jobs, _ = s.queue.take(jobs, maxBatch-len(jobs))
		}
	}
	err := b.commit()
	if err != nil {
		s.log.Error("store: a batch is lost", "jobs", len(jobs), "error", err)
	} else {
		b.runHooks()
	}
	s.stats.batch(len(jobs), err)
	for _, j := range jobs {
		// A job that failed by itself keeps its own error.
		if err != nil && j.err == nil {
			j.err = fmt.Errorf("store: nothing was kept: %w", err)
		}
		close(j.done)
	}
	return jobs
}

// errPanic is what a panic in a function given to the store becomes.
var errPanic = errors.New("store: panic")

// guarded runs fn and turns a panic into an error: one broken procedure must not
// take the writer with it.
func (s *Store) guarded(ctx context.Context, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
			s.log.ErrorContext(ctx, "store: panic in a transaction", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return fn()
}
