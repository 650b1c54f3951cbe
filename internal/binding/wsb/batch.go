package wsb

import (
	"context"
	"net"
	"runtime"
	"sync"
	"time"
)

// Times of one write. A peer that doesn't read holds a goroutine no longer.
const (
	writeTime = 30 * time.Second
	closeTime = time.Second // for what is pending when the connection is closed
)

// maxPending is how much may wait to be written before a further message waits for
// room, and maxWritten before the writing itself does: a peer that doesn't read
// holds this much memory and no more. A message of the greatest size fits.
const (
	maxPending = 2 << 20
	maxWritten = 16 << 20
)

// batch is a connection that writes in a goroutine of its own: whatever was
// written while the one before was on its way leaves in one piece. An error
// shows at the next write.
type batch struct {
	net.Conn

	mu      sync.Mutex // guards what follows
	room    *sync.Cond // signalled when pending was taken, or with err
	pending []byte
	err     error
	closed  bool

	ready chan struct{} // capacity 1: there is something in pending
	done  chan struct{} // closed when the goroutine has ended
}

// newBatch returns a batch over c. Its goroutine ends with Close, which has to
// be called.
func newBatch(c net.Conn) *batch {
	b := &batch{Conn: c, ready: make(chan struct{}, 1), done: make(chan struct{})}
	b.room = sync.NewCond(&b.mu)
	go b.run()
	return b
}

// await waits until there is room for a message, or ctx ends. What is wrong with
// the connection shows at the write.
func (b *batch) await(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full(maxPending) {
		return nil // nearly always
	}
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.room.Broadcast()
	})
	defer stop()
	for b.full(maxPending) && ctx.Err() == nil {
		b.room.Wait()
	}
	if b.full(maxPending) {
		return ctx.Err()
	}
	return nil
}

// full reports whether more than a number of octets is pending on a connection
// that stands. The lock is held.
func (b *batch) full(of int) bool { return len(b.pending) > of && b.err == nil && !b.closed }

// Write takes p over. It waits only while far too much is pending.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.full(maxWritten) {
		b.room.Wait()
	}
	switch {
	case b.err != nil:
		return 0, b.err
	case b.closed:
		return 0, net.ErrClosed
	}
	b.pending = append(b.pending, p...)
	b.wake()
	return len(p), nil
}

func (b *batch) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// Close writes what is pending, as far as the connection takes it, and closes it.
func (b *batch) Close() error {
	b.mu.Lock()
	b.closed = true
	b.room.Broadcast()
	b.wake()
	b.mu.Unlock()
	_ = b.Conn.SetWriteDeadline(time.Now().Add(closeTime)) // also of a write that hangs; an error shows there
	<-b.done
	return b.Conn.Close()
}

// run writes until the end.
func (b *batch) run() {
	defer close(b.done)
	var free []byte
	for range b.ready {
		runtime.Gosched() // who is about to write does so first
		b.mu.Lock()
		out, last := b.pending, b.closed
		b.pending = free[:0]
		b.room.Broadcast()
		b.mu.Unlock()
		var err error
		if len(out) > 0 {
			err = b.send(out, last)
		}
		if free = out[:0]; cap(free) > maxPending/4 {
			free = nil // a rare giant
		}
		if err != nil || last {
			b.fail(err)
			return
		}
	}
}

func (b *batch) send(out []byte, last bool) error {
	patience := writeTime
	if last {
		patience = closeTime
	}
	if err := b.Conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := b.Conn.Write(out)
	return err
}

// fail ends the writing.
func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.err, b.pending = err, nil
	b.room.Broadcast()
}
