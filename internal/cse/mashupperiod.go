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
	release, err := c.ponder(ctx)
	if err != nil {
		return ctx.Err()
	}
	defer release()
	var result *mashupResult
	var k *call
	period := onem2m.Duration{}
	err = c.Store.Read(ctx, func(r store.Reader) error {
		rec, err := r.ByID(id)
		if err != nil {
			return err
		}
		period, _ = mashupPeriod(attributes(rec))
		k = c.creator(ctx, rec)
		if err := c.alive(r, rec, k.now); err != nil || period == (onem2m.Duration{}) {
			return store.ErrNotFound
		}
		result, err = k.remake(ctx, r, rec)
		if e := (*onem2m.Error)(nil); errors.As(err, &e) && e.Code != onem2m.InternalServerError {
			return nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		c.mashups.drop(id)
		return nil
	}
	if err != nil {
		return err
	}
	next := onem2m.TimestampOf(period.After(k.now.Time()))
	if result == nil {
		c.mashups.arm(id, next)
		return nil
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := tx.ByID(id)
		if err != nil {
			tx.OnCommit(func() { c.mashups.drop(id) })
			return unlessMissing(err)
		}
		tx.OnCommit(func() { c.mashups.arm(id, next) })
		_, err = k.keepResult(tx, rec, result)
		return err
	})
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
