package cse

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Statistic is one service statistics collection record (TS-0001 clause
// 10.2.11.14, C-456).
type Statistic struct {
	Time       time.Time
	Collection string    // statsCollectID
	Collector  string    // collectingEntityID
	Originator onem2m.ID // collectedEntityID
	Event      int64     // eventType
	EventID    string
	RequestID  string
	Operation  onem2m.Operation
	To         string
	Type       onem2m.ResourceType // of the resource; 0 if it isn't known
	Size       int64               // octets of content that it holds
	Code       onem2m.StatusCode
}

// collection is an active <statsCollect> with its <eventConfig>.
type collection struct {
	id, collector string
	from          []onem2m.ID // nil: anybody
	periods       []*onem2m.Schedule
	until         onem2m.Timestamp // when the first of the two expires; 0: never

	event      string
	kind       int64
	start, end onem2m.Timestamp
	operations []int64
	size       int64
	types      []int64
	resources  []string
}

// statistics holds what is collected, read again after every change.
type statistics struct {
	stale atomic.Bool
	list  atomic.Pointer[[]*collection]
	mu    sync.Mutex // one reader at a time
}

func (s *statistics) outdate() { s.stale.Store(true) }

// maxCollections bounds what every request is held against.
const maxCollections = 1000

// collections returns what is collected now.
func (c *CSE) collections(ctx context.Context) []*collection {
	s := &c.statistics
	if s.stale.Load() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stale.Swap(false) {
			list, err := c.loadCollections(ctx)
			if err != nil {
				s.stale.Store(true)
				c.Log.ErrorContext(ctx, "read what statistics are collected", "err", err)
				return nil
			}
			s.list.Store(&list)
		}
	}
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (c *CSE) loadCollections(ctx context.Context) (all []*collection, err error) {
	now := onem2m.TimestampOf(c.Now())
	err = c.Store.Read(ctx, func(r store.Reader) error {
		list, err := r.OfType(onem2m.TypeStatsCollect, 0, maxCollections)
		if err != nil {
			return err
		}
		for _, rec := range list {
			attrs := attributes(rec)
			if status, _ := attrs.Int("srs"); status != statsActive || expired(rec, now) {
				continue
			}
			id, _ := attrs.Text("evi")
			event, err := c.eventConfig(r, id, now)
			if err != nil {
				return err
			}
			if event == nil {
				continue
			}
			all = append(all, c.collection(attrs, attributes(event), soonest(rec, event)))
		}
		return nil
	})
	return all, err
}

// soonest is the earliest expiration of some resources; 0: none expires. Parents
// don't expire before their children.
func soonest(list ...*store.Record) (first onem2m.Timestamp) {
	for _, rec := range list {
		if rec.Expires != 0 && (first == 0 || rec.Expires < first) {
			first = rec.Expires
		}
	}
	return first
}

func (c *CSE) collection(attrs, event onem2m.Object, until onem2m.Timestamp) *collection {
	x := &collection{until: until}
	x.id, _ = attrs.Text("sci")
	x.collector, _ = attrs.Text("cei")
	if list, ok := attrs.Texts("cdi"); ok {
		x.from = []onem2m.ID{}
		for _, text := range list {
			if id, _, err := c.Home.ParseID(text); err == nil {
				x.from = append(x.from, id)
			}
		}
	}
	period, _ := attrs.Object("cp")
	texts, _ := period.Texts("sce")
	for _, text := range texts {
		if s, err := onem2m.ParseSchedule(text); err == nil {
			x.periods = append(x.periods, s)
		}
	}
	x.event, _ = event.Text("evi")
	x.kind, _ = event.Int("evt")
	x.start, _ = event.Time("evs")
	x.end, _ = event.Time("eve")
	x.operations, _ = event.Ints("opt")
	x.size, _ = event.Int("ds")
	x.types, _ = event.Ints("erts")
	x.resources, _ = event.Texts("eris")
	x.resources = slices.Clone(x.resources)
	for i, text := range x.resources {
		address, err := onem2m.ParseAddress(text)
		if path, ok := c.hosted(address); err == nil && ok && len(path) == 1 {
			x.resources[i] = path[0]
		}
	}
	return x
}

// collect makes the records of a request that has been carried out or refused.
// Only an originator whose identity was established counts.
func (k *call) collect(ctx context.Context, res *onem2m.Response, failure error) {
	if k.c.Statistics == nil || k.from.ID == "" || k.claims() && failure != nil || k.later {
		return
	}
	list := k.c.collections(ctx)
	if len(list) == 0 {
		return
	}
	code := onem2m.InternalServerError
	switch {
	case failure != nil:
		code = onem2m.AsError(failure).Code
	case res != nil:
		code = res.Code
	}
	touched := k.touched(ctx)
	for _, x := range list {
		if !x.wants(k) {
			continue
		}
		rec, ok := x.about(k, touched, code)
		if !ok {
			continue
		}
		s := Statistic{
			Time: k.now.Time(), Collection: x.id, Collector: x.collector, Originator: k.from.ID, Event: x.kind, EventID: x.event,
			RequestID: k.req.RequestID, Operation: k.req.Operation, To: k.req.To, Code: code,
		}
		if rec != nil {
			s.Type, s.Size = rec.Type, held(rec)
		}
		if k.req.Operation == onem2m.Create && x.kind != eventStorage {
			s.Type = k.ty
		}
		k.c.Statistics(s)
	}
}

// touched are the resources that the request was about: what a CREATE made and
// where, else the target. One that isn't there is left out.
func (k *call) touched(ctx context.Context) (list []*store.Record) {
	if k.made != nil {
		list = append(list, k.made)
	}
	if k.target != nil {
		return append(list, k.target)
	}
	path, ok := k.c.hosted(k.address)
	if !ok {
		return list
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), watchTime)
	defer cancel()
	err := k.c.Store.Read(ctx, func(r store.Reader) error {
		t, err := k.c.resolve(r, path, k.now)
		if err != nil {
			return unlessMissing(err)
		}
		if t.virtual == "" {
			list = append(list, t.rec)
		}
		return nil
	})
	if err != nil {
		k.c.Log.ErrorContext(ctx, "statistics", "req", k.req.RequestID, "err", err)
	}
	return list
}

