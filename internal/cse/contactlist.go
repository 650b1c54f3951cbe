package cse

import (
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

// noteReference enters into the list, or takes out of it, what a CSE has told
// of its references through the neighbour peer (TS-0004 clause 7.5.1.2.17). "" is
// none.
func (c *CSE) noteReference(tx store.Tx, peer, from onem2m.ID, gone, come contact.Name) error {
	lists, err := tx.OfType(onem2m.TypeAEContactList, 0, 1)
	if err != nil {
		return err
	}
	if len(lists) == 0 {
		return onem2m.Errorf(onem2m.OperationNotAllowed, "pc", "this CSE keeps no list of references")
	}
	entry, entries, behind, err := c.contactsOf(tx, lists[0], peer, from)
	if err != nil {
		return err
	}
	var names []string
	if entry != nil {
		names, _ = attributes(entry).Texts("ail")
	}
	next := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == string(gone) })
	if come != "" && !slices.Contains(next, string(come)) {
		next = append(next, string(come))
	}
	switch {
	case len(next) > len(names) && (len(next) > maxContacts || behind >= maxContactsBehind):
		return onem2m.Errorf(onem2m.NotAcceptable, "pc", "more than %d references of one CSE", maxContacts)
	case slices.Equal(names, next):
		return nil
	case entry == nil:
		entries++
		err = c.putContacts(tx, lists[0], from, next)
	case len(next) == 0:
		entries--
		err = c.removeTree(tx, entry, c.Home.ID())
	default:
		return c.amend(tx, entry, c.Home.ID(), onem2m.Object{{Name: "ail", Value: onem2m.TextsValue(next)}})
	}
	if err != nil {
		return err
	}
	list, err := tx.ByID(lists[0].ID)
	if err != nil {
		return err
	}
	return c.amend(tx, list, c.Home.ID(), onem2m.Object{{Name: "nic", Value: onem2m.IntValue(int64(entries))}})
}

// contactsOf returns the entry of a CSE, nil if it has none, how many entries
// there are, and how many AEs a neighbour has told of for itself and others.
func (c *CSE) contactsOf(tx store.Tx, list *store.Record, peer, from onem2m.ID) (entry *store.Record, entries, behind int, err error) {
	now := c.instant()
	err = c.eachChild(tx, list.ID, 0, 0, func(rec *store.Record) (bool, error) {
		if rec.Type != onem2m.TypeAEContactListPerCSE {
			return true, nil
		}
		entries++
		attrs := attributes(rec)
		csi, _ := attrs.Text("csi")
		if csi == from.Across(c.Home) {
			entry = rec
		}
		if n, ok := c.peers.Via(c.custodian(csi), now); ok && n.ID == peer {
			names, _ := attrs.Texts("ail")
			behind += len(names)
		}
		return true, nil
	})
	return entry, entries, behind, err
}

// putContacts makes the entry of a CSE.
func (c *CSE) putContacts(tx store.Tx, list *store.Record, from onem2m.ID, names []string) error {
	k := &call{c: c, now: onem2m.TimestampOf(c.Now()), from: identity.Originator{ID: c.Home.ID()}}
	s := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeAEContactListPerCSE), parent: list, origin: c.Home.ID(), et: list.Expires,
		attrs: onem2m.Object{
			{Name: "csi", Value: onem2m.TextValue(from.Across(c.Home))},
			{Name: "ail", Value: onem2m.TextsValue(names)},
		},
	}
	_, err := k.performCreate(tx, c.types[s.info.Type], s)
	return err
}
