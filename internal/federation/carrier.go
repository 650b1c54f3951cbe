package federation

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"bulwark/onem2m"
)

// Bounds of one next hop. A hop that is slow fills its own lane and nobody
// else's; one that is down answers at once while it rests.
const (
	maxInFlight = 128                    // requests on their way to one CSE: a thousand a second over 100 ms
	maxQueued   = 256                    // requests that wait for a place on that way
	firstRest   = 200 * time.Millisecond // after nobody could be reached, doubled each time …
	maxRest     = 5 * time.Second        // … up to here, so that a hop that is back is soon found
	maxLanes    = 1024                   // lanes kept for CSEs that nothing is sent to

	// One originator gets half of a lane, and what a CSE passes on three times what
	// is left free, which is three quarters if it is the only one: nobody, nor
	// several together, can keep all others off a way with requests that last. What
	// a CSE brings in the name of an originator takes nothing of what that has of
	// its own.
	originatorInFlight, originatorInAll = maxInFlight / 2, (maxInFlight + maxQueued) * 3 / 10
	peerInFlight, peerPart              = maxInFlight * 3 / 4, 3

	// maxBlocking bounds a request whose originator holds a connection open for
	// the answer, whatever rqet and oet it states; C-076.
	maxBlocking = time.Minute
)

// PollingScheme begins a point of access that stands for a <pollingChannel> of
// this CSE; its resourceID follows.
const PollingScheme = "pcu:"

// SocketPoint begins a point of access that stands for the WebSocket connection
// that an entity registered here has opened; for an AE, SocketOf says which.
const SocketPoint = "wsc:"

// SocketOf is the point of access that stands for the WebSocket connection of an
// AE that is bound to a credential, or to none, "", and was registered at an
// instant: who had its AE-ID before may still hold a connection.
func SocketOf(credential string, since onem2m.Timestamp) string {
	return SocketPoint + strconv.FormatInt(int64(since), 10) + ":" + credential
}

// ParseSocket reads what SocketOf has made; ok is false for everything else.
func ParseSocket(point string) (credential string, since onem2m.Timestamp, ok bool) {
	rest, ok := strings.CutPrefix(point, SocketPoint)
	if !ok {
		return "", 0, false
	}
	instant, credential, ok := strings.Cut(rest, ":")
	if !ok {
		return "", 0, false
	}
	n, err := strconv.ParseInt(instant, 10, 64)
	return credential, onem2m.Timestamp(n), err == nil
}

// Sender carries one request to a point of access, where who has to be, and
// returns the answer. Its errors are *onem2m.Error: 5103 if the request could
// not be delivered, 4008 without an answer in time. An error that has, anywhere
// in its chain, a method Sent() bool that returns true tells that the receiver
// may have got the request.
type Sender interface {
	Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error)
}

// Hop is the CSE that a request goes to next, and how it is reached.
type Hop struct {
	ID     onem2m.ID
	Points []string // tried in order; empty: it can't be reached

	Peer     onem2m.ID // the CSE that the request came from; "" if that is an entity of this one
	Blocking bool      // somebody holds a connection open for the answer
}

// Result is what became of a request on its way to the next hop.
type Result string

// The results.
const (
	Answered    Result = "answered"
	Unreachable Result = "unreachable"
	Late        Result = "late"    // no answer in time
	Crowded     Result = "crowded" // too many wait for this hop
	Resting     Result = "resting" // the hop was not reached a moment ago
	Unfit       Result = "unfit"   // the request itself can't be sent
)

// Carrier takes requests to next hops, each in a lane of its own. It is safe
// for concurrent use.
type Carrier struct {
	sender  Sender
	observe func(hop onem2m.ID, r Result)
	now     func() time.Time
	log     *slog.Logger

	mu     sync.Mutex // guards what follows, and what is in it
	lanes  map[onem2m.ID]*lane
	burden burden
}

// lane is the way to one next hop.
type lane struct {
	share
	shares   map[payer]*share // of originators and CSEs that have requests in it
	failures int              // in a row, nobody reached
	rests    time.Time        // until when nobody is sent there
}

