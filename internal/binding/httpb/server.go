package httpb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/identity"
)

// Server is one HTTP listener. Listen opens it, Serve works until Shutdown or
// the end of its context.
type Server struct {
	o       Options
	handler Handler
	log     *slog.Logger
	now     func() time.Time
	http    *http.Server
	active  atomic.Int64 // requests in progress

	mu       sync.Mutex // guards listener
	listener *listener

	drained  chan struct{} // closed when Shutdown is through
	shutdown sync.Once
}

// NewServer returns a server that isn't listening yet.
func NewServer(o Options, h Handler) *Server {
	o.Limits = o.Limits.withDefaults()
	o.RecheckEvery = cmp.Or(o.RecheckEvery, DefaultRecheckEvery)
	o.MaxAge = cmp.Or(o.MaxAge, identity.MaxAssociationAge)
	s := &Server{o: o, handler: h, log: o.Log, now: o.Now, drained: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.http = &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            o.Limits.ReadHeaderTimeout,
		IdleTimeout:                  o.Limits.IdleTimeout,
		MaxHeaderBytes:               o.Limits.Header,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelInfo),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: o.Limits.MaxConcurrentStreams,
			SendPingTimeout:      o.Limits.IdleTimeout,
			WriteByteTimeout:     o.Limits.WriteTimeout,
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, linkKey{}, linkOf(c))
		},
	}
	return s
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Body:                 cmp.Or(l.Body, DefaultBody),
		Header:               cmp.Or(l.Header, DefaultHeader),
		Query:                cmp.Or(l.Query, DefaultQuery),
		Depth:                cmp.Or(l.Depth, DefaultDepth),
		ReadHeaderTimeout:    cmp.Or(l.ReadHeaderTimeout, DefaultReadHeaderTimeout),
		ReadTimeout:          cmp.Or(l.ReadTimeout, DefaultReadTimeout),
		WriteTimeout:         cmp.Or(l.WriteTimeout, DefaultWriteTimeout),
		IdleTimeout:          cmp.Or(l.IdleTimeout, DefaultIdleTimeout),
		MaxConns:             cmp.Or(l.MaxConns, DefaultMaxConns),
		MaxConcurrentStreams: cmp.Or(l.MaxConcurrentStreams, DefaultMaxConcurrentStreams),
	}
}

// Listen opens the socket.
func (s *Server) Listen(ctx context.Context) error {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("http listener: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = l.Close() // it was never used
		return errors.New("http listener: listening already")
	}
	s.listener = newListener(s, l)
	return nil
}

func (s *Server) current() *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener
}

// Addr returns the address of the socket, nil before Listen.
func (s *Server) Addr() net.Addr {
	if l := s.current(); l != nil {
		return l.Addr()
	}
	return nil
}

// Serve answers requests until Shutdown is called, and returns nil then. When
// ctx ends first it closes every connection, requests in progress included.
func (s *Server) Serve(ctx context.Context) error {
	l := s.current()
	if l == nil {
		return errors.New("http listener: Serve before Listen")
	}
	ctx, cancel := context.WithCancel(ctx)
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	var work sync.WaitGroup
	work.Go(func() { l.run(ctx) })
	work.Go(func() { s.recheck(ctx, l) })
	work.Go(func() {
		<-ctx.Done()
		_ = s.http.Close() // what it reports is of sockets that are gone
	})
	err := s.http.Serve(l)
	_ = l.Close() // closed by http.Server already
	if errors.Is(err, http.ErrServerClosed) {
		select {
		case <-s.drained:
		case <-ctx.Done():
		}
	}
	cancel()
	work.Wait()
	s.settle()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("http listener: %w", err)
}

// Shutdown stops accepting and waits for the requests in progress. When ctx
// ends first it closes their connections and returns its error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.shutdown.Do(func() { close(s.drained) })
	err := s.http.Shutdown(ctx)
	if s.o.Sockets != nil {
		err = errors.Join(err, s.o.Sockets.Shutdown(ctx))
	}
	if l := s.current(); l != nil {
		_ = l.Close() // net/http has closed it unless Serve never began
	}
	if err != nil {
		_ = s.http.Close() // the error of Shutdown is the one to tell
		return fmt.Errorf("http listener: %w", err)
	}
	return nil
}

// settle waits until the handlers, whose contexts have ended, have returned.
// One that doesn't is given up after settleTime rather than blocking the exit.
func (s *Server) settle() {
	const (
		settleTime = 5 * time.Second
		step       = time.Millisecond
	)
	for range settleTime / step {
		if s.active.Load() == 0 {
			return
		}
		time.Sleep(step)
	}
	s.log.Error("handlers still running at shutdown", "count", s.active.Load())
}

// recheck looks at the open connections every RecheckEvery.
func (s *Server) recheck(ctx context.Context, l *listener) {
	t := time.NewTicker(s.o.RecheckEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.recheck(s.now())
		case <-ctx.Done():
			return
		}
	}
}

type linkKey struct{}

// AssociationOf returns the Association of the connection that ctx, the
// context of a request to an Extra handler, belongs to.
func AssociationOf(ctx context.Context) *identity.Association {
	if l, ok := ctx.Value(linkKey{}).(*link); ok && l != nil {
		return l.association
	}
	return nil
}
