package wsb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Bounds of one connection.
const (
	maxWork    = 1024 // requests of the peer in progress
	maxWaiting = 1024 // own requests without an answer
	maxIdle    = 64   // goroutines that wait for the next request: a new one pays for its stack first
	maxIdleAll = 1024 // of all connections: what is left of a burst costs memory

	// envelope is what a message may have around a content of the greatest size. A
	// message that is too large ends the connection and everything on it: so none is
	// sent, and one that another binding has let pass, with less around it, is taken.
	envelope = 32 << 10

	maxAsked    = 16 << 20 // octets of requests in progress: more are refused
	maxAnswered = 64 << 20 // octets of answers that wait for a peer that doesn't read: it loses the connection
)

// socket is one WebSocket connection, of either end.
type socket struct {
	conn *websocket.Conn
	out  *batch // below conn
	serialization
	largest struct{ request, answer int } // octets of a message
	peer    *identity.Association
	handler Handler
	observe func(context.Context, Exchange)
	spoke   func(*onem2m.Request, *onem2m.Response) // after each request of the peer; nil for nobody
	stands  func() error                            // why the credential of the peer no longer counts; nil: somebody else looks
	now     func() time.Time
	log     *slog.Logger

	ends    time.Time     // when the connection is broken off; zero for never
	ping    time.Duration // between two of them
	parts   atomic.Int64  // grows when a message begins and when it ends: odd in the middle of one
	resting *atomic.Int64

	work sync.WaitGroup // requests of the peer
	jobs chan job       // to goroutines that wait
	done chan struct{}  // closed when nothing comes any more
	calm chan struct{}  // closed when a connection that is to be closed has nothing in progress

	speaks []onem2m.ID // guarded by the server

	mu      sync.Mutex                // guards what follows
	waiting map[string]chan<- outcome // own requests by identifier
	busy    int                       // requests of the peer in progress
	asked   int                       // octets of them
	owed    int                       // octets of answers that wait for room
	idle    int                       // goroutines that wait for one
	leaving bool                      // no further request is taken
	left    bool                      // calm is closed
}

// job is a request of the peer: its text, in memory that is lent.
type job struct {
	lent *bytes.Buffer
	text []byte
}

// run takes messages until the connection ends, and waits for the requests in
// progress, whose context ends with it. It returns why.
func (s *socket) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	defer s.end()
	stop := context.AfterFunc(ctx, s.out.sever)
	defer stop()
	defer s.conn.CloseNow() //nolint:errcheck // it is closed already, or there is nothing to be done
	s.work.Go(func() { s.watch(ctx) })
	for {
		// Not with ctx: the library would arm and disarm it twice for each message.
		kind, r, err := s.conn.Reader(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		s.parts.Add(1)
		b := takeBuffer()
		if _, err := b.ReadFrom(r); err != nil {
			return err
		}
		s.parts.Add(1)
		if kind != s.kind() {
			_ = s.conn.Close(websocket.StatusUnsupportedData, "not the type of frame of the subprotocol") // the peer may be gone
			return errors.New("a frame of the wrong type")
		}
		if err := s.take(ctx, b); err != nil {
			_ = s.conn.Close(websocket.StatusProtocolError, "not a primitive") // the peer may be gone
			return err
		}
	}
}

// end fails the own requests that are without an answer.
func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	close(s.done)
	for rqi, to := range s.waiting {
		delete(s.waiting, rqi)
		to <- outcome{err: lost("the connection was closed without an answer", net.ErrClosed)}
	}
	s.settle()
}

// take deals with one message. An error ends the connection.
func (s *socket) take(ctx context.Context, b *bytes.Buffer) error {
	is, text, err := s.open(b.Bytes())
	switch {
	case err != nil:
		return err
	case is == aResponse:
		defer giveBuffer(b)
		s.answered(wire.DecodeResponse(text, s.limits))
		return nil
	case is == neither:
		return s.refuseUnknown(ctx, text)
	}
	one := job{b, text}
	if e := s.admit(len(text)); e != nil {
		req, _ := wire.DecodeRequest(text, s.limits)
		return s.refuse(ctx, req, e)
	}
	select {
	case s.jobs <- one:
	default:
		s.work.Go(func() { s.toil(ctx, one) })
	}
	return nil
}

// admit counts a request of so many octets, or tells why it isn't taken.
func (s *socket) admit(size int) *onem2m.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case size > s.largest.request:
		return onem2m.Errorf(onem2m.BadRequest, "", "the request is larger than %d octets", s.largest.request)
	case s.leaving:
		return onem2m.Errorf(onem2m.TargetNotReachable, "", "the connection is being closed")
	case s.busy >= maxWork, s.busy > 0 && s.asked+size > maxAsked:
		return onem2m.Errorf(onem2m.InternalServerError, "", "too many requests are in progress on this connection")
	}
	s.busy++
	s.asked += size
	return nil
}

