package cse

import (
	"context"
	"errors"
	"time"

	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A CSE makes copies of its resources here by a rule that nobody has to write, and
// with what it owns below them it may do what it likes. So what stands there is
// bounded for each of them, and in all. Copies elsewhere are made where somebody has
// permitted that.

const (
	// roomsInAll is how many times what one CSE may have below its copies all may.
	roomsInAll = 10

	// roomPause is how long a CSE waits at most until places count as free that
	// weren't seen to become so.
	roomPause = time.Minute
)

func (c *CSE) newRooms() *announcement.Rooms {
	return announcement.NewRooms(c.Limits.Announced, roomsInAll*c.Limits.Announced, func(id onem2m.ID) onem2m.ID {
		n, _ := c.peers.Via(id, onem2m.TimestampOf(c.Now()))
		return n.ID
	})
}

// rootCopy is the copy directly below the <CSEBase> that a resource is, or is below
// of; nil if there is none.
func (c *CSE) rootCopy(r store.Reader, id int64) (*store.Record, error) {
	if c.rooms.Empty() {
		return nil, nil
	}
	for id != baseID {
		rec, err := r.ByID(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil // a tree that has been cut off
		}
		if err != nil {
			return nil, err
		}
		if rec.Parent == baseID && c.copied(rec) {
			return rec, nil
		}
		id = rec.Parent
	}
	return nil, nil
}

// insert stores a resource. It fails with 5207 where that is below the copies of a
// CSE and there is no place for it. Requests of one commit may together go a little
// beyond the bound.
func (c *CSE) insert(tx store.Tx, rec *store.Record) error {
	root, err := c.rootCopy(tx, rec.Parent)
	switch {
	case err != nil:
		return err
	case root != nil:
		if !c.rooms.Free(root.ID, c.announcer(attributes(root))) {
			return onem2m.Errorf(onem2m.NotAcceptable, "to", "there is no more room below the copies of this CSE")
		}
		tx.OnCommit(func() { c.rooms.Come(root.ID, 1) })
	case rec.Parent == baseID && c.copied(rec):
		tx.OnCommit(func() { c.rooms.Find(rec.ID, c.announcer(attributes(rec))) })
	}
	return tx.Insert(rec)
}

// giveRoom counts resources that have been removed from below another.
func (c *CSE) giveRoom(tx store.Tx, parent int64, removed int) error {
	root, err := c.rootCopy(tx, parent)
	if root != nil {
		tx.OnCommit(func() { c.rooms.Go(root.ID, removed) })
	}
	return err
}

// closeRoom forgets a resource that goes with all below it, if it is a copy directly
// below the <CSEBase>.
func (c *CSE) closeRoom(tx store.Tx, rec *store.Record) {
	if rec.Parent == baseID && c.copied(rec) {
		tx.OnCommit(func() { c.rooms.Close(rec.ID) })
	}
}

// loadRooms finds at start what is to be counted.
func (c *CSE) loadRooms(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		for ty := range c.types {
			if info := onem2m.TypeByNumber(ty); info == nil || !info.Kind.Announced() {
				continue
			}
			for page := (store.Page{Only: ty, Limit: 500}); ; {
				list, err := r.Children(baseID, page)
				if err != nil {
					return err
				}
				for _, rec := range list {
					c.rooms.Find(rec.ID, c.announcer(attributes(rec)))
				}
				if len(list) < page.Limit {
					break
				}
				page.After = list[len(list)-1].ID
			}
		}
		return nil
	})
}

// runRooms counts anew what has to be until ctx ends.
func (c *CSE) runRooms(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.CountRooms(ctx); err != nil && ctx.Err() == nil {
			c.Log.ErrorContext(ctx, "count below copies", "err", err)
		}
		pause(ctx, roomPause)
	}
}

// CountRooms counts what stands below copies of CSEs that have no room left, or of
// whom nothing is known since the start. It keeps no snapshot for long.
func (c *CSE) CountRooms(ctx context.Context) error {
	for _, id := range c.rooms.Due() {
		if !c.rooms.Begin(id) {
			continue
		}
		n, err := c.countBelow(ctx, id)
		if err == nil {
			// In the writer, so that whatever has gone before the count has been told.
			err = c.Store.Update(ctx, func(tx store.Tx) error {
				tx.OnCommit(func() { c.rooms.Settle(id, n) })
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// countBelow counts the resources below one, with one look for each list of them.
func (c *CSE) countBelow(ctx context.Context, id int64) (n int, err error) {
	const most = 1000 // in one look
	for parents := []int64{id}; len(parents) > 0; {
		at := parents[len(parents)-1]
		parents = parents[:len(parents)-1]
		for page := (store.Page{Limit: most}); ; {
			var list []*store.Record
			var more []int64
			err := c.Store.Read(ctx, func(r store.Reader) (err error) {
				if list, err = r.Children(at, page); err == nil && len(list) > 0 {
					more, err = r.Parents(list[0].ID, list[len(list)-1].ID)
				}
				return err
			})
			if err != nil {
				return 0, err
			}
			n += len(list)
			for _, rec := range list {
				for len(more) > 0 && more[0] < rec.ID {
					more = more[1:]
				}
				if len(more) > 0 && more[0] == rec.ID {
					parents = append(parents, rec.ID)
				}
			}
			if len(list) < most {
				break
			}
			page.After = list[len(list)-1].ID
		}
	}
	return n, nil
}
