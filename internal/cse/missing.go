package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// watch is how far the detection of missing data of one <timeSeries> has got.
// It is kept in the store, so that a restart goes on where the last run ended.
type watch struct {
	First onem2m.Timestamp `json:"first"` // generation time of the first point
	Next  int64            `json:"next"`  // number of the earliest point that is neither there nor missing
	Ahead []int64          `json:"ahead"` // numbers behind Next that are there already
}

// maxAhead bounds the points that have come before their turn and are remembered.
const maxAhead = 1000

// maxMissing bounds missingDataList where missingDataMaxNr doesn't: it is
// written again with every missing point.
const maxMissing = 1000

// rhythm are the attributes of a <timeSeries> that govern detection, as times.
type rhythm struct {
	interval, delta, patience onem2m.Timestamp
	keep                      int // entries of missingDataList
}

// rhythmOf returns ok false where nothing is detected (C-382).
func rhythmOf(attrs onem2m.Object) (m rhythm, ok bool) {
	on, _ := attrs.Bool("mdd")
	interval, periodic := attrs.Int("pei")
	patience, patient := attrs.Int("mdt")
	if !on || !periodic || !patient || interval <= 0 || interval > maxMillis || patience > maxMillis {
		return m, false
	}
	delta, _ := attrs.Int("peid")
	m = rhythm{interval: onem2m.Timestamp(interval * 1000), delta: onem2m.Timestamp(delta * 1000), patience: onem2m.Timestamp(patience * 1000), keep: maxMissing}
	if n, given := attrs.Int("mdn"); given {
		m.keep = int(min(n, maxMissing))
	}
	return m, true
}

// maxMillis is about 3000 years: what is beyond it never comes.
const maxMillis = 100_000_000_000_000

// expected is the generation time of point n, deadline when it counts as missing.
func (w *watch) expected(m rhythm, n int64) onem2m.Timestamp {
	return w.First + onem2m.Timestamp(n)*m.interval
}

func (w *watch) deadline(m rhythm) onem2m.Timestamp { return w.expected(m, w.Next) + m.patience }

// note takes up a point: it may be the next one, one ahead, or none that is
// expected. One that comes after it was found missing stays missing (C-383).
func (w *watch) note(m rhythm, t onem2m.Timestamp) {
	n := int64((t - w.First + m.interval/2) / m.interval)
	off := t - w.expected(m, n)
	if n < w.Next || off > m.delta || off < -m.delta || slices.Contains(w.Ahead, n) {
		return
	}
	if n > w.Next {
		if len(w.Ahead) < maxAhead {
			w.Ahead = append(w.Ahead, n)
		}
		return
	}
	w.Next++
	w.advance()
}

// advance passes over points that are there already.
func (w *watch) advance() {
	for {
		at := slices.Index(w.Ahead, w.Next)
		if at < 0 {
			return
		}
		w.Ahead = slices.Delete(w.Ahead, at, at+1)
		w.Next++
	}
}

// overdue takes the points whose time is over and returns when they were
// expected, the last keep of them.
func (w *watch) overdue(m rhythm, now onem2m.Timestamp) []onem2m.Timestamp {
	if late := int64((now-w.deadline(m))/m.interval) + 1; now >= w.deadline(m) && late > int64(m.keep+len(w.Ahead)) {
		w.Next += late - int64(m.keep+len(w.Ahead)) // after a long time away
		w.Ahead = slices.DeleteFunc(w.Ahead, func(n int64) bool { return n < w.Next })
		w.advance()
	}
	var list []onem2m.Timestamp
	for w.deadline(m) <= now {
		list = append(list, w.expected(m, w.Next))
		w.Next++
		w.advance()
	}
	return list[max(0, len(list)-m.keep):]
}

func watchName(series int64) string { return fmt.Sprintf("timeseries/%d", series) }

func loadWatch(r store.Reader, series int64) (*watch, error) {
	data, err := r.Setting(watchName(series))
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	w := &watch{}
	if err := json.Unmarshal(data, w); err != nil {
		return nil, fmt.Errorf("state of time series %d: %w", series, err)
	}
	return w, nil
}

func (c *CSE) saveWatch(tx store.Tx, series int64, m rhythm, w *watch) error {
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	deadline := w.deadline(m)
	tx.OnCommit(func() { c.series.arm(series, deadline) })
	return tx.SetSetting(watchName(series), data)
}