// payer is who a share belongs to: an originator as a CSE brings it, "" for those
// of this CSE, or, without an originator, that CSE.
type payer struct{ originator, by string }

// share is a number of requests that may be on their way or wait for that.
type share struct {
	places chan struct{} // one element per request on its way
	users  int           // requests on their way, or waiting
}

// seat is what one request holds of a lane: a place in each share, the smallest
// first.
type seat struct {
	lane *lane
	keys []payer // of the shares in the lane
	all  []*share
	held int // places that are taken
	load load
}

// NewCarrier returns a Carrier. observe may be nil; it must return quickly.
func NewCarrier(sender Sender, observe func(onem2m.ID, Result), now func() time.Time, log *slog.Logger) *Carrier {
	if observe == nil {
		observe = func(onem2m.ID, Result) {}
	}
	return &Carrier{sender: sender, observe: observe, now: now, log: log, lanes: map[onem2m.ID]*lane{}, burden: burden{each: map[string]int64{}}}
}

// Carry takes one request to a hop and returns the answer. The points of access
// are tried in their order (C-077) until the request has left: nothing is sent
// twice that may have been carried out. It fails with 5103 if the hop isn't
// reached, or too many wait for it, and 4008 if no answer comes before ctx ends
// (C-076).
func (c *Carrier) Carry(ctx context.Context, hop Hop, req *onem2m.Request) (*onem2m.Response, error) {
	if end, bounded := ctx.Deadline(); hop.Blocking && (!bounded || time.Until(end) > maxBlocking) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxBlocking)
		defer cancel()
	}
	s, err := c.enter(ctx, hop, req)
	if err != nil {
		return nil, err
	}
	defer c.leave(s)
	res, err := c.try(ctx, hop, req)
	c.book(s.lane, hop, err)
	return res, err
}

// enter takes a place in the lane of a hop, for the originator of a request.
func (c *Carrier) enter(ctx context.Context, hop Hop, req *onem2m.Request) (*seat, error) {
	if len(hop.Points) == 0 {
		c.observe(hop.ID, Unreachable)
		return nil, unreachable("the next CSE has no point of access", nil)
	}
	c.mu.Lock()
	l := c.lane(hop.ID)
	if c.now().Before(l.rests) {
		c.mu.Unlock()
		c.observe(hop.ID, Resting)
		return nil, unreachable("the next CSE was not reached a moment ago", nil)
	}
	var s *seat
	if load := loadOf(hop, req); c.burden.take(load) {
		if s = l.queue(req.From, string(hop.Peer)); s != nil {
			s.load = load
		} else {
			c.burden.release(load)
		}
	}
	c.mu.Unlock()
	if s == nil {
		c.observe(hop.ID, Crowded)
		return nil, unreachable("too many requests wait for the next CSE", nil)
	}
	for _, one := range s.all {
		select {
		case one.places <- struct{}{}:
		default:
			select {
			case one.places <- struct{}{}:
			case <-ctx.Done():
				c.leave(s)
				c.observe(hop.ID, Late)
				return nil, late(ctx.Err())
			}
		}
		s.held++
	}
	return s, nil
}

// queue lets a request wait for its places; nil if too many do. The lock is held.
func (l *lane) queue(from, peer string) *seat {
	if l.users >= maxInFlight+maxQueued {
		return nil
	}
	const most = 3 // shares
	s := &seat{lane: l, keys: make([]payer, 0, most-1), all: make([]*share, 0, most)}
	add := func(key payer, inFlight, inAll int) bool {
		one := l.shares[key]
		if one == nil {
			one = &share{places: make(chan struct{}, inFlight)}
			l.shares[key] = one
		}
		s.keys, s.all = append(s.keys, key), append(s.all, one)
		return one.users < inAll
	}
	fits := from == "" || add(payer{from, peer}, originatorInFlight, originatorInAll)
	fits = fits && (peer == "" || add(payer{by: peer}, peerInFlight, peerPart*(maxInFlight+maxQueued-l.users)))
	if !fits {
		l.tidy(s)
		return nil
	}
	s.all = append(s.all, &l.share)
	for _, one := range s.all {
		one.users++
	}
	return s
}

