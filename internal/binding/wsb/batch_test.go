package wsb

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
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
			if n, err := b.Write(p); err != nil || n != len(p) {
				t.Fatal(n, err)
			}
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

func TestBatch_APeerThatDoesNotReadMakesWritersWait(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	b := newBatch(near)
	var writers sync.WaitGroup
	full := make(chan struct{})
	writers.Go(func() {
		piece := make([]byte, 64<<10)
		for i := range 100 {
			if i == 60 {
				close(full) // 3.75 MiB: more than one batch on its way and another one pending
			}
			if _, err := b.Write(piece); err != nil {
				return
			}
		}
		t.Error("all was taken")
	})
	select {
	case <-full:
	case <-time.After(100 * time.Millisecond): // it waits earlier still
	}
	begun := time.Now()
	_ = b.Close()
	if d := time.Since(begun); d > 5*closeTime {
		t.Errorf("closing took %s", d)
	}
	writers.Wait()
	_ = far.Close()
}

func TestBatch_AnErrorShowsAtALaterWrite(t *testing.T) {
	t.Parallel()
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
}
