package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// arrear is what a copy on another CSE has to be told still: an UPDATE of some
// attributes, or its DELETE. It says what has changed and not how: what is sent
// is what the original holds at that time, so that a repetition does no harm.
type arrear struct {
	Copy     string   `json:"copy"`              // address
	Original int64    `json:"original,omitzero"` // surrogate
	Names    []string `json:"names,omitzero"`
	Delete   bool     `json:"delete,omitzero"`
	Left     bool     `json:"left,omitzero"` // the <AEAnnc> of an AE of the whole SP that isn't registered here any more

	numbers  []int64 // under which it is kept
	fresh    bool    // not tried since it came about
	busy     chan struct{}
	attempts int
	due      time.Time
}

// maxArrears bounds what is owed at once. A copy that isn't told any more expires
// by itself, at the latest when its original would have.
const maxArrears = 10_000

// maxPayments bounds the attempts: with maxPause between them, about a day.
const maxPayments = 300

// minPause and maxPause are between attempts.
const (
	minPause = time.Second
	maxPause = 5 * time.Minute
)

// maxHelp bounds the debts that one request waits for.
const maxHelp = 16

// arrears are those of the store by the address of the copy. The store rules; this
// is a view of it.
type arrears struct {
	mu   sync.Mutex // guards open and what is in it
	open map[string]*arrear
	wake chan struct{} // capacity 1
}

func (d *arrears) init() { d.open, d.wake = make(map[string]*arrear), make(chan struct{}, 1) }

// add takes up a debt that is kept under a number.
func (d *arrears) add(number int64, one arrear) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	if have == nil {
		have = &arrear{Copy: one.Copy}
		d.open[one.Copy] = have
	}
	if slices.Contains(have.numbers, number) {
		return
	}
	have.numbers = append(have.numbers, number)
	have.Original, have.Delete, have.Left = max(have.Original, one.Original), have.Delete || one.Delete, have.Left || one.Left
	for _, name := range one.Names {
		if !slices.Contains(have.Names, name) {
			have.Names = append(have.Names, name)
		}
	}
	have.fresh, have.due = true, time.Time{}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// next takes a debt that is due; with fresh only one that nobody has tried. When
// there is none it returns how long that is so, or what to wait for.
func (d *arrears) next(fresh bool) (one *arrear, wait time.Duration, busy <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = time.Hour
	for _, have := range d.open {
		left := time.Until(have.due)
		switch {
		case have.busy != nil:
			if have.fresh {
				busy = have.busy
			}
		case fresh && !have.fresh:
		case left > 0:
			wait = min(wait, left)
		default:
			have.busy = make(chan struct{})
			taken := *have
			taken.numbers, taken.Names = slices.Clone(have.numbers), slices.Clone(have.Names)
			return &taken, 0, nil
		}
	}
	return nil, wait, busy
}

