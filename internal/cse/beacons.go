package cse

import (
	"context"
	"errors"
	"sync"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// beacons are the <timeSyncBeacon> by the time at which the next notification
// is due, and by the entity whose clock they watch. What is in the store rules;
// this is a view of it.
type beacons struct {
	alarms *alarms

	mu      sync.Mutex
	watched map[onem2m.ID]map[int64]onem2m.Timestamp // threshold by requester and beacon
	of      map[int64]onem2m.ID                      // requester of a beacon
	sent    map[int64]onem2m.Timestamp               // when a loss was last told of
	busy    map[int64]bool                           // is being sent
}

func newBeacons() *beacons {
	return &beacons{
		alarms: newAlarms(), watched: make(map[onem2m.ID]map[int64]onem2m.Timestamp), of: make(map[int64]onem2m.ID),
		sent: make(map[int64]onem2m.Timestamp), busy: make(map[int64]bool),
	}
}

// drop forgets a beacon.
func (b *beacons) drop(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarms.drop(id)
	b.forget(id)
	delete(b.sent, id)
}

// forget ends the watch over a clock; b.mu is held.
func (b *beacons) forget(id int64) {
	requester, ok := b.of[id]
	if !ok {
		return
	}
	delete(b.of, id)
	if delete(b.watched[requester], id); len(b.watched[requester]) == 0 {
		delete(b.watched, requester)
	}
}

// watch begins the watch over a clock in place of another one.
func (b *beacons) watch(id int64, requester onem2m.ID, threshold onem2m.Timestamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alarms.disarm(id)
	b.forget(id)
	b.of[id] = requester
	if b.watched[requester] == nil {
		b.watched[requester] = make(map[int64]onem2m.Timestamp)
	}
	b.watched[requester][id] = threshold
}

// late makes the beacons due that watch the clock of an entity which is off by
// so much; each at most once per minBeaconInterval.
func (b *beacons) late(requester onem2m.ID, off, now onem2m.Timestamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, threshold := range b.watched[requester] {
		if off > threshold {
			b.alarms.arm(id, max(now, b.sent[id]+minBeaconInterval))
		}
	}
}

// begin reports whether a beacon may be sent: not while it still is being sent.
func (b *beacons) begin(id int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[id] {
		return false
	}
	b.busy[id] = true
	return true
}

func (b *beacons) end(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.busy, id)
}

// arrangeBeacon makes known what a new or changed beacon waits for.
func (c *CSE) arrangeBeacon(id int64, attrs onem2m.Object, created onem2m.Timestamp) {
	if criterion, _ := attrs.Int("bcnc"); criterion == beaconLoss {
		text, _ := attrs.Text("bcnr")
		if requester, _, err := c.Home.ParseID(text); err == nil {
			c.beacons.watch(id, requester, thresholdOf(attrs, created))
		}
		return
	}
	c.beacons.mu.Lock()
	defer c.beacons.mu.Unlock()
	c.beacons.forget(id)
	if at := c.nextBeat(attrs, created); at != 0 {
		c.beacons.alarms.arm(id, at)
	}
}

// nextBeat is when a periodic beacon is due next: at multiples of the interval
// after its creation, so that a restart needs to know nothing else. 0 if never.
func (c *CSE) nextBeat(attrs onem2m.Object, created onem2m.Timestamp) onem2m.Timestamp {
	interval := intervalOf(attrs, created)
	if criterion, _ := attrs.Int("bcnc"); criterion == beaconLoss || interval < minBeaconInterval {
		return 0
	}
	passed := max(0, onem2m.TimestampOf(c.Now())-created) / interval
	return created + (passed+1)*interval
}

// checkClock compares the Originating Timestamp of a request with the time of
// its reception (C-269). What waited here, is
// the CSE's own, or comes from who may be anybody says nothing.
func (k *call) checkClock() {
	if k.req.OriginatingTimestamp == "" || k.vouched || k.errand != nil || k.claims() {
		return
	}
	if t, err := onem2m.ParseTimestamp(k.req.OriginatingTimestamp); err == nil {
		k.c.beacons.late(k.from.ID, max(t-k.now, k.now-t), k.now)
	}
}

