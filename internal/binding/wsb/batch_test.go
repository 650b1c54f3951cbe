package wsb

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestBatch_NothingIsLostOrOutOfOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		near, far := net.Pipe()
		b := newBatch(near)
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3000), 1, 40).Draw(t, "pieces")
		var want []byte
		got := make(chan []byte, 1)
		go func() {
			all, _ := io.ReadAll(far)
			got <- all
		}()
		for _, p := range pieces {
			want = append(want, p...)
			if err := b.ask(t.Context(), len(p)); err != nil {
				t.Fatal(err)
			}
			if n, err := b.Write(p); err != nil || n != len(p) {
				t.Fatal(n, err)
			}
			b.arrived(len(p))
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if all := <-got; string(all) != string(want) {
			t.Fatalf("%d octets of %d", len(all), len(want))
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestBatch_APeerThatDoesNotReadMakesWritersWaitAsLongAsTheyLike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		b := newBatch(near)
		piece := make([]byte, 64<<10)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		taken := 0
		for {
			if err := b.ask(ctx, len(piece)); err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				break
			}
			if _, err := b.Write(piece); err != nil {
				t.Fatal(err)
			}
			b.arrived(len(piece))
			taken += len(piece)
		}
		if taken > maxPending+len(piece) {
			t.Errorf("%d octets wait", taken)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- b.ask(t.Context(), 1) }()
		begun := time.Now()
		_ = b.Close()
		if d := time.Since(begun); d > closeTime {
			t.Errorf("closing took %s", d)
		}
		if err := <-waiting; err == nil {
			t.Error("there is room on a closed connection")
		}
	})
}

func TestBatch_WhatAsksForNoRoomIsBoundedToo(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer far.Close()
	b := newBatch(near)
	pong, taken := make([]byte, 127), 0
	for taken < 10*(maxPending+maxUnasked) {
		if _, err := b.Write(pong); err != nil {
			break
		}
		taken += len(pong)
	}
	if taken > 2*(maxPending+maxUnasked) {
		t.Errorf("%d octets were taken", taken)
	}
	_ = b.Close()
}

// mover is a connection that gives each write a deadline of its own, as those of
// a listener do.
type mover struct{ net.Conn }

func (m mover) Write(p []byte) (int, error) {
	if err := m.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	return m.Conn.Write(p)
}

func TestBatch_ClosingTakesNoLongerWhateverTheLayersBelowAllow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		b := newBatch(mover{near})
		for range 4 { // one on its way, and others behind it
			if err := b.ask(t.Context(), 50<<10); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Write(make([]byte, 50<<10)); err != nil {
				t.Fatal(err)
			}
			b.arrived(50 << 10)
			time.Sleep(10 * time.Millisecond)
		}
		begun := time.Now()
		_ = b.Close()
		if d := time.Since(begun); d > closeTime {
			t.Errorf("closing took %s", d)
		}
	})
}

func TestBatch_AnErrorShowsAtALaterWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		b := newBatch(near)
		_ = far.Close()
		for range 1000 {
			if _, err := b.Write([]byte("x")); err != nil {
				_ = b.Close()
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Error("no write failed")
	})
}
