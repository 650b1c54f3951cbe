package cse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A group with members of which other CSEs didn't tell the type in time is
// looked at again until they have (C-342): soon at first, as most are away for a
// moment only.
const (
	firstLook = 5 * time.Second
	lastLook  = 15 * time.Minute
)

// unverified is what is kept of such a group beside it.
type unverified struct {
	Who   jsontext.Value `json:"who"`            // the witness: who gave the members
	Looks int            `json:"looks,omitzero"` // that have been of no use
}

func unverifiedName(group int64) string { return fmt.Sprintf("unverified/%d", group) }

// keepUnverified notes, in the transaction that sets the members of a group,
// whether they have to be looked at later.
func keepUnverified(k *call, tx store.Tx, s *subject) error {
	if !k.draft.attrs.Has("mid") {
		return nil
	}
	if verified, has := s.attrs.Bool("mtv"); verified || !has {
		return k.c.endUnverified(tx, s.id)
	}
	who, err := k.witness()
	if err != nil {
		return err
	}
	return k.c.armUnverified(tx, s.id, unverified{Who: who})
}

func (c *CSE) armUnverified(tx store.Tx, group int64, u unverified) error {
	data, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("keep who gave the members of a group: %w", err)
	}
	wait := lastLook
	if u.Looks < 6 {
		wait = firstLook << u.Looks
	}
	tx.OnCommit(func() { c.unverified.arm(group, onem2m.TimestampOf(c.Now().Add(wait))) })
	return tx.SetSetting(unverifiedName(group), data)
}

func (c *CSE) endUnverified(tx store.Tx, group int64) error {
	if _, err := tx.Setting(unverifiedName(group)); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	tx.OnCommit(func() { c.unverified.disarm(group) })
	return tx.SetSetting(unverifiedName(group), nil)
}

// rearmUnverified takes the groups up after a start.
func (c *CSE) rearmUnverified(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeGroup, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				if verified, has := attributes(rec).Bool("mtv"); verified || !has {
					continue
				}
				if _, err := r.Setting(unverifiedName(rec.ID)); err == nil {
					c.unverified.arm(rec.ID, onem2m.TimestampOf(c.Now().Add(firstLook)))
				}
			}
		}
	})
}

// lookers bounds the groups that are looked at at the same time: members that are
// slow keep no other group waiting.
const lookers = 8

// VerifyGroups looks at every group whose turn it is, and returns when it has to
// look again; 0 if never.
func (c *CSE) VerifyGroups(ctx context.Context) (onem2m.Timestamp, error) {
	var group sync.WaitGroup
	turns := make(chan struct{}, lookers)
	for ctx.Err() == nil {
		id, at := c.unverified.first()
		if id == 0 || at > c.instant() {
			break
		}
		c.unverified.disarm(id) // whatever becomes of it arms it again, for good
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			if err := c.lookAgain(ctx, id); err != nil && ctx.Err() == nil {
				c.Log.ErrorContext(ctx, "group members", "group", id, "err", err)
				c.unverified.arm(id, c.instant()+micros(firstLook))
			}
		})
	}
	group.Wait()
	_, at := c.unverified.first()
	return at, ctx.Err()
}

// lookAgain asks for the members of one group on behalf of who gave them, and
// does with the group what its consistencyStrategy says.
func (c *CSE) lookAgain(ctx context.Context, id int64) error {
	var u unverified
	var rec *store.Record
	err := c.Store.Read(ctx, func(r store.Reader) error {
		data, err := r.Setting(unverifiedName(id))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &u); err != nil {
			return fmt.Errorf("read who gave the members of group %d: %w", id, err)
		}
		rec, err = r.ByID(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		c.unverified.disarm(id)
		return nil
	}
	if err != nil {
		return err
	}
	var w witness
	if err := json.Unmarshal(u.Who, &w); err != nil {
		return fmt.Errorf("read who gave the members of group %d: %w", id, err)
	}
	from := identity.Originator{ID: w.ID, Authenticated: w.Authenticated, Forwarded: w.Forwarded}
	asking, cancel := context.WithTimeout(ctx, farPatience)
	list, _ := attributes(rec).Texts("mid")
	told := c.askMembers(asking, from, w.association(), list)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		now, err := tx.ByID(id)
		if err != nil {
			return unlessMissing(missing(err))
		}
		if mid, _ := attributes(now).Texts("mid"); !slices.Equal(mid, list) {
			u.Looks = 0
			return c.armUnverified(tx, id, u) // somebody has changed it meanwhile
		}
		return c.concludeGroup(tx, now, told, u)
	})
}

// concludeGroup settles a group with what has been told of its members. Those
// that have gone, or can't be read any more, are left to who owns the group.
func (c *CSE) concludeGroup(tx store.Tx, rec *store.Record, told map[string]farMember, u unverified) error {
	attrs := attributes(rec)
	kind := groupKind(attrs)
	list, _ := attrs.Texts("mid")
	var kept []string
	pending := false
	for _, text := range list {
		m := told[text]
		if m.known && !kind.takes(m.kind) {
			continue
		}
		kept = append(kept, text)
		if _, far := c.farAddress(text); far && !m.known && !m.missing {
			pending = true
		}
	}
	strategy, _ := attrs.Int("csy")
	change := onem2m.Object{{Name: "mtv", Value: onem2m.BoolValue(true)}}
	switch {
	case len(kept) == len(list) && pending:
		u.Looks++
		return c.armUnverified(tx, rec.ID, u)
	case len(kept) == len(list):
	case strategy == abandonGroup:
		return c.removeTree(tx, rec, c.Home.ID())
	case strategy == setMixed:
		pending = false
		change.Set("mt", onem2m.IntValue(0))
		if attrs.Has("spty") {
			change.Set("spty", []byte("null"))
		}
	default:
		change.Set("mid", onem2m.TextsValue(kept))
		change.Set("cnm", onem2m.IntValue(int64(len(kept))))
	}
	if pending {
		u.Looks++
		change.Set("mtv", onem2m.BoolValue(false))
		if err := c.armUnverified(tx, rec.ID, u); err != nil {
			return err
		}
	} else if err := c.endUnverified(tx, rec.ID); err != nil {
		return err
	}
	return c.amend(tx, rec, c.Home.ID(), change)
}
