package wsb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
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

	// envelope is what a message may have around a content of the greatest size. A
	// message that is too large ends the connection and everything on it: so none is
	// sent, and one that another binding has let pass, with less around it, is taken.
	envelope = 32 << 10
)

// socket is one WebSocket connection, of either end.
type socket struct {
	conn *websocket.Conn
	out  *batch // below conn
	serialization
	peer    *identity.Association
	handler Handler
	observe func(context.Context, Exchange)
	spoke   func(*onem2m.Request, *onem2m.Response) // after each request of the peer; nil for nobody
	ping    time.Duration                           // between two of them
	largest struct{ request, answer int }           // octets of a message
	now     func() time.Time
	log     *slog.Logger

	work sync.WaitGroup // requests of the peer
	jobs chan job       // to goroutines that wait
	done chan struct{}  // closed when nothing comes any more

	speaks []onem2m.ID // guarded by the server

	mu      sync.Mutex                // guards what follows
	waiting map[string]chan<- outcome // own requests by identifier
	busy    int                       // requests of the peer in progress
	idle    int                       // goroutines that wait for one
	leaving bool                      // no further request is taken
}

// job is a request of the peer: its text, in memory that is lent.
type job struct {
	lent *bytes.Buffer
	text []byte
}

// outcome is the answer to an own request, or why there is none.
type outcome struct {
	response *onem2m.Response
	err      error
}

// run takes messages until the connection ends, and waits for the requests in
// progress, whose context ends with it. It returns why.
func (s *socket) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	defer s.end()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.CloseNow() })
	defer stop()
	defer s.conn.CloseNow() //nolint:errcheck // it is closed already, or there is nothing to be done
	for {
		// Not with ctx: the library would arm and disarm it twice for each message.
		kind, r, err := s.conn.Reader(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		b := takeBuffer()
		if _, err := b.ReadFrom(r); err != nil {
			return err
		}
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
	case len(text) > s.largest.request:
		defer giveBuffer(b)
		req, _ := wire.DecodeRequest(text, s.limits)
		return s.reply(ctx, s.refusal(req, onem2m.Errorf(onem2m.BadRequest, "", "the request is larger than %d octets", s.largest.request)))
	}
	s.mu.Lock()
	s.busy++
	crowded, leaving := s.busy > maxWork, s.leaving
	s.mu.Unlock()
	if crowded || leaving {
		defer s.free()
		return s.refuseAll(ctx, text, crowded)
	}
	one := job{b, text}
	select {
	case s.jobs <- one:
	default:
		s.work.Go(func() { s.toil(ctx, one) })
	}
	return nil
}

// toil serves one request, and then the next ones, as long as few others wait
// for some.
func (s *socket) toil(ctx context.Context, one job) {
	for {
		s.serve(ctx, one)
		if !s.rest() {
			return
		}
		select {
		case one = <-s.jobs:
			s.mu.Lock()
			s.idle--
			s.mu.Unlock()
		case <-s.done:
			return
		}
	}
}

// rest ends a request, and reports whether its goroutine may wait for another.
func (s *socket) rest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if s.idle >= maxIdle {
		return false
	}
	s.idle++
	return true
}

func (s *socket) free() {
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
}

// refuseUnknown answers what is neither request nor response, if it can be told
// whom (B-88).
func (s *socket) refuseUnknown(ctx context.Context, text []byte) error {
	req, _ := wire.DecodeRequest(text, s.limits)
	if req.RequestID == "" {
		return errors.New("neither a request nor a response")
	}
	return s.reply(ctx, s.refusal(req, onem2m.Errorf(onem2m.BadRequest, "op", "a request has op and no rsc, a response rsc and no op")))
}

func (s *socket) refuseAll(ctx context.Context, text []byte, crowded bool) error {
	req, _ := wire.DecodeRequest(text, s.limits)
	if crowded {
		return s.reply(ctx, s.refusal(req, onem2m.Errorf(onem2m.InternalServerError, "", "too many requests are in progress on this connection")))
	}
	return s.reply(ctx, s.refusal(req, onem2m.Errorf(onem2m.TargetNotReachable, "", "the connection is being closed")))
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

func (s *socket) reply(ctx context.Context, res *onem2m.Response) error {
	b, err := s.response(res)
	if err == nil && len(b) > s.largest.answer {
		b, err = s.response(s.refusal(&onem2m.Request{RequestID: res.RequestID}, onem2m.Errorf(onem2m.NotAcceptable, "", "the answer is larger than %d octets", s.largest.answer)))
	}
	if err != nil {
		return err
	}
	return s.write(ctx, b)
}

// write waits until there is room for a message, or ctx ends. The connection takes
// over what it is given then: the end of ctx must not cut that short, which would
// be the end of the connection.
func (s *socket) write(ctx context.Context, b []byte) error {
	if err := s.out.await(ctx); err != nil {
		return &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the target takes nothing", Cause: err}
	}
	return s.conn.Write(context.WithoutCancel(ctx), s.kind(), b)
}

// answered gives an answer to the request that waits for it. One that nobody
// waits for came too late.
func (s *socket) answered(res *onem2m.Response, err error) {
	s.mu.Lock()
	to := s.waiting[res.RequestID]
	delete(s.waiting, res.RequestID)
	s.mu.Unlock()
	if to != nil {
		to <- outcome{res, err}
	}
}

// send carries a request to the peer and waits for the answer, or until ctx
// ends. Its errors are those of federation.Sender.
func (s *socket) send(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	b, err := s.request(req)
	if err != nil {
		return nil, err
	}
	if len(b) > s.largest.request {
		return nil, onem2m.Errorf(onem2m.NotAcceptable, "", "the request is larger than %d octets", s.largest.request)
	}
	const responseNone = 5
	if req.ResponseType != nil && *req.ResponseType == responseNone {
		if err := s.write(ctx, b); err != nil {
			return nil, unsent(err)
		}
		return &onem2m.Response{RequestID: req.RequestID}, nil // nothing will come (C-038)
	}
	answer := make(chan outcome, 1)
	if err := s.expect(req.RequestID, answer); err != nil {
		return nil, err
	}
	defer s.forget(req.RequestID, answer)
	if err := s.write(ctx, b); err != nil {
		return nil, unsent(err)
	}
	select {
	case o := <-answer:
		if o.err != nil {
			return nil, lost("the answer can't be read", o.err)
		}
		return o.response, nil
	case <-ctx.Done():
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the target did not answer in time", Cause: sentError{ctx.Err()}}
	case <-s.done:
		return nil, lost("the connection was closed without an answer", errors.New("closed"))
	}
}

// expect notes that an answer is waited for.
func (s *socket) expect(rqi string, answer chan<- outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.leaving:
		return closedError()
	case len(s.waiting) >= maxWaiting:
		return onem2m.Errorf(onem2m.TargetNotReachable, "", "too many requests wait on the connection to the target")
	case s.waiting[rqi] != nil:
		return onem2m.Errorf(onem2m.TargetNotReachable, "", "a request with this identifier is on its way")
	}
	s.waiting[rqi] = answer
	return nil
}

