package cse

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"bulwark/internal/contact"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// contactListName is the resourceName of the one <AEContactList> of an IN-CSE.
const contactListName = "AEContactList"

// Bounds of the AEs in the list. Of one CSE it is written again with every change;
// who has told of it may speak for many CSEs below it, and name what isn't there.
const (
	maxContacts       = contact.MaxRoll // of one CSE
	maxContactsBehind = 4 * maxContacts // of a neighbour and all CSEs below it
)

// What a neighbour and all CSEs below it may have the writer do for the list,
// in names that are read or written: about a second's work at once, and then a
// twentieth of its time, which is what a CSE takes for telling (rollShare).
const (
	maxListed   = 1_000_000
	listedPause = 20 * time.Microsecond // until the writer has one more name's work for it
	leastListed = 100                   // of one notification, whatever it changes
	maxListers  = 10_000                // neighbours that are remembered
)

// <AEContactList> and <AEContactListPerCSE> are the CSE's alone (C-210). What
// this CSE refers to itself isn't listed: the list is of CSEs that have sent a
// notification (TS-0001 clause 9.6.45), and its own references it finds.
func contactListProcedures() *procedures {
	return &procedures{noCreate: true, noUpdate: true, noDelete: true}
}

// putContactList creates the list of an IN-CSE if it is missing.
func (c *CSE) putContactList(tx store.Tx) error {
	if c.Type != IN {
		return nil
	}
	list, err := tx.OfType(onem2m.TypeAEContactList, 0, 1)
	if err != nil || len(list) > 0 {
		return err
	}
	now, id := c.tick(), tx.NextID()
	forever := onem2m.TimestampOf(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	u := universal{
		ty: onem2m.TypeAEContactList, ri: c.names.resourceID("m2m:alst", id), rn: contactListName,
		pi: c.Home.ResourceID(), ct: now, lt: now, et: forever,
		after: onem2m.Object{{Name: "nic", Value: onem2m.IntValue(0)}},
	}
	if _, err := tx.Child(baseID, u.rn); err == nil {
		u.rn = u.ri // somebody's resource has the name
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.Insert(&store.Record{
		ID: id, Parent: baseID, RI: u.ri, RN: u.rn, Type: u.ty, Root: "m2m:alst", Created: now, Modified: now,
		Expires: forever, Due: forever, Origin: c.Home.ID(), Attributes: u.encode(),
	})
}

// enterReference enters into the list, or takes out of it, what a CSE has told of its
// references through the neighbour peer (TS-0004 clause 7.5.1.2.17), unless that
// neighbour has had the writer work for the list all the time. "" is none.
func (c *CSE) enterReference(ctx context.Context, peer, from onem2m.ID, gone, come contact.Name) error {
	peer = cmp.Or(peer, from)
	if !c.listers.Take(peer, leastListed, c.instant()) {
		return onem2m.Errorf(onem2m.NotAcceptable, "pc", "too many references change; later")
	}
	work := 0
	err := c.Store.Update(ctx, func(tx store.Tx) (err error) {
		work, err = c.noteReference(tx, peer, from, gone, come)
		return err
	})
	c.listers.Charge(peer, work, c.instant())
	return err
}

// noteReference is enterReference in the writer. It returns how many names it has
// read and written.
func (c *CSE) noteReference(tx store.Tx, peer, from onem2m.ID, gone, come contact.Name) (work int, err error) {
	lists, err := tx.OfType(onem2m.TypeAEContactList, 0, 1)
	if err != nil {
		return 0, err
	}
	if len(lists) == 0 {
		return 0, onem2m.Errorf(onem2m.OperationNotAllowed, "pc", "this CSE keeps no list of references")
	}
	cse := from.Across(c.Home)
	entry, all, work, err := c.contactsOf(tx, lists[0], cse)
	if err != nil {
		return work, err
	}
	var names []string
	if entry != nil {
		names, _ = attributes(entry).Texts("ail")
	}
	next := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == string(gone) })
	if come != "" && !slices.Contains(next, string(come)) {
		next = append(next, string(come))
	}
	work += len(names) + len(next)
	more := 0 // entries
	switch {
	case len(next) > len(names) && (len(next) > maxContacts || c.contactsBehind(peer) >= maxContactsBehind):
		return work, onem2m.Errorf(onem2m.NotAcceptable, "pc", "more than %d references of one CSE", maxContacts)
	case slices.Equal(names, next):
		return work, nil
	case entry == nil:
		more = 1
		entry, err = c.putContacts(tx, lists[0], from, next)
	case len(next) == 0:
		more = -1
		err = c.removeTree(tx, entry, c.Home.ID())
	default:
		err = c.amend(tx, entry, c.Home.ID(), onem2m.Object{{Name: "ail", Value: onem2m.TextsValue(next)}})
	}
	if err != nil {
		return work, err
	}
	kept := contact.Entry{Record: entry.ID, Names: len(next)}
	tx.OnCommit(func() {
		if c.contacts.Keep(cse, kept); kept.Names == 0 {
			c.contacts.Drop(cse)
		}
	})
	if more == 0 {
		return work, nil
	}
	list, err := tx.ByID(lists[0].ID)
	if err != nil {
		return work, err
	}
	have, _ := attributes(list).Int("nic")
	if all != nil {
		have = int64(len(all))
	}
	return work, c.amend(tx, list, c.Home.ID(), onem2m.Object{{Name: "nic", Value: onem2m.IntValue(have + int64(more))}})
}

