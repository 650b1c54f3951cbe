package notify

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxWaiting bounds the notifications of other CSEs that wait for the answer to
// the one that they are passed on in.
const maxWaiting = 1000

// refusal is the answer of a target that is no success.
type refusal onem2m.StatusCode

func (r refusal) Error() string { return fmt.Sprintf("answered %d", int(r)) }

// replies are those who wait for what becomes of a delivery, by its ID.
type replies struct {
	mu      sync.Mutex // guards what follows
	waiting map[int64][]chan onem2m.StatusCode
	count   int
}

// expect notes that somebody waits for the answer to a delivery.
func (r *replies) expect(id int64, answer chan onem2m.StatusCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[int64][]chan onem2m.StatusCode{}
	}
	r.waiting[id] = append(r.waiting[id], answer)
	r.count++
}

// full reports whether no more may wait.
func (r *replies) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count >= maxWaiting
}

// join lets who waits for some deliveries wait for the one made of them.
func (r *replies) join(from []int64, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range from {
		if list := r.waiting[one]; len(list) > 0 && one != id {
			delete(r.waiting, one)
			r.waiting[id] = append(r.waiting[id], list...)
		}
	}
}

// reply tells everybody who waits for a delivery.
func (r *replies) reply(id int64, code onem2m.StatusCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, answer := range r.waiting[id] {
		answer <- code // capacity 1, and told once
		r.count--
	}
	delete(r.waiting, id)
}

// leave ends a wait.
func (r *replies) leave(answer chan onem2m.StatusCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, list := range r.waiting {
		if i := slices.Index(list, answer); i >= 0 {
			r.waiting[id] = slices.Delete(list, i, i+1)
			r.count--
			if len(r.waiting[id]) == 0 {
				delete(r.waiting, id)
			}
			return
		}
	}
}

// Gather takes a notification that a member on another CSE has sent to a
// gathering of this one, and waits for the answer to the aggregated one (TS-0004
// clause 7.5.1.2.6). payload is the whole Content, {"m2m:sgn":{…}} or
// {"m2m:agn":{…}}; a request that comes again while it waits is taken once. What
// is gathered is sent before that instant at the latest. It must not be called
// inside a transaction.
func (e *Engine) Gather(ctx context.Context, address, rqi string, payload []byte, before onem2m.Timestamp) (onem2m.StatusCode, error) {
	key, ok := e.gathers(address)
	if !ok || e.replies.full() {
		return 0, onem2m.Errorf(onem2m.TargetNotReachable, "to", "no more notifications are gathered now")
	}
	if _, err := contentOf(payload); err != nil {
		return 0, onem2m.Errorf(onem2m.BadRequest, "pc", "no notification")
	}
	answer := make(chan onem2m.StatusCode, 1)
	err := e.store.Update(ctx, func(tx store.Tx) error {
		g, err := e.gathering(tx, key, "")
		if err != nil {
			return err
		}
		id, err := e.repeated(tx, key, rqi)
		if err == nil && id == 0 {
			id, err = e.takeIn(tx, &g, key, rqi, payload, before)
		}
		if err != nil {
			return err
		}
		tx.OnCommit(func() { e.replies.expect(id, answer) })
		return nil
	})
	if err != nil {
		return 0, err
	}
	select {
	case code := <-answer:
		return code, nil
	case <-ctx.Done():
		e.replies.leave(answer)
		return 0, ctx.Err()
	}
}

// takeIn stores a notification of another CSE.
func (e *Engine) takeIn(tx store.Tx, g *Gathering, key, rqi string, payload []byte, before onem2m.Timestamp) (int64, error) {
	event, err := e.number()
	if err != nil {
		return 0, err
	}
	return e.collectFor(tx, g, key, &store.Delivery{Event: event, RequestID: rqi, Payload: payload, NotBefore: before})
}

// repeated returns the entry of a request that waits in a gathering already, or 0.
func (e *Engine) repeated(tx store.Tx, key, rqi string) (int64, error) {
	rows, err := tx.Held(key, 0, maxHeld)
	if err != nil {
		return 0, err
	}
	for _, d := range rows {
		if d.RequestID == rqi {
			return d.ID, nil
		}
	}
	return 0, nil
}