func (s *socket) forget(rqi string, answer chan<- outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[rqi] == answer {
		delete(s.waiting, rqi)
	}
}

// leave takes no further request, waits for those in progress until ctx ends,
// and closes the connection (B-95).
func (s *socket) leave(ctx context.Context, why string) {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	tick := time.NewTicker(leaveStep)
	defer tick.Stop()
	for s.inProgress() && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-s.done:
			return
		case <-ctx.Done():
		}
	}
	_ = s.conn.Close(websocket.StatusGoingAway, why) // the peer may be gone
}

// leaveStep is how often a connection that is to be closed is looked at.
const leaveStep = 5 * time.Millisecond

func (s *socket) inProgress() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy > 0 || len(s.waiting) > 0
}

func (s *socket) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// keepAlive pings the peer, so that what lies between keeps the connection and
// one that is dead is found (B-98): the answer has to come before the next ping.
func (s *socket) keepAlive(ctx context.Context) {
	tick := time.NewTicker(s.ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.done:
			return
		case <-ctx.Done():
			return
		}
		waiting, cancel := context.WithTimeout(ctx, s.ping)
		err := s.conn.Ping(waiting)
		cancel()
		if err != nil {
			_ = s.conn.CloseNow()
			return
		}
	}
}

// sentError marks an error after which the receiver may have the request.
type sentError struct{ error }

// Unwrap returns the error itself.
func (e sentError) Unwrap() error { return e.error }

// Sent reports that the request has left, at least in part.
func (sentError) Sent() bool { return true }

func lost(text string, cause error) error {
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: text, Cause: sentError{cause}}
}

// unsent is why a request was not written: it has waited for its turn in vain, or
// else the connection broke and may have taken it along.
func unsent(err error) error {
	if known, ok := errors.AsType[*onem2m.Error](err); ok {
		return known
	}
	return lost("the connection broke", err)
}

func closedError() error {
	return onem2m.Errorf(onem2m.TargetNotReachable, "", "the connection to the target is closed")
}

func (s *socket) exchange(req *onem2m.Request, code onem2m.StatusCode, took time.Duration) Exchange {
	x := Exchange{RequestID: req.RequestID, From: req.From, To: req.To, Operation: req.Operation, Code: code, Duration: took, Binding: s.peer.Binding}
	if req.Type != nil && req.Operation == onem2m.Create {
		x.Type = *req.Type
	}
	return x
}

// newSocket makes the socket of a connection whose subprotocol is agreed on.
func newSocket(c *websocket.Conn, out *batch, o *Options, peer *identity.Association) (*socket, error) {
	format, ok := formatOf(c.Subprotocol())
	if !ok {
		return nil, fmt.Errorf("no common subprotocol: %q", c.Subprotocol())
	}
	s := &socket{
		conn: c, out: out,
		serialization: serialization{format: format, codec: o.Codec, limits: wire.Limits{Size: o.Answer + envelope, Depth: o.Depth}},
		peer:          peer, handler: o.Handler, observe: o.Observe, ping: o.Ping, now: o.Now, log: o.Log,
		done: make(chan struct{}), jobs: make(chan job), waiting: map[string]chan<- outcome{},
	}
	s.largest.request, s.largest.answer = o.Message+envelope, o.Answer+envelope
	if len(peer.IDs) > 0 || peer.Trusted {
		c.SetReadLimit(int64(s.largest.answer)) // it is sent requests, and answers
	} else {
		c.SetReadLimit(int64(o.Message))
	}
	return s, nil
}

var buffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// takeBuffer and giveBuffer lend memory for one message.
func takeBuffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer) // it holds nothing else
	b.Reset()
	return b
}

func giveBuffer(b *bytes.Buffer) {
	const usual = 64 << 10
	if b.Cap() <= usual {
		buffers.Put(b)
	}
}
