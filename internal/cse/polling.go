package cse

import (
	"context"
	"strings"
	"sync"

	"bulwark/internal/federation"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Limits of one polling channel. What waits there has a sender that waits too,
// and the notification engine sends to a target one by one; more than this is
// an AE that floods another.
const (
	maxPosted = 200 // requests that wait to be fetched or answered
	maxPolls  = 16  // polls that wait at once
	maxFetch  = 100 // requests in one aggregated answer
)

// pollScheme begins the point of access that stands for a polling channel
// inside the CSE; the rest is the resourceID of the <pollingChannel>.
const pollScheme = federation.PollingScheme

// channels are the polling channels at which something waits. They live in
// memory: whoever sends waits for the answer, and what must not get lost stands
// in the outbox, which repeats it.
type channels struct {
	mu     sync.Mutex // guards what follows
	open   map[string]*channel
	closed bool // the CSE stops: nobody waits any more
}

// channel holds what waits at one <pollingChannel>.
type channel struct {
	posted []*posted          // to be fetched, in order of arrival
	out    map[string]*posted // fetched and not answered, by request identifier
	polls  []chan []*posted   // waiting, in order of arrival; capacity 1
}

// posted is one request for the owner of a channel.
type posted struct {
	req    *onem2m.Request
	answer chan *onem2m.Response // capacity 1; closed when the channel goes
}

func (s *channels) init() { s.open = make(map[string]*channel) }

// at returns the channel, made if need be. The lock is held.
func (s *channels) at(ri string) *channel {
	ch := s.open[ri]
	if ch == nil {
		ch = &channel{out: make(map[string]*posted)}
		s.open[ri] = ch
	}
	return ch
}

// tidy drops a channel at which nothing waits. The lock is held.
func (s *channels) tidy(ri string) {
	if ch := s.open[ri]; ch != nil && len(ch.posted)+len(ch.out)+len(ch.polls) == 0 {
		delete(s.open, ri)
	}
}

// post queues a request, or hands it to a poll that waits.
func (s *channels) post(ri string, p *posted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.at(ri)
	ch.supersede(p.req)
	if s.closed || len(ch.posted)+len(ch.out) >= maxPosted {
		s.tidy(ri)
		return onem2m.Errorf(onem2m.TargetNotReachable, "to", "the polling channel takes no more")
	}
	if ch.holds(p.req.RequestID) {
		return onem2m.Errorf(onem2m.TargetNotReachable, "rqi", "a request with this identifier waits there") // the answer couldn't be told apart
	}
	if len(ch.polls) > 0 {
		ch.out[p.req.RequestID] = p
		ch.polls[0] <- []*posted{p}
		ch.polls = ch.polls[1:]
		return nil
	}
	ch.posted = append(ch.posted, p)
	return nil
}

func (ch *channel) holds(rqi string) bool {
	for _, p := range ch.posted {
		if p.req.RequestID == rqi {
			return true
		}
	}
	return ch.out[rqi] != nil
}

// withdraw takes a request back that nobody waits for any more (C-368).
func (s *channels) withdraw(ri string, p *posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.open[ri]
	if ch == nil {
		return
	}
	for i := range ch.posted {
		if ch.posted[i] == p {
			ch.posted = append(ch.posted[:i:i], ch.posted[i+1:]...)
			break
		}
	}
	if ch.out[p.req.RequestID] == p {
		delete(ch.out, p.req.RequestID)
	}
	s.tidy(ri)
}

// fetch takes up to n requests, or queues a poll for the next one (C-367). It
// returns neither when there are too many polls already.
func (s *channels) fetch(ri string, n int) (list []*posted, poll chan []*posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.at(ri)
	if n = min(n, len(ch.posted)); n > 0 {
		list = append(list, ch.posted[:n]...)
		ch.posted = append([]*posted(nil), ch.posted[n:]...)
		for _, p := range list {
			ch.out[p.req.RequestID] = p
		}
		return list, nil
	}
	if s.closed || len(ch.polls) >= maxPolls {
		s.tidy(ri)
		return nil, nil
	}
	poll = make(chan []*posted, 1)
	ch.polls = append(ch.polls, poll)
	return nil, poll
}

// taken notes that requests have come to who polls: for one that wants no
// response nobody waits any longer.
func (s *channels) taken(ri string, list []*posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.open[ri]
	if ch == nil {
		return
	}
	for _, p := range list {
		if rt := p.req.ResponseType; rt != nil && *rt == responseNone && ch.out[p.req.RequestID] == p {
			p.answer <- &onem2m.Response{Code: onem2m.OK, RequestID: p.req.RequestID, NoResponse: true}
			delete(ch.out, p.req.RequestID)
		}
	}
	s.tidy(ri)
}

// leave ends a poll; what it was handed at the last moment goes back to the
// front of the queue.
func (s *channels) leave(ri string, poll chan []*posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.open[ri]
	if ch == nil {
		return
	}
	for i := range ch.polls {
		if ch.polls[i] == poll {
			ch.polls = append(ch.polls[:i:i], ch.polls[i+1:]...)
			break
		}
	}
	select {
	case list := <-poll:
		for _, p := range list {
			if ch.out[p.req.RequestID] == p { // not withdrawn
				delete(ch.out, p.req.RequestID)
				ch.posted = append([]*posted{p}, ch.posted...)
			}
		}
	default:
	}
	s.tidy(ri)
}

// answered finds the request that a response is for and passes it on (C-369).
func (s *channels) answered(ri string, res *onem2m.Response) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.open[ri]
	if ch == nil || ch.out[res.RequestID] == nil {
		return false
	}
	ch.out[res.RequestID].answer <- res
	delete(ch.out, res.RequestID)
	s.tidy(ri)
	return true
}

