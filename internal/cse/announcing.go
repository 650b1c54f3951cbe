package cse

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A resource is announced when its request has been carried out and committed:
// nobody waits for another CSE in the writer. What the copies have to be told
// later is owed to them from the transaction on in which it came about, see
// arrears.go.

// The values of announceSyncType: what happens to a copy never changes its
// original, or does.
const (
	uniDirectional = 1
	biDirectional  = 2
)

// announces reports whether an attribute that is about announcement has an
// effect in the request.
func (k *call) announces(info *onem2m.TypeInfo, name string) bool {
	switch {
	case name != "at" && name != "aa" && name != "ast":
		return false
	case info.Kind.Announced():
		return name == "ast" // of the original
	case name == "ast":
		if n, _ := k.draft.attrs.Int("ast"); n != uniDirectional && n != biDirectional {
			return false
		}
	}
	copies := k.c.variant(info)
	return copies != nil && k.c.types[copies.Type] != nil
}

// variant returns the type of the copies of a type, or nil.
func (c *CSE) variant(info *onem2m.TypeInfo) *onem2m.TypeInfo {
	return announcement.Variant(info, c.typeOf)
}

// checkAnnouncement settles announceTo and announcedAttribute of the subject: an
// entry that has no copy yet isn't kept until it has (C-389 … C-393).
func (k *call) checkAnnouncement(r store.Reader, s *subject) error {
	s.targets = announcement.Targets{}
	if s.info.Kind.Announced() {
		return nil
	}
	if names, given := k.draft.attrs.Texts("aa"); given {
		effective, err := announcement.Effective(s.info, k.c.variant(s.info), names)
		if err != nil {
			return err
		}
		s.attrs.Delete("aa")
		if len(effective) > 0 {
			s.set("aa", onem2m.TextsValue(effective))
		}
	}
	wanted, given := k.draft.attrs.Texts("at")
	if !given {
		return nil
	}
	var copies []string
	if s.old != nil {
		copies, _ = attributes(s.old).Texts("at")
	}
	var err error
	if s.targets, err = announcement.Compare(k.c.Home, copies, wanted); err != nil {
		return err
	}
	for _, target := range s.targets.New {
		if target.To == "" && store.Bulk(s.info.Type) && announcement.On(k.c.Home, attributes(s.parent), target.Host) == "" {
			return onem2m.Errorf(onem2m.OperationNotAllowed, "at", "its parent isn't announced there") // C-390
		}
	}
	s.attrs.Delete("at")
	if len(s.targets.Kept) > 0 {
		s.set("at", onem2m.TextsValue(s.targets.Kept))
	}
	return nil
}

// announce makes the copies that the request has asked for and keeps where they
// are (C-394). What fails is left out: the request itself has succeeded. It
// returns nil if the resource is as it was.
func (k *call) announce(ctx context.Context, rec *store.Record, s *subject) *store.Record {
	if len(s.targets.New) == 0 || s.discard || within(ctx) != nil {
		return nil
	}
	var sent onem2m.Object
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		sent, err = k.c.projection(r, rec)
		return err
	})
	if err != nil {
		k.c.Log.ErrorContext(ctx, "announcement", "resource", rec.RI, "err", err)
		return nil
	}
	made := k.c.announceTo(ctx, rec, s, sent)
	if len(made) == 0 {
		return nil
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	var next *store.Record
	err = k.c.Store.Update(late, func(tx store.Tx) (err error) {
		next, err = k.c.noteCopies(tx, rec.ID, made, sent)
		return err
	})
	if err != nil {
		k.c.Log.ErrorContext(ctx, "announcement", "resource", rec.RI, "err", err)
		return nil
	}
	if next != nil {
		s.set("at", attributes(next).Get("at"))
	}
	return next
}

// announceTo makes the copies at all targets at the same time: one that is slow
// keeps no other from having its copy. What it returns is in the order of the
// targets.
func (c *CSE) announceTo(ctx context.Context, rec *store.Record, s *subject, sent onem2m.Object) []copyMade {
	all := make([]*copyMade, len(s.targets.New))
	var group sync.WaitGroup
	for i, target := range s.targets.New {
		group.Go(func() {
			one, err := c.announceAt(ctx, rec, s.parent, target, sent)
			if err != nil {
				c.Log.WarnContext(ctx, "not announced", "resource", rec.RI, "target", string(target.Host), "err", err)
				return
			}
			all[i] = &one
		})
	}
	group.Wait()
	var made []copyMade
	for _, one := range all {
		if one != nil {
			made = append(made, *one)
		}
	}
	return made
}

