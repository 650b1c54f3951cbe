package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/client"
	"bulwark/onem2m"
)

// Bounds of the notification measurements.
const (
	producers   = 8
	outstanding = 500 // notifications under way to one subscriber: half of what a target's queue holds
)

// measureNotifications counts what arrives at one and at 1,000 subscribers of a
// container in which instances are made as fast as the notifications are taken.
func measureNotifications(ctx context.Context, t *table, g *rig, d time.Duration) (err error) {
	s, err := startSink(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	for _, subscribers := range []int{1, 1000} {
		f, err := g.notifications(ctx, s, subscribers, d)
		if err != nil {
			return fmt.Errorf("notifications to %d: %w", subscribers, err)
		}
		name := fmt.Sprintf("notifications to %d subscribers", subscribers)
		if subscribers == 1 {
			name = "notifications to one subscriber, in order"
		}
		t.rate(name, f, "echo", 0)
	}
	return nil
}

// sink is a server that takes notifications and counts them.
type sink struct {
	server  *http.Server
	address string
	done    chan error
	taken   atomic.Int64
	freed   chan struct{} // a signal that something has been taken
}

func startSink(ctx context.Context) (*sink, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{address: l.Addr().String(), done: make(chan error, 1), freed: make(chan struct{}, producers)}
	s.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: s}
	go func() { s.done <- s.server.Serve(l) }()
	return s, nil
}

// ServeHTTP says yes to whatever comes.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // what is missing doesn't matter here
	w.Header().Set("X-M2M-RSC", strconv.Itoa(int(onem2m.OK)))
	w.Header().Set("X-M2M-RI", r.Header.Get("X-M2M-RI"))
	s.taken.Add(1)
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

func (s *sink) stop() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// notifications makes a container with subscriptions, and instances in it for a
// time, and returns at what rate the notifications arrived.
func (g *rig) notifications(ctx context.Context, s *sink, subscribers int, d time.Duration) (figures, error) {
	c, err := client.New(client.Options{URL: "http://" + g.plain, From: "CBenchPlain"})
	if err != nil {
		return figures{}, err
	}
	defer c.Close()
	parent := "cse-in/plain/watched" + strconv.Itoa(subscribers)
	if err := furnishWatched(ctx, c, s, parent, subscribers); err != nil {
		return figures{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	before, begin := s.taken.Load(), time.Now()
	var made atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, producers)
	for i := range producers {
		group.Go(func() {
			errs[i] = s.produce(ctx, c, parent, int64(subscribers), &made, before)
		})
	}
	group.Wait()
	f := figures{perSecond: float64(s.taken.Load()-before) / time.Since(begin).Seconds()}
	return f, errors.Join(errs...)
}

// produce makes instances until the time is over, and waits when too many
// notifications are under way.
func (s *sink) produce(ctx context.Context, c *client.Client, parent string, subscribers int64, made *atomic.Int64, before int64) error {
	limit := max(outstanding, producers*subscribers)
	for ctx.Err() == nil {
		if made.Load()*subscribers-(s.taken.Load()-before) >= limit {
			select {
			case <-s.freed:
			case <-ctx.Done():
			}
			continue
		}
		made.Add(1)
		_, err := c.Create(ctx, parent, onem2m.TypeContentInstance, onem2m.Object{{Name: "con", Value: onem2m.TextValue(strings.Repeat("x", 100))}})
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// furnishWatched makes the container and its subscriptions.
func furnishWatched(ctx context.Context, c *client.Client, s *sink, path string, subscribers int) error {
	parent, name := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	if _, err := c.Create(ctx, parent, onem2m.TypeContainer, onem2m.Object{{Name: "rn", Value: onem2m.TextValue(name)}}); err != nil {
		return err
	}
	for i := range subscribers {
		target := fmt.Sprintf("http://%s/%s/%d", s.address, name, i)
		if _, err := c.Create(ctx, path, onem2m.TypeSubscription, onem2m.Object{
			{Name: "nu", Value: onem2m.TextsValue([]string{target})},
			{Name: "enc", Value: []byte(`{"net":[3]}`)},
		}); err != nil {
			return err
		}
	}
	return nil
}
