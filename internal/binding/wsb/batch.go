package wsb

import (
	"cmp"
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

// Times of one write. A peer that doesn't read holds a goroutine no longer.
const (
	writeTime = 30 * time.Second // for maxPiece
	closeTime = time.Second      // for what is pending when the connection is closed
)

// Bounds of what waits to be written.
const (
	// maxPending is how much may wait before messages wait for room, in goroutines
	// of their own and no longer than their requests. More would make a ping wait
	// too long behind it.
	maxPending = 256 << 10

	// maxUnasked is how much may wait without having asked for room: control frames,
	// and refusals. A peer that doesn't read and makes more of them loses the
	// connection.
	maxUnasked = 256 << 10

	maxPiece = 64 << 10 // of one write, so that a slow connection is told from a dead one
)

// batch is a connection that writes in a goroutine of its own: whatever was
// written while the one before was on its way leaves in one piece. An error
// shows at the next write, and ends the connection. A message of which a part
// was not taken is never complete at the other end.
type batch struct {
	net.Conn

	mu      sync.Mutex // guards what follows
	pending []byte
	leaving int           // octets on their way
	asked   int           // octets for which there is room, and that haven't all come yet
	unasked int           // octets of pending for which nobody has asked
	room    chan struct{} // closed when there is more room, or none any more; nil if nobody waits
	err     error
	closed  bool

	ready chan struct{} // capacity 1: there is something in pending
	done  chan struct{} // closed when the goroutine has ended
}

var errSlow = errors.New("the peer doesn't read what it makes this side write")

// newBatch returns a batch over c. Its goroutine ends with Close, which has to be
// called.
func newBatch(c net.Conn) *batch {
	b := &batch{Conn: c, ready: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// ask waits until a message of n octets may come, or until ctx ends: until no more
// than maxPending waits, however large it is, so that small ones don't keep it
// back. arrived has to be called when it has been written.
func (b *batch) ask(ctx context.Context, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case b.err != nil:
			return b.err
		case b.closed:
			return net.ErrClosed
		case len(b.pending)+b.leaving+b.asked <= maxPending:
			b.asked += n
			return nil
		}
		if b.room == nil {
			b.room = make(chan struct{})
		}
		room := b.room
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
		b.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// arrived ends what ask has begun.
func (b *batch) arrived(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked -= n
	b.tell()
}

// tell wakes up who waits for room. The lock is held.
func (b *batch) tell() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}

// Write takes p over. It never waits.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return 0, b.err
	case b.closed:
		return 0, net.ErrClosed
	case b.asked == 0 && b.unasked+len(p) > maxUnasked:
		b.err, b.pending = errSlow, nil
		b.tell()
		b.sever()
		return 0, errSlow
	}
	if b.pending == nil {
		b.pending = takePiece()
	}
	if b.asked == 0 {
		b.unasked += len(p)
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

// Close writes what is pending, as far as the connection takes it within
// closeTime, and closes it.
func (b *batch) Close() error {
	b.mu.Lock()
	b.closed = true
	b.tell()
	b.wake()
	b.mu.Unlock()
	patience := time.AfterFunc(closeTime, b.sever) // deadlines would be moved by the layers below
	defer patience.Stop()
	<-b.done
	return b.Conn.Close()
}

// sever closes the connection without a word, which could wait.
func (b *batch) sever() {
	c := b.Conn
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	_ = c.Close() // it is given up
}

// run writes until the end.
func (b *batch) run() {
	defer close(b.done)
	for range b.ready {
		runtime.Gosched() // who is about to write does so first
		b.mu.Lock()
		out, last := b.pending, b.closed
		b.pending, b.leaving, b.unasked = nil, len(out), 0
		b.mu.Unlock()
		err := b.send(out)
		givePiece(out)
		b.mu.Lock()
		b.leaving = 0
		if last = last || err != nil; last {
			b.closed, b.pending = true, nil
			b.err = cmp.Or(b.err, err)
		}
		b.tell()
		b.mu.Unlock()
		if err != nil {
			b.sever() // what reads ends too
		}
		if last {
			return
		}
	}
}

func (b *batch) send(out []byte) error {
	for len(out) > 0 {
		if err := b.Conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
			return err
		}
		n, err := b.Conn.Write(out[:min(len(out), maxPiece)])
		if err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// pieces lend the memory of batches: one that has nothing to write holds none.
var pieces = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func takePiece() []byte {
	p, _ := pieces.Get().(*[]byte) // it holds nothing else
	return (*p)[:0]
}

func givePiece(b []byte) {
	if b != nil && cap(b) <= maxPiece {
		pieces.Put(&b)
	}
}
