package bench

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestMeasure_EndsWithTheContextAndSaysItOnce(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }() // nothing is left to be written
	stopped := errors.New("Ctrl-C")
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { stop(stopped) })
	began := time.Now()
	_, err = measure(ctx, target{address: silent.Addr().String(), request: []byte("GET / HTTP/1.1\r\n\r\n"), status: 200}, 8, time.Hour)
	if !errors.Is(err, stopped) || err.Error() != stopped.Error() || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