// contactsOf returns the entry of a CSE, nil if it has none, and how many names
// were read to find it. All entries are read where none is known, at first and when
// a CSE tells for the first time, and returned then.
func (c *CSE) contactsOf(tx store.Tx, list *store.Record, cse string) (entry *store.Record, all map[string]contact.Entry, work int, err error) {
	if kept, ok := c.contacts.Find(cse); ok {
		rec, err := tx.ByID(kept.Record)
		if err == nil && rec.Type == onem2m.TypeAEContactListPerCSE {
			if csi, _ := attributes(rec).Text("csi"); csi == cse {
				return rec, nil, 0, nil
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, nil, 0, err
		}
	}
	all = map[string]contact.Entry{}
	err = c.eachChild(tx, list.ID, 0, 0, func(rec *store.Record) (bool, error) {
		if rec.Type != onem2m.TypeAEContactListPerCSE {
			return true, nil
		}
		attrs := attributes(rec)
		csi, _ := attrs.Text("csi")
		if csi == cse {
			entry = rec
		}
		names, _ := attrs.Texts("ail")
		all[csi] = contact.Entry{Record: rec.ID, Names: len(names)}
		work += len(names)
		return true, nil
	})
	if err == nil {
		tx.OnCommit(func() { c.contacts.Renew(all) })
	}
	return entry, all, work, err
}

// contactsBehind is how many AEs a neighbour has told of for itself and others. It
// is counted in what is committed, so that the requests of one commit may together
// go a little beyond a bound.
func (c *CSE) contactsBehind(peer onem2m.ID) int {
	now := c.instant()
	return c.contacts.Names(func(cse string) bool {
		n, ok := c.peers.Via(c.custodian(cse), now)
		return ok && n.ID == peer
	})
}

// putContacts makes the entry of a CSE.
func (c *CSE) putContacts(tx store.Tx, list *store.Record, from onem2m.ID, names []string) (*store.Record, error) {
	k := &call{c: c, now: onem2m.TimestampOf(c.Now()), from: identity.Originator{ID: c.Home.ID()}}
	s := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeAEContactListPerCSE), parent: list, origin: c.Home.ID(), et: list.Expires,
		attrs: onem2m.Object{
			{Name: "csi", Value: onem2m.TextValue(from.Across(c.Home))},
			{Name: "ail", Value: onem2m.TextsValue(names)},
		},
	}
	return k.performCreate(tx, c.types[s.info.Type], s)
}
