package cse

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// What a CSE tells the IN-CSE of its references to AEs (C-100, C-210): not each
// change by itself, but the difference between what it refers to and what it has
// told. So what was missed, because nobody could be reached or the CSE went down,
// is made up for by the next look.

// Times of telling the IN-CSE.
const (
	rollPause   = time.Second     // at least, between two looks: what changes together is looked at once
	rollShare   = 20              // a look takes no more than this part of the time
	longestRoll = 5 * time.Minute // until the IN-CSE is tried again that wasn't reached
	rollRefused = time.Hour       // until one is that refuses to be told
)

// rollName is the setting that holds what the IN-CSE has been told.
const rollName = "contacts/told"

// told is what an IN-CSE has been told.
type told struct {
	Central onem2m.ID    `json:"central"`
	Roll    contact.Roll `json:"roll"`
}

// noteReferences has the next look made soon if what has been created, changed or
// removed refers to an AE that the IN-CSE has to know of.
func (c *CSE) noteReferences(tx store.Tx, records ...*store.Record) {
	if c.Type == IN {
		return // it finds its own references
	}
	for _, rec := range records {
		if !contact.Holds(rec.Type) {
			continue
		}
		if r := (contact.Roll{}); r.Add(c.Home, rec.Type, attributes(rec)) {
			tx.OnCommit(c.lookAtRoll)
			return
		}
	}
}

// lookAtRoll has the next look made soon.
func (c *CSE) lookAtRoll() {
	select {
	case c.rollDue <- struct{}{}:
	default:
	}
}

// runRoll keeps the IN-CSE informed until ctx ends.
func (c *CSE) runRoll(ctx context.Context) {
	if c.Type == IN {
		return
	}
	failures := 0
	for ctx.Err() == nil {
		begun := time.Now()
		more, err := c.TellRoll(ctx)
		rest := max(rollPause, rollShare*time.Since(begun))
		wake := c.rollDue
		switch {
		case err == nil:
			failures = 0
			if !more {
				pause(ctx, rest)
				rest = rollRefused
			}
		case refusedForGood(err):
			c.Log.InfoContext(ctx, "the IN-CSE keeps no list of references", "err", err)
			wake, rest = nil, rollRefused
		default:
			c.Log.DebugContext(ctx, "references not told", "failures", failures, "err", err)
			wake, rest = nil, max(rest, min(longestRoll, rollPause<<min(failures, 10)))
			failures++
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// refusedForGood reports whether the IN-CSE has answered, and won't be told.
func refusedForGood(err error) bool {
	code := onem2m.AsError(err).Code
	return code/1000 == 4 && code != onem2m.RequestTimeout && code != onem2m.NotFound || code == onem2m.NotImplemented
}

// rollBatch is how many references are told at a look.
const rollBatch = 100

// TellRoll makes one look, and tells the IN-CSE of what it doesn't know yet. It
// reports whether there is more to tell, and fails if the IN-CSE isn't reached or
// won't be told.
func (c *CSE) TellRoll(ctx context.Context) (more bool, err error) {
	central := c.central()
	if central == "" {
		return false, nil
	}
	have := &told{}
	err = c.Store.Read(ctx, func(r store.Reader) error {
		kept, err := loadState[told](r, rollName)
		if err == nil && kept.Central == central {
			have = kept
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, err
	}
	now, err := c.roll(ctx)
	if err != nil {
		return false, err
	}
	changes := have.Roll.Changes(now)
	if len(changes) == 0 {
		return false, nil
	}
	have.Central = central
	var failed error
	for _, change := range changes[:min(len(changes), rollBatch)] {
		if failed = c.tellReference(ctx, central, change); failed != nil {
			break
		}
		have.Roll = have.Roll.After(change)
	}
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer stop()
	err = c.Store.Update(late, func(tx store.Tx) error { return saveState(tx, rollName, have) })
	return len(changes) > rollBatch, errors.Join(failed, err)
}

// roll finds what this CSE refers to.
func (c *CSE) roll(ctx context.Context) (found contact.Roll, err error) {
	now := c.instant()
	for ty := range c.types {
		if !contact.Holds(ty) {
			continue
		}
		for after, last := int64(0), false; !last; {
			err := c.Store.Read(ctx, func(r store.Reader) error {
				list, err := r.OfType(ty, after, redirectPage)
				for _, rec := range list {
					after = rec.ID
					if !expired(rec, now) {
						found.Add(c.Home, ty, attributes(rec))
					}
				}
				last = len(list) < redirectPage
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// tellReference sends one notification (TS-0004 clause 7.5.1.2.17).
func (c *CSE) tellReference(ctx context.Context, central onem2m.ID, change contact.Change) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timing.RequestExpiration)
	defer cancel()
	id := func(n contact.Name) jsontext.Value {
		if n == "" {
			return onem2m.NullValue()
		}
		return onem2m.TextValue(string(n))
	}
	notice := onem2m.Object{
		{Name: "aerid", Value: onem2m.BoolValue(true)},
		{Name: "tid1", Value: id(change.Gone)},
		{Name: "tid2", Value: id(change.Come)},
		{Name: "sur", Value: onem2m.TextValue(c.Home.CSE)},
	}
	_, err := c.toCopy(ctx, central, &onem2m.Request{
		Operation: onem2m.Notify, To: central.Across(c.Home) + "/-", Content: &onem2m.Content{Name: "m2m:sgn", Value: notice.Append(nil)},
	})
	return err
}
