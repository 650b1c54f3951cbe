package cse

import (
	"context"
	"time"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// watchSetting is the name under which a store keeps that some subscription
// has watched operations: until one does, no request looks for them.
const watchSetting = "operation-monitor"

// watchTime bounds what telling of an attempt may take: the answer waits for it.
const watchTime = 5 * time.Second

// run carries the request out, and tells those who watch attempts at its target
// or collect statistics of it.
func (k *call) run(ctx context.Context) (*onem2m.Response, error) {
	res, err := k.process(ctx)
	if k.c.watching.Load() {
		k.observed(ctx, err)
	}
	k.collect(ctx, res, err)
	return res, err
}

// observed tells the subscriptions that watch attempts at the target of the
// request, whatever has become of it (C-291). Only an originator whose identity
// was established counts: others could make the CSE send what they like.
func (k *call) observed(ctx context.Context, failure error) {
	if k.from.ID == "" || k.claims() && failure != nil || k.later || k.req.Operation == onem2m.Delete && failure == nil {
		return // a deletion was told in its own transaction
	}
	path, ok := k.c.hosted(k.address)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchTime)
	defer cancel()
	watched := false
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := k.watched(r, path)
		watched = rec != nil
		return err
	})
	if err == nil && watched {
		err = k.c.Store.Update(ctx, func(tx store.Tx) error {
			rec, err := k.watched(tx, path)
			if err != nil || rec == nil {
				return err
			}
			return k.c.Notifier.Record(tx, k.attempt(rec))
		})
	}
	if err != nil {
		k.c.Log.ErrorContext(ctx, "operation monitor", "req", k.req.RequestID, "to", k.req.To, "err", err)
	}
}

// watched returns the target of the request if some subscription watches
// attempts at it, else nil.
func (k *call) watched(r store.Reader, path []string) (*store.Record, error) {
	t, err := k.c.resolve(r, path, k.now)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" {
		return nil, nil //nolint:nilnil // nothing is watched
	}
	subscriptions, err := r.Subscriptions(t.rec.ID)
	if err != nil || !notify.Monitored(subscriptions) {
		return nil, err
	}
	return t.rec, nil
}

// attempt is the event that a request is to those who watch its target.
func (k *call) attempt(rec *store.Record) notify.Event {
	return notify.Event{
		Type: notify.Operation, Resource: k.c.publicRecord(rec), Child: k.made, Originator: k.from.ID,
		Operation: k.req.Operation, Discovery: k.discovery(),
	}
}

// observeRemoval tells those who watch a resource of its DELETE while they
// still can be told.
func (k *call) observeRemoval(tx store.Tx, rec *store.Record) error {
	k.target = rec
	if !k.c.watching.Load() {
		return nil
	}
	ev := k.attempt(rec)
	ev.Final = true
	return k.c.Notifier.Record(tx, ev)
}

// watch notes that a subscription watches attempts.
func (c *CSE) watch(tx store.Tx) error {
	if c.watching.Load() {
		return nil
	}
	tx.OnCommit(func() { c.watching.Store(true) })
	return tx.SetSetting(watchSetting, []byte{1})
}

// tellEmpty tells the subscriptions that want to know when a container is
// asked for instances and has none (C-289). The answer is the same.
func (k *call) tellEmpty(ctx context.Context, rec *store.Record, res *onem2m.Response) error {
	if rec == nil || rec.Type != onem2m.TypeContainer || k.rcn != 4 && k.rcn != 8 || res.Content == nil || k.discovery() {
		return nil
	}
	if o, err := onem2m.ParseObject(res.Content.Value); err != nil || o.Has("m2m:cin") {
		return nil //nolint:nilerr // what was made a moment ago can be read
	}
	listens := false
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		subscriptions, err := r.Subscriptions(rec.ID)
		listens = notify.Listener(subscriptions, notify.Retrieved) != nil
		return err
	})
	if err != nil || !listens {
		return err
	}
	return k.c.Store.Update(ctx, func(tx store.Tx) error {
		return k.c.Notifier.Record(tx, notify.Event{Type: notify.Retrieved, Resource: rec, Originator: k.from.ID})
	})
}
