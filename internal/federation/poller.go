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
	channelName = "poll"           // resourceName of the <pollingChannel>
)

// Poller fetches requests from the registrar, for a CSE that can't be called:
// it keeps a <pollingChannel> below the own <remoteCSE>, polls its
// <pollingChannelURI>, and hands the answers back there (TS-0004 clauses 7.4.21
// and 7.4.22).
type Poller struct {
	registree *Registree
	sender    Sender
	handle    func(context.Context, *onem2m.Request) *onem2m.Response
	log       *slog.Logger
	joined    chan struct{} // capacity 1: the registration has changed
}

// NewPoller returns a Poller for a registration. handle carries out what was
// fetched, as a request of the registrar.
func NewPoller(r *Registree, sender Sender, handle func(context.Context, *onem2m.Request) *onem2m.Response, log *slog.Logger) *Poller {
	return &Poller{registree: r, sender: sender, handle: handle, log: log, joined: make(chan struct{}, 1)}
}

// Changed tells that the registration has come about or is gone. It never waits.
func (p *Poller) Changed() {
	select {
	case p.joined <- struct{}{}:
	default:
	}
}

// Run polls until ctx ends, and then waits for what it has fetched: whoever
// asked waits for the answer.
func (p *Poller) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	places := make(chan struct{}, maxPolled)
	failures := 0
	for ctx.Err() == nil {
		if !p.registree.Joined() {
			p.pause(ctx, time.Hour)
			continue
		}
		err := p.poll(ctx, &work, places)
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
func (p *Poller) poll(ctx context.Context, work *sync.WaitGroup, places chan struct{}) error {
	select {
	case places <- struct{}{}: // who has no hand free fetches nothing
	case <-ctx.Done():
		return ctx.Err()
	}
	taken := false
	defer func() {
		if !taken {
			<-places
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
	work.Go(func() {
		defer func() { <-places }()
		p.serve(context.WithoutCancel(ctx), req)
	})
	return nil
}

// serve carries out one request and hands the answer back.
func (p *Poller) serve(ctx context.Context, req *onem2m.Request) {
	res := p.handle(ctx, req)
	if res == nil || res.NoResponse {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, err := p.registree.ask(ctx, "answer", onem2m.OK, &onem2m.Request{
		Operation: onem2m.Notify, To: p.channel() + "/pcu",
		Content: &onem2m.Content{Name: "m2m:rsp", Value: wire.EncodeResponse(res)},
	})
	if err != nil {
		p.log.WarnContext(ctx, "the answer to a fetched request is lost", "req", req.RequestID, "err", err)
	}
}
