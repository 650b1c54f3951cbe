package cse

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// keptPoints is how many of the latest points of a series are kept at hand. A
// point that comes out of order is a little late, mostly.
const keptPoints = 1000

// maxKept bounds the series whose latest points are at hand: 32 kB each.
const maxKept = 1000

// point is one instance of a time series.
type point struct {
	at onem2m.Timestamp // dataGenerationTime
	id int64
}

// recent are the latest points of a series: every instance whose generation
// time is at or behind floor, and maybe some that aren't there any more.
type recent struct {
	list  []point // by time
	floor onem2m.Timestamp
	sound bool // what it was read from has been committed
}

// span returns where the points of one time begin and end in the list.
func (p *recent) span(t onem2m.Timestamp) (from, to int) {
	before := func(q point, t onem2m.Timestamp) int { return cmp.Compare(q.at, t) }
	from, _ = slices.BinarySearchFunc(p.list, t, before)
	to, _ = slices.BinarySearchFunc(p.list, t+1, before)
	return from, to
}

func (p *recent) add(q point) {
	if q.at < p.floor {
		return
	}
	_, to := p.span(q.at)
	p.list = slices.Insert(p.list, to, q)
	if late := len(p.list) - keptPoints; late >= keptPoints {
		p.floor = p.list[late-1].at + 1
		p.list = slices.Delete(p.list, 0, late)
	}
}

// points are the latest points of series, read from the store when they are
// asked for first. What is in the store rules: a point is entered before its
// commit and stays when it goes, so that nothing that is undone leaves a gap. For
// the same reason they count only after a commit behind their reading: what had
// been removed before it may be back.
type points struct {
	mu  sync.Mutex // guards all
	all map[int64]*recent
}

// find returns the instances that may have the generation time t. known is
// false where only the store can tell.
func (x *points) find(series int64, t onem2m.Timestamp) (ids []int64, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.all[series]
	if p == nil || !p.sound || t < p.floor {
		return nil, false
	}
	from, to := p.span(t)
	for _, q := range p.list[from:to] {
		ids = append(ids, q.id)
	}
	return ids, true
}

// state reports whether points of a series were read, and whether they count.
func (x *points) state(series int64) (read, sound bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.all[series]
	return p != nil, p != nil && p.sound
}

// confirm makes the points of a series count: they were read in what has been
// committed now.
func (x *points) confirm(series int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.all[series]; p != nil {
		p.sound = true
	}
}

func (x *points) keep(series int64, p *recent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil {
		x.all = make(map[int64]*recent)
	}
	if x.all[series] == nil && len(x.all) >= maxKept {
		for other := range x.all { // any: it is read again when need be
			delete(x.all, other)
			break
		}
	}
	x.all[series] = p
}

// add enters a new point of a series whose points are at hand.
func (x *points) add(series int64, q point) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.all[series]; p != nil {
		p.add(q)
	}
}

// settle forgets the points that a committed one has taken the time of: they
// were gone before it came.
func (x *points) settle(series int64, q point) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.all[series]
	if p == nil {
		return
	}
	from, to := p.span(q.at)
	if to-from < 2 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(p.list[from:to]), func(other point) bool { return other.id < q.id })
	p.list = slices.Replace(p.list, from, to, kept...)
}

// drop forgets a series that is gone.
func (x *points) drop(series int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, series)
}

// hasPoint reports whether a series has an instance of the generation time t.
func (c *CSE) hasPoint(tx store.Tx, series int64, t onem2m.Timestamp) (bool, error) {
	now := onem2m.TimestampOf(c.Now())
	ids, known := c.points.find(series, t)
	if !known {
		return c.seekPoint(tx, series, t, now)
	}
	for _, id := range ids {
		rec, err := tx.ByID(id)
		if err != nil {
			if err = gone(err); err != nil {
				return false, err
			}
			continue
		}
		if at, err := generated(rec); err == nil && at == t && rec.Parent == series && !expired(rec, now) {
			return true, nil
		}
	}
	return false, nil
}

// seekPoint looks through a series, and keeps its latest points unless they are
// at hand.
func (c *CSE) seekPoint(tx store.Tx, series int64, t, now onem2m.Timestamp) (bool, error) {
	var p *recent
	if _, sound := c.points.state(series); !sound {
		p = &recent{}
	}
	found := false
	err := c.eachPoint(tx, series, func(rec *store.Record, at onem2m.Timestamp) bool {
		found = found || at == t && !expired(rec, now)
		if p != nil {
			p.add(point{at: at, id: rec.ID})
		}
		return p != nil || !found
	})
	if err != nil || p == nil {
		return found, err
	}
	c.points.keep(series, p)
	tx.OnCommit(func() { c.points.confirm(series) })
	return found, nil
}

// eachPoint calls fn with every instance and its generation time until it
// returns false, expired ones included.
func (c *CSE) eachPoint(tx store.Tx, series int64, fn func(*store.Record, onem2m.Timestamp) bool) error {
	page := store.Page{Only: onem2m.TypeTimeSeriesInstance, Limit: 500}
	for {
		list, err := tx.Children(series, page)
		if err != nil {
			return err
		}
		for _, rec := range list {
			if t, err := generated(rec); err == nil && !fn(rec, t) {
				return nil
			}
		}
		if len(list) < page.Limit {
			return nil
		}
		page.After = list[len(list)-1].ID
	}
}

// generated reads dataGenerationTime of an instance, without a look at the rest
// where it can. Within a string no quotation mark stands alone, so that only a
// member of content that is an object can look the same; then both are seen.
func generated(rec *store.Record) (onem2m.Timestamp, error) {
	name := []byte(`"dgt":"`)
	if _, behind, ok := bytes.Cut(rec.Attributes, name); ok && !bytes.Contains(behind, name) {
		if text, _, ok := bytes.Cut(behind, []byte{'"'}); ok {
			if t, err := onem2m.ParseTimestamp(string(text)); err == nil {
				return t, nil
			}
		}
	}
	text, _ := attributes(rec).Text("dgt")
	return onem2m.ParseTimestamp(text)
}
