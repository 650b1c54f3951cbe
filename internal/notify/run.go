package notify

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bulwark/internal/store"
)

// loadPage is how many outbox entries are read at once when Run begins.
const loadPage = 500

// Run delivers until ctx ends, beginning with what an earlier life left in the
// outbox. It stops within Limits.Drain and the time that the store needs:
// deliveries in flight may end, what then hasn't stays in the outbox. It
// returns nil after a stop, and an error if the outbox can't be read.
func (e *Engine) Run(ctx context.Context) error {
	if !e.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer e.running.Store(false)
	e.line.reset()
	e.ledger.open()

	detached := context.WithoutCancel(ctx)
	calls, cancelCalls := context.WithCancel(detached)
	defer cancelCalls()
	books, cancelBooks := context.WithCancel(detached)
	defer cancelBooks()

	var workers, keeper, watcher, minder sync.WaitGroup
	keeper.Go(func() { e.keep(books) })
	watching, cancelWatch := context.WithCancel(ctx)
	watcher.Go(func() { e.line.watch(watching) })
	minder.Go(func() { e.mind(watching) })
	for range e.limits.Workers {
		workers.Go(func() { e.work(calls) })
	}

	err := e.load(ctx)
	if err == nil {
		<-ctx.Done()
	}
	cancelWatch()
	minder.Wait()
	e.line.stop()
	drain := time.AfterFunc(e.limits.Drain, cancelCalls)
	finish := time.AfterFunc(e.limits.Drain+ledgerFinish, cancelBooks)
	workers.Wait()
	drain.Stop()
	e.ledger.close()
	keeper.Wait()
	finish.Stop()
	watcher.Wait()
	e.line.reset() // what is left waits in the outbox
	return err
}

// load reads the outbox page by page.
func (e *Engine) load(ctx context.Context) error {
	after := int64(0)
	for {
		var page []*store.Delivery
		err := e.store.Read(ctx, func(r store.Reader) error {
			var err error
			page, err = r.Deliveries(after, loadPage)
			return err
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a stop is no failure
		}
		if err != nil {
			return fmt.Errorf("notify: read the outbox: %w", err)
		}
		for _, d := range page {
			if d.Held != 0 {
				e.shelf.look(d.Subscription)
			}
		}
		dropped, done := e.line.load(page)
		e.ledger.drop(dropped)
		if done {
			return nil
		}
		if len(page) > 0 {
			after = page[len(page)-1].ID
		}
	}
}