// toil serves one request, and then the next ones, as long as few others wait
// for some.
func (s *socket) toil(ctx context.Context, one job) {
	for {
		size := len(one.text)
		s.serve(ctx, one)
		if !s.rest(size) {
			return
		}
		select {
		case one = <-s.jobs:
			s.resting.Add(-1)
			s.mu.Lock()
			s.idle--
			s.mu.Unlock()
		case <-s.done:
			s.resting.Add(-1)
			return
		}
	}
}

// rest ends a request of so many octets, and reports whether its goroutine may
// wait for another.
func (s *socket) rest(size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.asked -= size
	s.settle()
	if s.idle >= maxIdle {
		return false
	}
	if s.resting.Add(1) > maxIdleAll {
		s.resting.Add(-1)
		return false
	}
	s.idle++
	return true
}

// settle tells who closes the connection that nothing is in progress. The lock is
// held.
func (s *socket) settle() {
	if s.leaving && !s.left && s.busy == 0 && len(s.waiting) == 0 {
		s.left = true
		close(s.calm)
	}
}

// refuseUnknown answers what is neither request nor response, if it can be told
// whom (B-88).
func (s *socket) refuseUnknown(ctx context.Context, text []byte) error {
	req, _ := wire.DecodeRequest(text, s.limits)
	if req.RequestID == "" {
		return errors.New("neither a request nor a response")
	}
	return s.refuse(ctx, req, onem2m.Errorf(onem2m.BadRequest, "op", "a request has op and no rsc, a response rsc and no op"))
}

// refuse answers without waiting for room: who reads must not wait for a peer
// that waits for the same.
func (s *socket) refuse(ctx context.Context, req *onem2m.Request, e *onem2m.Error) error {
	res := s.refusal(req, e)
	b, err := s.response(nil, res)
	if err != nil {
		return err
	}
	err = s.conn.Write(context.WithoutCancel(ctx), s.kind(), b)
	if s.observe != nil {
		s.observe(ctx, s.exchange(req, res.Code, 0))
	}
	return err
}

// serve carries out one request of the peer.
func (s *socket) serve(ctx context.Context, one job) {
	start := s.now()
	req, err := wire.DecodeRequest(one.text, s.limits)
	giveBuffer(one.lent)
	if err != nil && req.RequestID == "" {
		_ = s.conn.Close(websocket.StatusProtocolError, "not a primitive") // nobody to answer; the peer may be gone
		return
	}
	var res *onem2m.Response
	if err != nil {
		res = s.refusal(req, onem2m.AsError(err))
	} else {
		res = s.handle(ctx, req, start)
	}
	if s.spoke != nil && err == nil {
		s.spoke(req, res)
	}
	if !res.NoResponse {
		if err := s.reply(ctx, res); err != nil {
			s.log.DebugContext(ctx, "answer not sent", "req", req.RequestID, "error", err)
		}
	}
	if s.observe != nil {
		s.observe(ctx, s.exchange(req, res.Code, s.now().Sub(start)))
	}
}

// handle asks the CSE, with the deadline that the request states. A panic costs
// this request only.
func (s *socket) handle(ctx context.Context, req *onem2m.Request, now time.Time) (res *onem2m.Response) {
	if at, ok := onem2m.Deadline(req.RequestExpiration, now); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, at.Sub(now))
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a request", "panic", p, "stack", string(debug.Stack()))
			res = nil
		}
		if res == nil {
			res = s.refusal(req, onem2m.Errorf(onem2m.InternalServerError, "", "internal error"))
		}
	}()
	return s.handler.Handle(ctx, s.peer, req)
}

// refusal is a response of the binding itself.
func (s *socket) refusal(req *onem2m.Request, e *onem2m.Error) *onem2m.Response {
	res := &onem2m.Response{Code: e.Code, RequestID: req.RequestID, OriginatingTimestamp: onem2m.TimestampOf(s.now()).String()}
	if text, err := jsontext.AppendQuote(nil, e.Debug()); err == nil {
		res.Content = &onem2m.Content{Name: "m2m:dbg", Value: text}
	}
	return res
}