// drop fails everything that waits at a channel that is gone (C-373).
func (s *channels) drop(ri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.open[ri]; ch != nil {
		ch.fail()
		delete(s.open, ri)
	}
}

func (ch *channel) fail() {
	for _, p := range ch.posted {
		close(p.answer)
	}
	for _, p := range ch.out {
		close(p.answer)
	}
	for _, poll := range ch.polls {
		close(poll)
	}
}

// Quiesce ends every wait at a polling channel: the process is about to stop,
// and requests in work are to finish.
func (c *CSE) Quiesce() {
	s := &c.channels
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for ri, ch := range s.open {
		ch.fail()
		delete(s.open, ri)
	}
}

// Send carries a request to a point of access: a polling channel or a
// <crossResourceSubscription> of this CSE, or through Options.Sender. It implements notify.Sender for the notification
// engine and for NOTIFY to an AE (C-078).
func (c *CSE) Send(ctx context.Context, point string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	if len(point) > len(pollScheme) && point[:len(pollScheme)] == pollScheme {
		return c.post(ctx, point[len(pollScheme):], who, req)
	}
	if ri, ok := strings.CutPrefix(point, crossScheme); ok {
		return c.crossed(ctx, ri, who, req)
	}
	if point == acrossPoint {
		return c.sendAcross(ctx, who, req)
	}
	if c.Sender == nil {
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "nothing is sent from here")
	}
	return c.Sender.Send(ctx, point, who, req)
}

// post sends through a polling channel and waits for the answer. The channel
// has to be that of who: an AE can write anything into its point of access.
func (c *CSE) post(ctx context.Context, ri string, who onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	err := c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByRI(ri)
		if err != nil {
			return missing(err)
		}
		if rec.Type != onem2m.TypePollingChannel {
			return notFound()
		}
		owner, err := c.pollOwner(r, rec)
		if err == nil && (owner == "" || owner != who) {
			err = notFound()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &posted{req: req, answer: make(chan *onem2m.Response, 1)}
	if err := c.channels.post(ri, p); err != nil {
		return nil, err
	}
	defer Yield(ctx)()
	select {
	case res, ok := <-p.answer:
		if !ok {
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "to", "the polling channel is gone") // C-373
		}
		return res, nil
	case <-ctx.Done():
		c.channels.withdraw(ri, p)
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the request wasn't fetched and answered in time", Cause: ctx.Err()}
	}
}

var _ notify.Sender = (*CSE)(nil)