// end gives back a debt: paid, or to be tried again after a pause.
func (d *arrears) end(one *arrear, paid bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have := d.open[one.Copy]
	close(have.busy)
	have.busy = nil
	more := len(have.numbers) > len(one.numbers) // it has grown meanwhile
	have.fresh = more
	if paid {
		have.numbers = slices.DeleteFunc(have.numbers, func(n int64) bool { return slices.Contains(one.numbers, n) })
		have.attempts = 0
		if len(have.numbers) == 0 {
			delete(d.open, one.Copy)
		}
		return
	}
	have.attempts++
	if !more {
		have.due = time.Now().Add(min(maxPause, minPause<<min(have.attempts-1, 10)))
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// arrearSpan are the numbers in use: from First up to, not including, Next.
type arrearSpan struct {
	First int64 `json:"first"`
	Next  int64 `json:"next"`
}

const arrearSpanName = "announce/debts"

func arrearName(number int64) string { return fmt.Sprintf("announce/debt/%d", number) }

func loadSpan(r store.Reader) (*arrearSpan, error) {
	span, err := loadState[arrearSpan](r, arrearSpanName)
	if errors.Is(err, store.ErrNotFound) {
		return &arrearSpan{}, nil
	}
	return span, err
}

// oweCopy keeps a debt in the transaction in which it comes about.
func (c *CSE) oweCopy(tx store.Tx, one arrear) error {
	span, err := loadSpan(tx)
	if err != nil {
		return err
	}
	if span.Next-span.First >= maxArrears {
		c.Log.Warn("an announced resource isn't told", "address", one.Copy)
		return nil
	}
	number := span.Next
	span.Next++
	if err := saveState(tx, arrearName(number), &one); err != nil {
		return err
	}
	tx.OnCommit(func() { c.arrears.add(number, one) })
	return saveState(tx, arrearSpanName, span)
}

// forgive removes debts that are paid, or past help.
func forgive(tx store.Tx, numbers []int64) error {
	for _, number := range numbers {
		if err := tx.SetSetting(arrearName(number), nil); err != nil {
			return err
		}
	}
	span, err := loadSpan(tx)
	if err != nil {
		return err
	}
	for ; span.First < span.Next; span.First++ {
		_, err := tx.Setting(arrearName(span.First))
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return saveState(tx, arrearSpanName, span)
}

// loadArrears reads what was owed at the last end.
func (c *CSE) loadArrears(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		span, err := loadSpan(r)
		if err != nil {
			return err
		}
		for number := span.First; number < span.Next; number++ {
			one, err := loadState[arrear](r, arrearName(number))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			c.arrears.add(number, *one)
		}
		return nil
	})
}

// runArrears pays what is owed until ctx ends, one after the other.
func (c *CSE) runArrears(ctx context.Context) {
	for err := c.loadArrears(ctx); err != nil && ctx.Err() == nil; err = c.loadArrears(ctx) {
		c.Log.ErrorContext(ctx, "announcements not read", "err", err)
		pause(ctx, time.Second)
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		one, wait, _ := c.arrears.next(false)
		if one != nil {
			c.pay(ctx, one)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-c.arrears.wake:
		case <-timer.C:
		}
	}
}

// payFresh lets a request wait for the first attempt at what it has caused to be
// owed: so its answer comes when the copies are as the original (C-406).
func (c *CSE) payFresh(ctx context.Context) {
	if within(ctx) != nil {
		return
	}
	for range maxHelp {
		one, _, busy := c.arrears.next(true)
		switch {
		case one != nil:
			c.pay(ctx, one)
		case busy == nil:
			return
		default:
			select {
			case <-busy:
			case <-ctx.Done():
				return
			}
		}
	}
}

// pay makes one attempt.
func (c *CSE) pay(ctx context.Context, one *arrear) {
	ctx, cancel := context.WithTimeout(ctx, c.Timing.RequestExpiration)
	defer cancel()
	err := c.tellCopy(ctx, one)
	paid := err == nil
	if err != nil {
		code := onem2m.AsError(err).Code
		final := code/1000 == 4 && code != onem2m.RequestTimeout || one.attempts >= maxPayments
		c.Log.InfoContext(ctx, "announced resource not told", "address", one.Copy, "again", !final, "err", err)
		paid = final
	}
	if paid {
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer stop()
		if err := c.Store.Update(late, func(tx store.Tx) error { return forgive(tx, one.numbers) }); err != nil {
			c.Log.ErrorContext(ctx, "announcements not kept", "err", err)
			paid = false
		}
	}
	c.arrears.end(one, paid)
}

// tellCopy sends what is owed to a copy.
func (c *CSE) tellCopy(ctx context.Context, one *arrear) error {
	host := announcement.Host(c.Home, one.Copy)
	if one.Left {
		return c.tellLeft(ctx, host, one)
	}
	if one.Delete {
		_, err := c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Delete, To: one.Copy})
		if err != nil && onem2m.AsError(err).Code == onem2m.NotFound {
			return nil
		}
		return err
	}
	var now onem2m.Object
	var copies *onem2m.TypeInfo
	err := c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByID(one.Original)
		if err != nil || !slices.Contains(copiesOf(rec), one.Copy) {
			return unlessMissing(missing(err)) // its end is owed instead
		}
		copies = c.variant(c.infoOf(rec))
		now, err = c.projection(r, rec)
		return err
	})
	if err != nil || copies == nil {
		return err
	}
	rest := announcement.Amendment(announcement.Widened(now, c.Home, host), one.Names)
	parts := []onem2m.Object{rest}
	if acpi := rest.Get("acpi"); acpi != nil && rest.Delete("acpi") { // alone in its request
		parts = []onem2m.Object{rest, {{Name: "acpi", Value: acpi}}}
	}
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		_, err := c.toCopy(ctx, host, &onem2m.Request{Operation: onem2m.Update, To: one.Copy, Content: &onem2m.Content{Name: copies.Root, Value: part.Append(nil)}})
		if err != nil {
			return err
		}
	}
	return nil
}
