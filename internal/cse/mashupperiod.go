package cse

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// minMashupPeriod is the shortest period of results: each costs a commit.
const minMashupPeriod = time.Second

// mashupPeriod is how often an instance makes a result; 0 if it doesn't by
// itself.
func mashupPeriod(attrs onem2m.Object) (onem2m.Duration, error) {
	if generation, _ := attrs.Int("rgt"); generation != resultPeriodic {
		return onem2m.Duration{}, nil
	}
	text, ok := attrs.Text("prg")
	if !ok {
		return onem2m.Duration{}, onem2m.Errorf(onem2m.BadRequest, "prg", "periodic results need a period")
	}
	d, err := onem2m.ParseDuration(text)
	if err != nil {
		return d, onem2m.Errorf(onem2m.BadRequest, "prg", "not a duration")
	}
	if from := time.Unix(0, 0).UTC(); d.After(from).Sub(from) < minMashupPeriod {
		return d, onem2m.Errorf(onem2m.BadRequest, "prg", "shorter than %s", minMashupPeriod)
	}
	return d, nil
}

// armMashup sets the time of the next result, counted from now.
func (c *CSE) armMashup(tx store.Tx, s *subject) {
	period, err := mashupPeriod(s.attrs)
	id, from := s.id, s.now
	tx.OnCommit(func() {
		if err != nil || period == (onem2m.Duration{}) {
			c.mashups.disarm(id)
			return
		}
		c.mashups.arm(id, onem2m.TimestampOf(period.After(from.Time())))
	})
}

// MakeMashups makes the results that are due and returns when the next one is;
// 0 if never. One that can't be made now, for lack of data say, is left out.
func (c *CSE) MakeMashups(ctx context.Context) (onem2m.Timestamp, error) {
	for {
		id, at := c.mashups.first()
		if id == 0 || at > onem2m.TimestampOf(c.Now()) {
			return at, nil
		}
		if err := c.makeMashup(ctx, id); err != nil {
			return at, err
		}
	}
}

func (c *CSE) makeMashup(ctx context.Context, id int64) error {
	a, err := c.attemptMashup(ctx, id, nil)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.mashups.drop(id)
		return nil
	case err != nil:
		return err
	}
	next := onem2m.TimestampOf(a.period.After(a.k.now.Time()))
	if a.result == nil {
		c.mashups.arm(id, next)
		if a.k.meaning.wants() {
			c.gatherMashup(ctx, id, a.k)
		}
		return nil
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		tx.OnCommit(func() { c.mashups.arm(id, next) })
		err := a.keep(tx)
		if errors.Is(err, store.ErrNotFound) {
			tx.OnCommit(func() { c.mashups.drop(id) })
			return nil
		}
		return err
	})
}

// periodicMashup is what came of an attempt at a periodic result.
type periodicMashup struct {
	id     int64
	k      *call // on behalf of the creator
	period onem2m.Duration
	result *mashupResult // nil: it can't be made now
}

// attemptMashup makes a periodic result with what is known; k is the call of an
// earlier attempt, or nil. It fails with store.ErrNotFound if there is none to be made
// any more.
func (c *CSE) attemptMashup(ctx context.Context, id int64, k *call) (*periodicMashup, error) {
	release, err := c.ponder(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	a := &periodicMashup{id: id, k: k}
	err = c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByID(id)
		if err != nil {
			return err
		}
		a.period, _ = mashupPeriod(attributes(rec))
		if a.k == nil {
			a.k = c.creator(ctx, r, rec)
		}
		if err := c.alive(r, rec, a.k.now); err != nil || a.period == (onem2m.Duration{}) {
			return store.ErrNotFound
		}
		a.result, err = a.k.remake(ctx, r, rec)
		if e := (*onem2m.Error)(nil); errors.As(err, &e) && e.Code != onem2m.InternalServerError {
			return nil
		}
		return err
	})
	return a, err
}

// keep stores the result, if the instance is still there.
func (a *periodicMashup) keep(tx store.Tx) error {
	rec, err := tx.ByID(a.id)
	if err == nil {
		_, err = a.k.keepResult(tx, rec, a.result)
	}
	return err
}

// rearmMashups takes up the periodic results after a start: the periods begin
// anew.
func (c *CSE) rearmMashups(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after, now := int64(0), c.Now()
		for {
			list, err := r.OfType(onem2m.TypeSemanticMashupInstance, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				period, err := mashupPeriod(attributes(rec))
				if err == nil && period != (onem2m.Duration{}) {
					c.mashups.arm(rec.ID, onem2m.TimestampOf(period.After(now)))
				}
			}
		}
	})
}
