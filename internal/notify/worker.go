package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// work delivers until the line stops.
func (e *Engine) work(ctx context.Context) {
	for {
		f, ok := e.line.take()
		if !ok {
			return
		}
		e.fly(ctx, f)
	}
}

// errStoreTrouble says that a delivery couldn't be read; the target is not at fault.
var errStoreTrouble = errors.New("outbox not readable")

// fly makes one attempt and books the result.
func (e *Engine) fly(ctx context.Context, f flight) {
	out := Outcome{Target: f.queue.target, Subscription: f.item.subscription, Attempts: f.item.attempts}
	d, s, err := e.prepare(ctx, f.item)
	switch {
	case errors.Is(err, store.ErrNotFound): // settled already, or its subscription is gone
		out.Kind = Discarded
		e.finish(ctx, f, out, false)
		return
	case err != nil:
		out.Err = fmt.Errorf("%w: %w", errStoreTrouble, err)
		e.retry(ctx, f, out)
		return
	}
	content, err := contentOf(d.Payload)
	if err != nil {
		out.Kind, out.Err = Refused, err
		e.finish(ctx, f, out, false)
		return
	}
	out.RequestID = d.RequestID
	if d.Subscription == "" && d.Created <= onem2m.TimestampOf(e.now().Add(-e.limits.GiveUp)) {
		out.Kind = GaveUp // a result that nobody wants any more (C-184)
		e.finish(ctx, f, out, false)
		return
	}
	out.Attempts++
	req := onem2m.Request{RequestID: d.RequestID, Content: content, EventCategory: s.category}
	if d.Category != 0 {
		category := d.Category
		req.EventCategory = &category
	}
	v, err := e.send(ctx, f.queue.target, req)
	if isGathering(d.Subscription) && v != missed {
		f.tellers = e.tellers(d.Payload)
		code := onem2m.OK
		if answer, ok := errors.AsType[refusal](err); ok {
			code = onem2m.StatusCode(answer)
		}
		defer e.replies.reply(d.ID, code)
	}
	switch v {
	case accepted, taken:
		out.Kind = Delivered
		e.finish(ctx, f, out, s.counter > 0)
	case refused:
		out.Kind, out.Err = Refused, err
		e.finish(ctx, f, out, false)
	default:
		out.Err = err
		e.retry(ctx, f, out)
	}
}

// prepare reads the delivery of an item and its subscription, which must
// still be there unless the delivery is its final one.
func (e *Engine) prepare(ctx context.Context, it item) (*store.Delivery, *subscription, error) {
	d, s := it.delivery, &subscription{}
	if d != nil && it.final {
		return d, s, nil
	}
	err := e.store.Read(ctx, func(r store.Reader) error {
		if !it.final {
			sub, err := r.ByRI(it.subscription)
			if err != nil {
				return err
			}
			s = compiled(sub)
		}
		if d != nil {
			return nil
		}
		page, err := r.Deliveries(it.id-1, 1)
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].ID != it.id {
			return store.ErrNotFound
		}
		d = page[0]
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d, s, nil
}

// finish ends a delivery. If its subscription counts down, the queue goes on
// only after the count is stored, so that a last notification is the last.
func (e *Engine) finish(ctx context.Context, f flight, out Outcome, wait bool) {
	stored := e.ledger.settle(ctx, entry{
		id: f.item.id, subscription: f.item.subscription, event: f.item.event,
		final: f.item.final, delivered: out.Kind == Delivered,
		target: f.queue.target, events: f.item.events, sent: out.Attempts,
		answered: out.Kind == Delivered || out.Kind == Refused,
		tellers:  f.tellers,
	})
	if wait {
		<-stored
	}
	how := landed
	if out.Kind == Discarded || out.Kind == GaveUp {
		how = spared
	}
	e.line.done(f, how, 0, 0)
	e.report(out)
}

// retry puts a delivery off, or gives it up when it is too old.
func (e *Engine) retry(ctx context.Context, f flight, out Outcome) {
	if ctx.Err() != nil {
		e.line.done(f, aborted, 0, 0)
		return
	}
	pause := e.pause(e.line.failures(f) + 1)
	expired := e.line.done(f, failed, out.Attempts, pause)
	gone := false
	for _, it := range expired {
		gone = gone || it.id == f.item.id
		e.ledger.settle(ctx, entry{id: it.id, subscription: it.subscription, event: it.event, final: it.final, target: f.queue.target, events: it.events, sent: it.attempts})
		e.report(Outcome{
			Kind: GaveUp, Target: f.queue.target, Subscription: it.subscription, RequestID: it.requestID(),
			Attempts: it.attempts, Err: out.Err,
		})
	}
	if gone {
		return
	}
	e.ledger.postpone(entry{id: f.item.id, attempts: out.Attempts, notBefore: onem2m.TimestampOf(e.now().Add(pause))})
	out.Kind = Repeated
	e.report(out)
}

// pause returns how long a target rests after so many failures in a row: twice
// as long each time, within a quarter of chance either way so that targets that
// failed together don't come back together.
func (e *Engine) pause(failures int) time.Duration {
	d := e.limits.FirstBackOff
	for i := 1; i < failures && d < e.limits.MaxBackOff; i++ {
		d *= 2
	}
	d = min(d, e.limits.MaxBackOff)
	var b [4]byte
	if err := e.randomise(b[:]); err != nil {
		return d
	}
	share := float64(binary.BigEndian.Uint32(b[:])) / (1 << 32) // 0 up to 1
	d = time.Duration(float64(d) * (0.75 + share/2))
	return min(max(d, e.limits.FirstBackOff), e.limits.MaxBackOff)
}