// noteCopies keeps the addresses of new copies, and owes them what has changed
// since they were made.
func (c *CSE) noteCopies(tx store.Tx, id int64, copies []copyMade, sent onem2m.Object) (*store.Record, error) {
	var made []string
	var pledges []int64
	for _, one := range copies {
		made = append(made, one.address)
		if one.pledge >= 0 {
			pledges = append(pledges, one.pledge)
		}
	}
	if err := c.forgive(tx, pledges); err != nil {
		return nil, err
	}
	rec, err := tx.ByID(id)
	if errors.Is(err, store.ErrNotFound) {
		for _, address := range made {
			if err := c.oweCopy(tx, arrear{Copy: address, Delete: true}); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	attrs := attributes(rec).Clone()
	others, _ := attrs.Texts("at")
	attrs.Set("at", onem2m.TextsValue(append(others, made...)))
	next := revised(rec, rec.Modified, attrs)
	if err := tx.Replace(next); err != nil {
		return nil, err
	}
	now, err := c.projection(tx, next)
	if err != nil {
		return nil, err
	}
	if names := announcement.Changed(sent, now); len(names) > 0 {
		for _, address := range made {
			if err := c.oweCopy(tx, arrear{Copy: address, Original: id, Of: rec.Origin, Names: names}); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

// projection is what copies of a resource hold, with the policies that govern it
// (TS-0001 clause 9.6.26.3) and its end. What is private to an entity isn't
// announced.
func (c *CSE) projection(r store.Reader, rec *store.Record) (onem2m.Object, error) {
	info := c.infoOf(rec)
	copies := c.variant(info)
	o := announcement.Projection(info, copies, attributes(rec))
	if p := c.types[rec.Type]; p != nil {
		for _, name := range p.private {
			o.Delete(name)
		}
	}
	if rec.Expires != 0 {
		o.Set("et", onem2m.TimeValue(rec.Expires))
	}
	if copies == nil || !copies.Has("acpi") || rec.Type == onem2m.TypeAccessControlPolicy { // which has its selfPrivileges
		return o, nil
	}
	for up := rec; ; {
		if acpi := attributes(up).Get("acpi"); acpi != nil {
			o.Set("acpi", acpi)
			return o, nil
		}
		if up.ID == baseID {
			return o, nil
		}
		var err error
		if up, err = r.ByID(up.Parent); err != nil {
			return nil, missing(err)
		}
	}
}

// follow owes the copies of a resource what a change of it means for them
// (C-395, C-396, C-403).
func (c *CSE) follow(tx store.Tx, before, after *store.Record) error {
	if err := c.followSP(tx, before, after); err != nil {
		return err
	}
	copies := copiesOf(before)
	if len(copies) == 0 {
		return nil
	}
	was, err := c.projection(tx, before)
	if err != nil {
		return err
	}
	is, err := c.projection(tx, after)
	if err != nil {
		return err
	}
	names, kept := announcement.Changed(was, is), copiesOf(after)
	for _, address := range copies {
		d := arrear{Copy: address, Original: after.ID, Of: after.Origin, Names: names, Delete: !slices.Contains(kept, address)}
		if !d.Delete && len(names) == 0 {
			continue
		}
		if err := c.oweCopy(tx, d); err != nil {
			return err
		}
	}
	return nil
}

// withdraw owes the copies of a resource that goes their end (C-126).
func (c *CSE) withdraw(tx store.Tx, rec *store.Record) error {
	for _, address := range copiesOf(rec) {
		if err := c.oweCopy(tx, arrear{Copy: address, Of: rec.Origin, Delete: true}); err != nil {
			return err
		}
	}
	return nil
}

// copiesOf returns the addresses of the copies of a resource. Most have none,
// and needn't be taken apart.
func copiesOf(rec *store.Record) []string {
	if !bytes.Contains(rec.Attributes, []byte(`"at":[`)) {
		return nil
	}
	list, _ := attributes(rec).Texts("at")
	return list
}
