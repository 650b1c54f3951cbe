package federation

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// Bounds of the polling of a registrar.
const (
	pollWait    = 25 * time.Second // one long poll, below the minute after which routers forget a connection
	pollGrace   = 10 * time.Second // beyond it, for the answer to arrive
	answerTime  = 30 * time.Second // handing back one answer
	maxPolled   = 16               // fetched requests in work at once
	maxServed   = 256              // fetched requests in all, with those that only wait for others
	serveTime   = time.Minute      // one fetched request: whoever has sent it holds a place elsewhere
	drainTime   = 5 * time.Second  // for requests in work when polling ends
	channelName = "poll"           // resourceName of the <pollingChannel>
)

// Poller fetches requests from the registrar, for a CSE that can't be called:
// it keeps a <pollingChannel> below the own <remoteCSE>, polls its
// <pollingChannelURI>, and hands the answers back there (TS-0004 clauses 7.4.21
// and 7.4.22).
type Poller struct {
	registree *Registree
	sender    Sender
	handle    Handler
	log       *slog.Logger
	joined    chan struct{} // capacity 1: the registration has changed
}

// Handler carries out what was fetched, as a request of the registrar. give gives
// its place up while it only waits for others; what that returns takes the place
// back.
type Handler func(ctx context.Context, give func() (resume func()), req *onem2m.Request) *onem2m.Response

// NewPoller returns a Poller for a registration.
func NewPoller(r *Registree, sender Sender, handle Handler, log *slog.Logger) *Poller {
	return &Poller{registree: r, sender: sender, handle: handle, log: log, joined: make(chan struct{}, 1)}
}

// Changed tells that the registration has come about or is gone. It never waits.
func (p *Poller) Changed() {
	select {
	case p.joined <- struct{}{}:
	default:
	}
}

// Run polls until ctx ends, and then waits a little for what it has fetched:
// whoever asked waits for the answer.
func (p *Poller) Run(ctx context.Context) {
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	w := &work{ctx: serving, places: make(chan struct{}, maxPolled), all: make(chan struct{}, maxServed)}
	defer func() {
		timer := time.AfterFunc(drainTime, end)
		defer timer.Stop()
		w.group.Wait()
	}()
	failures := 0
	for ctx.Err() == nil {
		if !p.registree.Joined() {
			p.pause(ctx, time.Hour)
			continue
		}
		err := p.poll(ctx, w)
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		failures++
		p.log.DebugContext(ctx, "poll", "failures", failures, "err", err)
		if code := codeOf(err); code == onem2m.NotFound {
			if err := p.open(ctx); err != nil {
				p.log.WarnContext(ctx, "polling channel at the registrar", "err", err)
				p.registree.Changed()
			} else if failures == 1 {
				continue
			}
		}
		p.pause(ctx, min(longestPause, firstPause<<min(failures-1, 10)))
	}
}

// work is what has been fetched and isn't answered.
type work struct {
	ctx    context.Context //nolint:containedctx // of the run, which the requests outlive a little
	group  sync.WaitGroup
	places chan struct{} // one element per request that is worked on
	all    chan struct{} // one element per request
}

// enter waits for a place, and reports false if ctx ends before.
func (w *work) enter(ctx context.Context) bool {
	select {
	case w.all <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	select {
	case w.places <- struct{}{}:
		return true
	case <-ctx.Done():
		<-w.all
		return false
	}
}

func (w *work) leave() {
	<-w.places
	<-w.all
}

// place is that of one request, whose parts may wait at the same time: it is
// given up once.
type place struct {
	work *work
	mu   sync.Mutex // guards away
	away int        // parts that wait
}

func (p *place) give() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away++; p.away == 1 {
		<-p.work.places
	}
	return p.take
}

func (p *place) take() {
	p.mu.Lock()
	p.away--
	last := p.away == 0
	p.mu.Unlock()
	if last {
		p.work.places <- struct{}{}
	}
}

// pause waits for d, a change of the registration, or the end of ctx.
func (p *Poller) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.joined:
	}
}

// channel is the address of the polling channel.
func (p *Poller) channel() string { return p.registree.Entry() + "/" + channelName }

// open makes the polling channel. One that is there already is as good.
func (p *Poller) open(ctx context.Context) error {
	ty := int64(onem2m.TypePollingChannel)
	attrs := onem2m.Object{{Name: "rn", Value: onem2m.TextValue(channelName)}}
	_, err := p.registree.ask(ctx, "open a polling channel", onem2m.Created, &onem2m.Request{
		Operation: onem2m.Create, To: p.registree.Entry(), Type: &ty,
		Content: &onem2m.Content{Name: "m2m:pch", Value: attrs.Append(nil)},
	})
	if codeOf(err) == onem2m.Conflict {
		return nil
	}
	return err
}

// poll asks for one request and sets somebody to work on it. To have had none
// is no error.
func (p *Poller) poll(ctx context.Context, w *work) error {
	if !w.enter(ctx) { // who has no hand free fetches nothing
		return ctx.Err()
	}
	taken := false
	defer func() {
		if !taken {
			w.leave()
		}
	}()
	begun := time.Now()
	wait, cancel := context.WithTimeout(ctx, pollWait+pollGrace)
	defer cancel()
	res, err := p.registree.send(wait, "poll", &onem2m.Request{
		Operation: onem2m.Retrieve, To: p.channel() + "/pcu",
		RequestExpiration: strconv.FormatInt(pollWait.Milliseconds(), 10),
	})
	switch {
	case err != nil:
		return err
	case res.Code == onem2m.RequestTimeout:
		if time.Since(begun) < time.Second { // the channel is crowded, or the registrar is stopping
			p.pause(ctx, time.Second)
		}
		return nil
	case res.Code != onem2m.OK || res.Content == nil || res.Content.Name != "m2m:rqp":
		return &refusedError{doing: "poll", code: res.Code}
	}
	req, err := wire.DecodeRequest(res.Content.Value, wire.Limits{})
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	taken = true
	w.group.Go(func() { //nolint:contextcheck // the request outlives the polling a little
		defer w.leave()
		p.serve(w, req)
	})
	return nil
}

// serve carries out one request and hands the answer back. What takes too long is
// broken off: it ends by itself at its own rqet, which may be hours away.
func (p *Poller) serve(w *work, req *onem2m.Request) {
	ctx, end := context.WithTimeout(w.ctx, serveTime)
	res := p.handle(ctx, (&place{work: w}).give, req)
	end()
	if res == nil || res.NoResponse {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), answerTime)
	defer cancel()
	if err := p.answer(ctx, w.ctx.Done(), res); err != nil {
		p.log.WarnContext(ctx, "the answer to a fetched request is lost", "req", req.RequestID, "err", err)
	}
}

// answer hands an answer over, again and again until the registrar has it or stop
// is closed: what it is the answer to has been carried out. The registrar takes it
// once.
func (p *Poller) answer(ctx context.Context, stop <-chan struct{}, res *onem2m.Response) error {
	content := &onem2m.Content{Name: "m2m:rsp", Value: wire.EncodeResponse(res)}
	for rest := firstPause; ; rest *= 2 {
		_, err := p.registree.ask(ctx, "answer", onem2m.OK, &onem2m.Request{Operation: onem2m.Notify, To: p.channel() + "/pcu", Content: content})
		switch {
		case err == nil, rest > firstPause && codeOf(err) == onem2m.BadRequest: // it had it already, or nobody waits any more
			return nil
		case codeOf(err) != 0:
			return err
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
		case <-stop:
		}
		timer.Stop()
		return err
	}
}
