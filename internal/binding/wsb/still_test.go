package wsb

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// still is a listener for a test with a clock of its own, which moves when nobody
// has anything to do: what such a test sees depends on no machine.
type still struct {
	calls chan net.Conn
	done  chan struct{}
	close func()
}

// newStill serves connections without a network until the test ends.
func newStill(t *testing.T, serve http.HandlerFunc) *still {
	t.Helper()
	l := &still{calls: make(chan net.Conn), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.done) })
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	server := &http.Server{
		ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serving.Add(1)
			defer serving.Done()
			serve(w, r)
		}),
	}
	serving.Go(func() { _ = server.Serve(l) }) // until it is closed
	t.Cleanup(func() { cancel(); _ = server.Close(); serving.Wait() })
	return l
}

// stillServer is listen without a network: every connection is one of registree.
func stillServer(t *testing.T, o Options) (*Server, *still) {
	t.Helper()
	s := NewServer(o)
	return s, newStill(t, func(w http.ResponseWriter, r *http.Request) {
		Door{Server: s}.ServeSocket(w, r, &identity.Association{IDs: []onem2m.ID{registree}, Kind: identity.KindCSE, CredentialID: "credential", Binding: "wss"}, time.Time{})
	})
}

// Accept implements net.Listener.
func (l *still) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *still) Close() error { l.close(); return nil }

// Addr implements net.Listener.
func (l *still) Addr() net.Addr { return &net.IPAddr{} }

func (l *still) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.calls <- newRoomy(far):
		return newRoomy(near), nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// roomy takes some writes over, as a system does, whether the other end reads or
// not. Close is for both directions, and delivers what was taken if it is read.
type roomy struct {
	net.Conn
	taken chan []byte
	done  chan struct{}
	over  func()
}

func newRoomy(c net.Conn) *roomy {
	r := &roomy{Conn: c, taken: make(chan []byte, 64), done: make(chan struct{})}
	r.over = sync.OnceFunc(func() { close(r.done) })
	go r.run()
	return r
}

func (r *roomy) run() {
	defer r.over()
	defer r.Conn.Close()
	for {
		select {
		case p := <-r.taken:
			if _, err := r.Conn.Write(p); err != nil {
				return
			}
			continue
		default:
		}
		select {
		case p := <-r.taken:
			if _, err := r.Conn.Write(p); err != nil {
				return
			}
		case <-r.done:
			return
		}
	}
}

// Write implements net.Conn.
func (r *roomy) Write(p []byte) (int, error) {
	select {
	case <-r.done:
		return 0, net.ErrClosed
	case r.taken <- bytes.Clone(p):
		return len(p), nil
	}
}

// SetWriteDeadline implements net.Conn: no test waits for one.
func (r *roomy) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (r *roomy) SetDeadline(t time.Time) error { return r.SetReadDeadline(t) }

// Close implements net.Conn.
func (r *roomy) Close() error {
	now := time.Now()
	r.over()
	return errors.Join(r.Conn.SetReadDeadline(now), r.Conn.SetWriteDeadline(now.Add(time.Second)))
}

// connect returns a client of the library's own, once its connection is served.
func (l *still) connect(t *testing.T) *websocket.Conn {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx) }}
	c, answer, err := websocket.Dial(t.Context(), "ws://in.m2m.example/", &websocket.DialOptions{
		Subprotocols: []string{"oneM2M.json"}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err, answer)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	synctest.Wait()
	return c
}

// client returns a client of this package.
func (l *still) client(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, _ bool, _ string, _ onem2m.ID) (Dialed, error) {
			c, err := l.dial(ctx)
			return Dialed{Conn: c}, err
		}
	}
	return newClient(t, o)
}