// leave gives back what a request holds.
func (c *Carrier) leave(s *seat) {
	for _, one := range s.all[:s.held] {
		<-one.places
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.burden.release(s.load)
	for _, one := range s.all {
		one.users--
	}
	s.lane.tidy(s)
}

// tidy drops the shares of a seat that nobody uses. The lock is held.
func (l *lane) tidy(s *seat) {
	for i, key := range s.keys {
		if s.all[i].users == 0 {
			delete(l.shares, key)
		}
	}
}

// lane returns the lane of a hop. The lock is held.
func (c *Carrier) lane(id onem2m.ID) *lane {
	l := c.lanes[id]
	if l != nil {
		return l
	}
	if len(c.lanes) >= maxLanes {
		for other, l := range c.lanes {
			if l.users == 0 {
				delete(c.lanes, other)
			}
		}
	}
	l = &lane{share: share{places: make(chan struct{}, maxInFlight)}, shares: map[payer]*share{}}
	c.lanes[id] = l
	return l
}

// try sends to one point after the other until the request has left.
func (c *Carrier) try(ctx context.Context, hop Hop, req *onem2m.Request) (*onem2m.Response, error) {
	var failed error
	for _, point := range hop.Points {
		res, err := c.sender.Send(ctx, point, hop.ID, req)
		switch {
		case err == nil && res == nil:
			return nil, &onem2m.Error{Code: onem2m.InternalServerError, Text: "the next CSE gave no answer"}
		case err == nil:
			if res.Code == 0 { // of a notification, by a success of the transport alone
				res.Code = onem2m.OK
			}
			return res, nil
		case ctx.Err() != nil:
			return nil, late(err)
		case faulty(err):
			return nil, err // no other point takes it either
		case sent(err):
			c.log.InfoContext(ctx, "a forwarded request may have been carried out, its answer is lost", "hop", hop.ID, "req", req.RequestID, "err", err)
			return nil, err
		}
		failed = err
	}
	c.log.InfoContext(ctx, "next CSE not reached", "hop", hop.ID, "req", req.RequestID, "err", failed)
	return nil, unreachable("the next CSE can't be reached", failed)
}

// book notes how a hop took a request. Only one that nobody could deliver
// counts against it, and not what concerns its polling channel, which costs
// nothing to ask.
func (c *Carrier) book(l *lane, hop Hop, err error) {
	r := Answered
	switch {
	case err == nil:
	case faulty(err):
		c.observe(hop.ID, Unfit)
		return // nobody was asked: that says nothing about the hop
	case onem2m.AsError(err).Code == onem2m.RequestTimeout:
		r = Late
	default:
		r = Unreachable
	}
	c.observe(hop.ID, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r == Answered:
		l.failures, l.rests = 0, time.Time{}
	case r == Unreachable && !sent(err) && !polled(hop):
		l.failures++
		l.rests = c.now().Add(min(maxRest, firstRest<<min(l.failures-1, 10)))
	}
}

// Waiting is the number of requests that are on their way or wait for a place.
func (c *Carrier) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, l := range c.lanes {
		n += l.users
	}
	return n
}

func polled(hop Hop) bool {
	return len(hop.Points) > 0 && strings.HasPrefix(hop.Points[0], PollingScheme)
}

// sent reports whether an error leaves open that the receiver got the request.
func sent(err error) bool {
	var s interface{ Sent() bool }
	return errors.As(err, &s) && s.Sent()
}

// faulty reports whether an error is about the request and not about the way: it
// can't be written for the transport.
func faulty(err error) bool {
	e, ok := errors.AsType[*onem2m.Error](err)
	if !ok || sent(err) {
		return false
	}
	switch e.Code {
	case onem2m.BadRequest, onem2m.NotImplemented, onem2m.NotAcceptable:
		return true
	}
	return false
}

func unreachable(text string, cause error) error {
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: text, Cause: cause}
}

func late(cause error) error {
	return &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the next CSE did not answer in time", Cause: cause}
}