// DueBeacons returns the <timeSyncBeacon> that are due and when the next ones
// are, 0 if never. Each is returned once; the next time is arranged.
func (c *CSE) DueBeacons(ctx context.Context) (list []*store.Record, next onem2m.Timestamp, err error) {
	for len(list) < maxBeaconSends {
		now := onem2m.TimestampOf(c.Now())
		id, at := c.beacons.alarms.first()
		if id == 0 || at > now {
			return list, at, nil
		}
		c.beacons.alarms.disarm(id) // first, so that a change from now on arms it for good
		var rec *store.Record
		err = c.Store.Read(ctx, func(r store.Reader) (err error) {
			rec, err = r.ByID(id)
			return err
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
			c.beacons.drop(id)
			continue
		case err != nil:
			c.beacons.resume(id, now, at)
			return list, at, err
		case expired(rec, now):
			c.beacons.drop(id)
			continue
		}
		c.beacons.resume(id, now, c.nextBeat(attributes(rec), rec.Created))
		list = append(list, rec)
	}
	return list, onem2m.TimestampOf(c.Now()), nil
}

// resume notes that a beacon was sent at an instant and when it is due again, 0
// if that isn't known; unless it has been armed anew in the meantime.
func (b *beacons) resume(id int64, now, next onem2m.Timestamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, watches := b.of[id]; watches {
		b.sent[id] = now
	}
	if next != 0 && !b.alarms.armed(id) {
		b.alarms.arm(id, next)
	}
}

// armed reports whether an alarm is set.
func (a *alarms) armed(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, set := a.due[id]
	return set
}

// Bounds of what is sent at a time: a target that doesn't answer holds up one of
// maxBeaconSends for beaconTime.
const (
	maxBeaconSends = 16
	beaconTime     = 5 * time.Second
)

// sendBeacon tells all targets the time. It is worth something only now: what
// doesn't get through isn't repeated.
func (c *CSE) sendBeacon(ctx context.Context, rec *store.Record) {
	targets, _ := attributes(rec).Texts("bcnu")
	for _, target := range targets {
		o := onem2m.Object{
			{Name: "tbr", Value: onem2m.TextValue(rec.RI)},
			{Name: "ctm", Value: onem2m.TimeValue(onem2m.TimestampOf(c.Now()))},
		}
		limited, cancel := context.WithTimeout(ctx, beaconTime)
		_, err := c.tell(limited, target, &onem2m.Content{Name: "m2m:tsbn", Value: o.Append(nil)})
		cancel()
		if err != nil && ctx.Err() == nil {
			c.Log.InfoContext(ctx, "beacon", "ri", rec.RI, "err", err)
		}
	}
}

// rearmBeacons takes up all <timeSyncBeacon> after a start.
func (c *CSE) rearmBeacons(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeTimeSyncBeacon, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if !c.beacons.alarms.armed(rec.ID) { // made since the start
					c.arrangeBeacon(rec.ID, attributes(rec), rec.Created)
				}
			}
		}
	})
}

// runBeacons sends beacons when they are due until ctx ends, and waits for those
// that are on their way.
func (c *CSE) runBeacons(ctx context.Context) {
	var sends sync.WaitGroup
	defer sends.Wait()
	slots := make(chan struct{}, maxBeaconSends)
	for ready := false; ; {
		var due []*store.Record
		var next onem2m.Timestamp
		var err error
		if !ready {
			err = c.rearmBeacons(ctx)
			ready = err == nil
		}
		if ready {
			due, next, err = c.DueBeacons(ctx)
		}
		for _, rec := range due {
			if !c.beacons.begin(rec.ID) {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
			sends.Go(func() {
				defer func() { <-slots }()
				defer c.beacons.end(rec.ID)
				c.sendBeacon(ctx, rec)
			})
		}
		wait := time.Hour
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.Log.ErrorContext(ctx, "beacons", "err", err)
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
		case <-c.beacons.alarms.wake:
			timer.Stop()
		}
	}
}