// arrived takes up a new point. The first one after detection was switched on
// starts it (C-382).
func (c *CSE) arrived(tx store.Tx, series *store.Record, t onem2m.Timestamp) error {
	m, ok := rhythmOf(attributes(series))
	if !ok {
		return nil
	}
	w, err := loadWatch(tx, series.ID)
	if err != nil {
		return err
	}
	if w == nil {
		w = &watch{First: t, Next: 1}
	} else {
		w.note(m, t)
	}
	return c.saveWatch(tx, series.ID, m, w)
}

// forgetSeries stops detection: what comes next is a first point again.
func (c *CSE) forgetSeries(tx store.Tx, series int64) error {
	tx.OnCommit(func() { c.series.disarm(series) })
	return tx.SetSetting(watchName(series), nil)
}

// DetectMissing finds the points that have been missing since the last time, in
// all <timeSeries> whose turn it is, and returns when it has to look again; 0 if
// never.
func (c *CSE) DetectMissing(ctx context.Context) (onem2m.Timestamp, error) {
	for {
		now := onem2m.TimestampOf(c.Now())
		series, at := c.series.first()
		if series == 0 || at > now {
			return at, nil
		}
		err := c.Store.Update(ctx, func(tx store.Tx) error { return c.detectMissing(tx, series, now) })
		if err != nil {
			return at, err
		}
	}
}

func (c *CSE) detectMissing(tx store.Tx, series int64, now onem2m.Timestamp) error {
	rec, err := tx.ByID(series)
	if errors.Is(err, store.ErrNotFound) {
		return c.forgetSeries(tx, series) // gone, or cut off and soon gone
	}
	if err != nil {
		return err
	}
	attrs := attributes(rec)
	m, ok := rhythmOf(attrs)
	w, err := loadWatch(tx, series)
	if err != nil {
		return err
	}
	if !ok || w == nil {
		return c.forgetSeries(tx, series)
	}
	missing := w.overdue(m, now)
	if len(missing) > 0 {
		if err := c.noteMissing(tx, rec, missing, m.keep); err != nil {
			return err
		}
	}
	return c.saveWatch(tx, series, m, w)
}

// noteMissing enters points into missingDataList (C-383, C-388).
func (c *CSE) noteMissing(tx store.Tx, rec *store.Record, missing []onem2m.Timestamp, keep int) error {
	attrs := attributes(rec).Clone()
	list, _ := attrs.Texts("mdlt")
	for _, t := range missing {
		list = append(list, t.String())
	}
	list = list[max(0, len(list)-keep):]
	attrs.Set("mdlt", onem2m.TextsValue(list))
	attrs.Set("mdc", onem2m.IntValue(int64(len(list))))
	next := revised(rec, max(c.tick(), rec.Modified+1), attrs)
	if err := tx.Replace(next); err != nil {
		return err
	}
	return c.Notifier.Record(tx, notify.Event{Type: notify.MissingData, Resource: next, Missing: missing, Originator: c.Home.ID()})
}

// rearm takes up the detection of all <timeSeries> after a start.
func (c *CSE) rearm(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeTimeSeries, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				m, ok := rhythmOf(attributes(rec))
				if !ok {
					continue
				}
				w, err := loadWatch(r, rec.ID)
				if err != nil {
					return err
				}
				if w != nil {
					c.series.arm(rec.ID, w.deadline(m))
				}
			}
		}
	})
}

// retryDetection is how long what failed at its time waits.
const retryDetection = time.Second

// attend does what has to be done when alarms go off until ctx ends. rearm sets
// them from the store at the beginning; work does it and returns when it is its
// turn again, 0 if never.
func (c *CSE) attend(ctx context.Context, what string, a *alarms, rearm func(context.Context) error, work func(context.Context) (onem2m.Timestamp, error)) {
	ready := false
	for {
		var next onem2m.Timestamp
		var err error
		if !ready {
			err = rearm(ctx)
			ready = err == nil
		}
		if ready {
			next, err = work(ctx)
		}
		wait := time.Hour
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.Log.ErrorContext(ctx, "alarm", "for", what, "err", err)
			wait = retryDetection
		case next != 0:
			wait = max(time.Millisecond, min(wait, next.Time().Sub(c.Now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-a.wake:
			timer.Stop()
		}
	}
}