// reply writes an answer. Answers that a peer has asked for and doesn't read are
// not kept without end.
func (s *socket) reply(ctx context.Context, res *onem2m.Response) error {
	text := takeText()
	b, err := s.response((*text)[:0], res)
	defer func() { giveText(text, b) }()
	if err == nil && len(b) > s.largest.answer {
		b, err = s.response(b[:0], s.refusal(&onem2m.Request{RequestID: res.RequestID}, onem2m.Errorf(onem2m.NotAcceptable, "", "the answer is larger than %d octets", s.largest.answer)))
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.owed += len(b)
	slow := s.owed > maxAnswered
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.owed -= len(b)
		s.mu.Unlock()
	}()
	if slow {
		s.out.sever()
		return errSlow
	}
	return s.write(ctx, b)
}

// write waits for room until ctx ends, and then no more. With an error the peer
// hasn't got the message: not all of it.
func (s *socket) write(ctx context.Context, b []byte) error {
	if err := s.out.ask(ctx, len(b)); err != nil {
		return err
	}
	defer s.out.arrived(len(b))
	return s.conn.Write(context.WithoutCancel(ctx), s.kind(), b) // the end of ctx would be that of the connection
}

// leave takes no further request, waits for those in progress until ctx ends,
// and closes the connection (B-95). It takes no longer than leaveTime.
func (s *socket) leave(ctx context.Context, why string) {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	s.mu.Lock()
	s.leaving = true
	s.settle()
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.out.sever) // a peer that doesn't say good-bye is not waited for
	defer stop()
	select {
	case <-s.calm:
		_ = s.conn.Close(websocket.StatusGoingAway, why) // the peer may be gone
	case <-s.done:
	case <-ctx.Done():
	}
}

// idleTicks is how many pauses between pings a connection of nobody may last
// without a message: nothing is sent over it either.
const idleTicks = 4

// watch pings the peer, so that what lies between keeps the connection and one
// that is dead is found; and ends it when it is old, a message takes too long, or
// the credential of the peer counts no more.
func (s *socket) watch(ctx context.Context) {
	tick := time.NewTicker(s.ping)
	defer tick.Stop()
	old := make(<-chan time.Time)
	if !s.ends.IsZero() {
		left := s.ends.Sub(s.now())
		timer := time.NewTimer(left - min(leaveTime, left/10))
		defer timer.Stop()
		old = timer.C
	}
	stranger := !s.peer.Trusted && s.peer.CredentialID == "" && len(s.peer.IDs) == 0
	var before int64
	idle := 0 // ticks without a message
	for {
		select {
		case <-tick.C:
		case <-old:
			s.leave(ctx, "the connection is old")
			return
		case <-s.done:
			return
		}
		parts := s.parts.Load()
		if idle++; parts != before {
			idle = 0
		}
		before = parts
		stuck := parts%2 == 1 && idle > 0
		if stuck || stranger && idle >= idleTicks || s.stands != nil && s.stands() != nil {
			s.out.sever()
			return
		}
		waiting, cancel := context.WithTimeout(ctx, s.ping)
		err := s.conn.Ping(waiting)
		cancel()
		if err != nil {
			s.out.sever()
			return
		}
	}
}

// takes reports whether the connection takes requests of this side.
func (s *socket) takes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.leaving
}

func (s *socket) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *socket) exchange(req *onem2m.Request, code onem2m.StatusCode, took time.Duration) Exchange {
	x := Exchange{RequestID: req.RequestID, From: req.From, To: req.To, Operation: req.Operation, Code: code, Duration: took, Binding: s.peer.Binding}
	if req.Type != nil && req.Operation == onem2m.Create {
		x.Type = *req.Type
	}
	return x
}

// newSocket makes the socket of a connection, over out, whose subprotocol is
// agreed on.
func newSocket(c *websocket.Conn, out *batch, o *Options, peer *identity.Association) (*socket, error) {
	format, ok := formatOf(c.Subprotocol())
	if !ok {
		return nil, fmt.Errorf("no common subprotocol: %q", c.Subprotocol())
	}
	s := &socket{
		conn: c, out: out,
		serialization: serialization{format: format, codec: o.Codec, limits: wire.Limits{Size: o.Answer + envelope, Depth: o.Depth}},
		peer:          peer, handler: o.Handler, observe: o.Observe, now: o.Now, log: o.Log,
		ping: o.Ping, resting: o.idle,
		done: make(chan struct{}), calm: make(chan struct{}), jobs: make(chan job), waiting: map[string]chan<- outcome{},
	}
	s.largest.request, s.largest.answer = o.Message+envelope, o.Answer+envelope
	if len(peer.IDs) > 0 || peer.Trusted {
		c.SetReadLimit(int64(s.largest.answer)) // it is sent requests, and answers
	} else {
		c.SetReadLimit(int64(o.Message))
	}
	return s, nil
}
