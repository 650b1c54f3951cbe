package cse

import (
	"context"
	"sync"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// turns are the resources of which an UPDATE waits for somebody's answer, and
// who waits for those: one request after the other has a resource to itself.
type turns struct {
	mu   sync.Mutex // guards busy and the numbers in it
	busy map[int64]*turn
}

type turn struct {
	token chan struct{} // capacity 1; who has put something in it has the turn
	users int
}

// enter waits for the turn of a resource.
func (l *turns) enter(ctx context.Context, id int64) error {
	l.mu.Lock()
	if l.busy == nil {
		l.busy = map[int64]*turn{}
	}
	t := l.busy[id]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		l.busy[id] = t
	}
	t.users++
	l.mu.Unlock()
	select {
	case t.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.forget(id, t)
		return timedOut()
	}
}

// leave ends the turn of a resource.
func (l *turns) leave(id int64) {
	l.mu.Lock()
	t := l.busy[id]
	l.mu.Unlock()
	<-t.token
	l.forget(id, t)
}

func (l *turns) forget(id int64, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(l.busy, id)
	}
}

// hold keeps an UPDATE or DELETE back while somebody is asked about an UPDATE
// of the same resource, and asks about this one if it has to (C-314). The
// caller calls release when the operation is done. Where nobody has subscribed
// to be asked it costs one look.
func (k *call) hold(ctx context.Context) (release func(), err error) {
	release = func() {}
	blocker, rec, err := k.blocker(ctx)
	if err != nil || blocker == nil {
		return release, err
	}
	if must, err := k.mustAsk(ctx, permissions.hasAsked); err != nil || !must {
		return release, err
	}
	if _, err := k.vetHeld(ctx); err != nil {
		return release, err // what fails anyway bothers nobody
	}
	if err := k.c.turns.enter(ctx, rec.ID); err != nil {
		return release, err
	}
	release = func() { k.c.turns.leave(rec.ID) }
	if k.req.Operation != onem2m.Update {
		return release, nil
	}
	ev, err := k.vetHeld(ctx) // things may have changed
	if err != nil {
		release()
		return func() {}, err
	}
	if blocker, _, err = k.blocker(ctx); err == nil && blocker != nil && k.c.Notifier.Blocked(blocker, ev) {
		err = k.askPermission(ctx, blocker, ev)
	}
	if err != nil {
		release()
		return func() {}, err
	}
	return release, nil
}

// blocker finds the blocking subscription of the target, if there is one.
func (k *call) blocker(ctx context.Context) (blocker, rec *store.Record, err error) {
	err = k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, k.address.Path, k.now)
		if err != nil {
			return unlessMissing(err) // the operation itself says what is wrong
		}
		if t.virtual != "" {
			return nil
		}
		rec = t.rec
		subscriptions, err := r.Subscriptions(rec.ID)
		if err != nil {
			return err
		}
		blocker = notify.Listener(subscriptions, notify.Blocking)
		if blocker != nil && expired(blocker, k.now) {
			blocker = nil
		}
		return nil
	})
	return blocker, rec, err
}

// vetHeld checks a held operation on a snapshot, and returns what its target
// is asked about.
func (k *call) vetHeld(ctx context.Context) (ev notify.Event, err error) {
	err = k.rehearse(ctx, func(r store.Reader) error {
		if k.req.Operation != onem2m.Update {
			_, err := k.vetDelete(r)
			return err
		}
		s := &subject{}
		p, err := k.vetUpdate(r, s)
		if err != nil {
			return err
		}
		asked := k.draft.raw.Clone() // as it is in the request (TS-0004 clause 7.5.1.2.19)
		for _, name := range p.private {
			asked.Delete(name)
		}
		ev = notify.Event{
			Type: notify.Blocking, Resource: k.c.publicRecord(s.old), Touched: s.touched,
			Modified: asked.Append(nil), Originator: k.from.ID,
		}
		return nil
	})
	return ev, err
}

// askPermission asks the target of a blocking subscription (C-315, C-317).
func (k *call) askPermission(ctx context.Context, blocker *store.Record, ev notify.Event) error {
	code, err := k.c.Notifier.Consult(ctx, blocker, ev)
	switch {
	case err == nil && code/1000 == 2:
		return nil
	case ctx.Err() != nil:
		return timedOut()
	case err != nil || code == onem2m.TargetNotReachable:
		return &onem2m.Error{
			Code: onem2m.RemoteEntityNotReachable, Text: "the entity that decides about updates can't be reached", Cause: err,
		}
	}
	return onem2m.Errorf(onem2m.OperationDeniedByRemoteEntity, "", "the entity that decides about updates has refused this one")
}
