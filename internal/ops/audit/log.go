package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueLength bounds the records that wait for the disk: some seconds of
	// them on a busy CSE.
	queueLength = 4096
	// batchLength bounds the records of one write, so that a stop is quick.
	batchLength = 256
	// gather is how long the writer lets records collect behind the first one.
	// A busy CSE makes tens of thousands in a second; to wake the writer for
	// each and to write each by itself costs more than the decision did. The end
	// of the process takes about as much of the trail.
	gather = 2 * time.Millisecond
	// denialWait is how long the caller of a denial is held while the queue is
	// full. A denial must not get lost because somebody floods the queue with
	// permitted requests; a disk that hangs must not stop the CSE either.
	denialWait = 200 * time.Millisecond
	// tick is the period of synchronization with the disk and of summaries.
	tick = time.Second
)

// Options are the bounds of a Log.
type Options struct {
	Size  int64            // octets at which a file is closed; at least one record is in each
	Count int              // files that are kept, the current one included; at least 2
	Logs  *slog.Logger     // where trouble with the disk is reported; nil for nowhere
	Now   func() time.Time // clock; nil for time.Now
}

// Log is an open audit trail. Its methods may be called by any number of
// goroutines. One goroutine of its own writes; Close waits for it.
type Log struct {
	queue chan Record
	quit  chan struct{}
	done  chan struct{}
	stop  sync.Once

	opt     Options
	repeats repeats
	out     *trail   // of the writer goroutine, as is
	records []Record // the buffer of its batches

	lost    atomic.Uint64 // records lost since the last line that said so
	allLost atomic.Uint64
	failed  atomic.Bool // the last write failed
}

// Open opens the trail in dir, which is created with mode 0700, and starts its
// writer.
func Open(dir string, opt Options) (*Log, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logs == nil {
		opt.Logs = slog.New(slog.DiscardHandler)
	}
	out, err := openTrail(dir, opt.Size, opt.Count)
	if err != nil {
		return nil, fmt.Errorf("open the audit trail: %w", err)
	}
	l := &Log{
		queue: make(chan Record, queueLength), quit: make(chan struct{}), done: make(chan struct{}),
		opt: opt, out: out, repeats: repeats{entries: map[repeatKey]*repeat{}},
	}
	go l.run()
	return l, nil
}

// Write queues r for the disk and returns at once, except for a denial that
// finds the queue full: that waits for a moment. A record that finds no place
// is counted, and the count is recorded when there is place again. Identical
// denials of one credential are written ten times a minute, then summed up
// (S-096). A zero Time is set to now.
func (l *Log) Write(r Record) {
	if r.Time.IsZero() {
		r.Time = l.opt.Now()
	}
	r.Time = r.Time.UTC()
	if r.Result == Deny && !l.repeats.admit(r) {
		return
	}
	select {
	case <-l.done:
		l.lose(1)
		return
	default:
	}
	select {
	case l.queue <- r:
		return
	default:
	}
	if r.Result != Deny {
		l.lose(1)
		return
	}
	timer := time.NewTimer(denialWait)
	defer timer.Stop()
	select {
	case l.queue <- r:
	case <-l.done:
		l.lose(1)
	case <-timer.C:
		l.lose(1)
	}
}

func (l *Log) lose(n uint64) {
	l.lost.Add(n)
	l.allLost.Add(n)
}

// Lost returns the number of records that were lost since Open.
func (l *Log) Lost() uint64 { return l.allLost.Load() }

// Waiting returns the number of records in the queue.
func (l *Log) Waiting() int { return len(l.queue) }

// Check is a readiness check: an error while the trail cannot be written.
func (l *Log) Check(context.Context) error {
	if l.failed.Load() {
		return errors.New("the audit trail cannot be written")
	}
	return nil
}

// Close writes what is queued and every open summary, and waits for the writer
// until ctx ends. Records that are written later are lost.
func (l *Log) Close(ctx context.Context) error {
	l.stop.Do(func() { close(l.quit) })
	select {
	case <-l.done:
		return l.Check(ctx)
	case <-ctx.Done():
		return fmt.Errorf("close the audit trail: %w", ctx.Err())
	}
}

// run is the writer.
func (l *Log) run() {
	defer close(l.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case r := <-l.queue:
			if len(l.queue) < batchLength {
				time.Sleep(gather)
			}
			l.put(l.batch(r))
		case <-ticker.C:
			l.put(l.repeats.summaries(l.opt.Now(), false))
			if err := l.out.sync(); err != nil {
				l.report(err) // success is reported by the next record
			}
		case <-l.quit:
			for len(l.queue) > 0 {
				l.put(l.batch(<-l.queue))
			}
			l.put(l.repeats.summaries(l.opt.Now(), true))
			if err := l.out.close(); err != nil {
				l.report(err)
			}
			return
		}
	}
}

// batch collects what else waits behind first.
func (l *Log) batch(first Record) []Record {
	l.records = append(l.records[:0], first)
	for len(l.records) < batchLength {
		select {
		case r := <-l.queue:
			l.records = append(l.records, r)
		default:
			return l.records
		}
	}
	return l.records
}

// put writes records, and before them how many were lost.
func (l *Log) put(records []Record) {
	lost := l.lost.Swap(0)
	if lost > 0 {
		note := Record{
			Time: l.opt.Now().UTC(), Event: "lost", Result: Note, Repeated: int(min(lost, 1<<31-1)), // #nosec G115 -- bounded
			Reason: "records were lost because the queue was full or the disk refused them",
		}
		records = append([]Record{note}, records...)
	}
	if len(records) == 0 {
		return
	}
	written, err := l.out.write(records)
	if err != nil {
		missing := uint64(len(records) - written) // #nosec G115 -- not negative
		if lost > 0 && written == 0 {
			l.lost.Add(lost) // to be said later; counted in allLost before
			missing--
		}
		l.lose(missing)
	}
	l.report(err)
}

// report tells the process log of a change between working and failing.
func (l *Log) report(err error) {
	failed := err != nil
	if l.failed.Swap(failed) == failed {
		return
	}
	if failed {
		l.opt.Logs.Error("the audit trail cannot be written; records are lost", "err", err)
		return
	}
	l.opt.Logs.Warn("the audit trail is written again", "lost", l.Lost())
}