// held is what a resource holds: content of an instance, or of all instances.
func held(rec *store.Record) int64 {
	if rec.Counted {
		return rec.Counters.Bytes
	}
	return rec.Size
}

// wants reports whether the collection is about requests of this originator
// and kind at this time.
func (x *collection) wants(k *call) bool {
	at := k.now.Time()
	switch {
	case x.until != 0 && x.until <= k.now:
		return false
	case x.from != nil && !slices.Contains(x.from, k.from.ID):
		return false
	case len(x.periods) > 0 && !slices.ContainsFunc(x.periods, func(s *onem2m.Schedule) bool { return s.Contains(at) }):
		return false
	case x.kind == eventTimer:
		return x.start <= k.now && k.now <= x.end
	case x.kind == eventOperation:
		return x.operations == nil || slices.Contains(x.operations, int64(k.req.Operation))
	}
	return x.kind == eventStorage && (k.req.Operation == onem2m.Create || k.req.Operation == onem2m.Update)
}

// about picks the resource that the record is about. A CREATE counts for the
// type that it makes and for the resource that it makes it in.
func (x *collection) about(k *call, touched []*store.Record, code onem2m.StatusCode) (*store.Record, bool) {
	if x.kind == eventStorage && code != onem2m.Created && code != onem2m.Updated {
		return nil, false // nothing is stored
	}
	for _, rec := range touched {
		fits := true
		switch {
		case x.types != nil && x.kind != eventStorage && k.req.Operation == onem2m.Create:
			fits = slices.Contains(x.types, int64(k.ty))
		case x.types != nil:
			fits = slices.Contains(x.types, int64(rec.Type))
		case x.resources != nil:
			fits = slices.Contains(x.resources, rec.RI)
		}
		if fits && (x.kind != eventStorage || held(rec) > x.size) {
			return rec, true
		}
	}
	return nil, len(touched) == 0 && x.kind != eventStorage && x.types == nil && x.resources == nil
}
