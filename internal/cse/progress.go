package cse

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// While a fan-out goes on, its <request> shows the answers that have come, now
// and then: each time all of them are written (C-353).
const (
	progressPause = time.Second
	maxProgress   = 1 << 20 // octets; more is shown only at the end
)

// collected are the answers of the members of a fan-out; nil for one that
// hasn't answered.
type collected struct {
	mu      sync.Mutex // guards what follows
	answers []*onem2m.Response
	count   int
}

func (a *collected) put(i int, res *onem2m.Response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[i] = res
	a.count++
}

// sofar returns what has come, or nil if that isn't more than before, or all.
func (a *collected) sofar(before int) (answers []*onem2m.Response, count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == before || a.count == len(a.answers) {
		return nil, before
	}
	return slices.Clone(a.answers), a.count
}

// showProgress keeps the <request> of a fan-out up to date until the caller
// stops it, which waits for what is being written.
func (k *call) showProgress(ctx context.Context, orders []order, answers *collected) (stop func()) {
	if k.errand == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(progressPause)
		defer tick.Stop()
		shown := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var list []*onem2m.Response
			if list, shown = answers.sofar(shown); list == nil {
				continue
			}
			if err := k.writeProgress(ctx, orders, list); err != nil {
				if ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
					k.c.Log.WarnContext(ctx, "progress of a fan-out not shown", "request", k.errand.ri, "err", err)
				}
				return
			}
		}
	})
	return func() { cancel(); watcher.Wait() }
}

// writeProgress puts the answers that have come into the <request>.
func (k *call) writeProgress(ctx context.Context, orders []order, answers []*onem2m.Response) error {
	res, err := k.aggregate(orders, answers)
	if err != nil || len(res.Content.Value) > maxProgress {
		return err
	}
	k.finish(res)
	return k.c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(k.errand.id)
		if err != nil {
			return err
		}
		return k.c.amend(tx, rec, k.c.Home.ID(), onem2m.Object{
			{Name: "rs", Value: onem2m.IntValue(statusPartial)},
			{Name: "ors", Value: operationResult(res)},
		})
	})
}
