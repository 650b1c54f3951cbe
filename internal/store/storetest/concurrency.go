package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// concurrencyContracts are about many callers at once.
func concurrencyContracts() []contract {
	return []contract{
		{"C-066 C-482 of many inserts of one name exactly one succeeds", oneNameOnce},
		{"C-482 counters are exact after parallel creates, some of which fail", countersExact},
		{"readers beside writers never see a count without its instance", neverHalf},
	}
}

const crowd = 32

// at runs fn in parallel and waits.
func at(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

func oneNameOnce(b *bench) {
	_, cnt := b.base()
	taken := errors.New("4105")
	for round := range 5 {
		rn := fmt.Sprintf("x%d", round)
		var ok, refused atomic.Int64
		at(crowd, func(i int) {
			err := b.s.Update(b.Context(), func(tx store.Tx) error {
				if _, err := tx.Child(cnt.ID, rn); err == nil {
					return taken
				}
				r := sample(tx.NextID(), cnt.ID, onem2m.TypeContainer, rn)
				r.RI = fmt.Sprintf("%s-%d", rn, i)
				return tx.Insert(r)
			})
			switch {
			case err == nil:
				ok.Add(1)
			case errors.Is(err, taken):
				refused.Add(1)
			default:
				b.Error(err)
			}
		})
		if ok.Load() != 1 || refused.Load() != crowd-1 {
			b.Errorf("%d created, %d refused", ok.Load(), refused.Load())
		}
	}
}

// create adds an instance and counts it, as a procedure would.
func create(tx store.Tx, parent int64, rn string) error {
	cnt, err := tx.ByID(parent)
	if err != nil {
		return err
	}
	r := sample(tx.NextID(), parent, onem2m.TypeContentInstance, rn)
	r.Size = 10
	if err := tx.Insert(r); err != nil {
		return err
	}
	c := cnt.Counters
	c.State, c.Count, c.Bytes = c.State+1, c.Count+1, c.Bytes+r.Size
	return tx.Count(parent, c)
}

func countersExact(b *bench) {
	const each = 20
	_, cnt := b.base()
	failing := errors.New("no")
	at(crowd, func(i int) {
		for k := range each {
			err := b.s.Update(b.Context(), func(tx store.Tx) error {
				if err := create(tx, cnt.ID, fmt.Sprintf("i%d-%d", i, k)); err != nil {
					return err
				}
				if k%4 == 3 {
					return failing
				}
				return nil
			})
			if (k%4 == 3) != errors.Is(err, failing) {
				b.Error(err)
			}
		}
	})
	want := store.Counters{State: crowd * each * 3 / 4, Count: crowd * each * 3 / 4, Bytes: crowd * each * 3 / 4 * 10}
	for range 2 {
		b.read(func(r store.Reader) error {
			got, err := r.ByID(cnt.ID)
			if err != nil {
				return err
			}
			below, err := r.Children(cnt.ID, store.Page{})
			if got.Counters != want || len(below) != int(want.Count) {
				b.Errorf("%+v and %d rows, want %+v", got.Counters, len(below), want)
			}
			return err
		})
		b.reopen()
	}
}

func neverHalf(b *bench) {
	const each = 100
	_, cnt := b.base()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for last := int64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				err := b.s.Read(b.Context(), func(r store.Reader) error {
					below, err := r.Children(cnt.ID, store.Page{Limit: 10 * each})
					if err != nil {
						return err
					}
					got, err := r.ByID(cnt.ID)
					if err != nil {
						return err
					}
					if got.Counters.Count != int64(len(below)) || got.Counters.Count < last {
						return fmt.Errorf("count %d, %d rows, %d before", got.Counters.Count, len(below), last)
					}
					last = got.Counters.Count
					return nil
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	at(4, func(i int) {
		for k := range each {
			if err := b.s.Update(b.Context(), func(tx store.Tx) error {
				return create(tx, cnt.ID, fmt.Sprintf("i%d-%d", i, k))
			}); err != nil {
				b.Error(err)
			}
		}
	})
	close(stop)
	readers.Wait()
}
