package cse

import (
	"context"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// notificationSchedule is the name of a <schedule> below a subscription (C-262).
const notificationSchedule = "notificationSchedule"

func scheduleProcedures() *procedures {
	return &procedures{check: checkSchedule, created: createdSchedule, update: updateSchedule, remove: removeSchedule}
}

// checkSchedule: networkCoordinated, the name, and one schedule per parent
// (C-261 … C-263).
func checkSchedule(k *call, r store.Reader, s *subject) error {
	if coordinated := k.draft.attrs.Get("nco"); coordinated != nil && !k.draft.attrs.IsNull("nco") {
		if s.parent.Type != onem2m.TypeNode {
			return onem2m.Errorf(onem2m.ContentsUnacceptable, "nco", "only the schedule of a node is coordinated with a network")
		}
		if on, _ := k.draft.attrs.Bool("nco"); on {
			return onem2m.Errorf(onem2m.NotImplemented, "nco", "there is no network to coordinate with")
		}
	}
	if s.old != nil {
		return nil
	}
	if s.parent.Type == onem2m.TypeSubscription || s.parent.Type == onem2m.TypeCrossResourceSubscription {
		if s.rn != "" && s.rn != notificationSchedule {
			return onem2m.Errorf(onem2m.BadRequest, "rn", "below a subscription the name is %s", notificationSchedule)
		}
		s.rn = notificationSchedule
	}
	other, err := k.c.scheduleOf(r, s.parent.ID, k.now)
	if err != nil {
		return err
	}
	if other != nil && other.RN != s.rn { // one of the same name is refused for its name
		return onem2m.Errorf(onem2m.BadRequest, "ty", "the parent has a schedule already")
	}
	return nil
}

// scheduleOf returns the <schedule> of a resource, or nil.
func (c *CSE) scheduleOf(r store.Reader, parent int64, now onem2m.Timestamp) (*store.Record, error) {
	list, err := r.Children(parent, store.Page{Only: onem2m.TypeSchedule, Limit: 2})
	if err != nil {
		return nil, err
	}
	for _, rec := range list {
		if !expired(rec, now) {
			return rec, nil
		}
	}
	return nil, nil //nolint:nilnil // none is an ordinary case
}

// entries are the compiled entries of a <schedule>. One that can't be read
// contains no instant.
func entries(rec *store.Record) []*onem2m.Schedule {
	list, _ := rec.Derive(store.FacetType, func(rec *store.Record) any { return compileEntries(attributes(rec)) }).([]*onem2m.Schedule)
	return list
}

func compileEntries(attrs onem2m.Object) []*onem2m.Schedule {
	var list []*onem2m.Schedule
	element, _ := attrs.Object("se")
	texts, _ := element.Texts("sce")
	for _, text := range texts {
		if s, err := onem2m.ParseSchedule(text); err == nil {
			list = append(list, s)
		}
	}
	return list
}

func createdSchedule(k *call, tx store.Tx, s *subject) error {
	list := compileEntries(s.attrs)
	tx.OnCommit(func() { k.c.scheduled(s.parent.RI, s.parent.Type, list) })
	return nil
}

// updateSchedule: it takes effect at once (C-263).
func updateSchedule(k *call, tx store.Tx, s *subject) error { return createdSchedule(k, tx, s) }

// removeSchedule lifts the restriction. Whose it was isn't asked: the parent may
// be gone already.
func removeSchedule(c *CSE, tx store.Tx, rec *store.Record) error {
	owner, _ := attributes(rec).Text("pi")
	tx.OnCommit(func() {
		c.scheduled(owner, onem2m.TypeSubscription, nil)
		c.scheduled(owner, onem2m.TypeNode, nil)
	})
	return nil
}

// scheduled makes the schedule of a resource known to those who obey it.
func (c *CSE) scheduled(owner string, ty onem2m.ResourceType, list []*onem2m.Schedule) {
	if owner == c.Home.ResourceID() {
		c.hours.Store(&list)
		return
	}
	c.Notifier.Schedule(owner, ty, list)
	if ty == onem2m.TypeNode {
		c.depot.Changed() // it may be that of a network
	}
}

// loadSchedules makes the stored schedules known.
func (c *CSE) loadSchedules(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		const page = 500
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeSchedule, after, page)
			if err != nil {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				parent, err := r.ByID(rec.Parent)
				if err == nil {
					c.scheduled(parent.RI, parent.Type, entries(rec))
				} else if unlessMissing(missing(err)) != nil {
					return err
				}
			}
			if len(list) < page {
				return nil
			}
		}
	})
}

// checkHours refuses requests outside of the schedule of the CSEBase; the
// administrator can always get in to change it (C-227).
func (k *call) checkHours() error {
	list := k.c.hours.Load()
	if list == nil || len(*list) == 0 || k.isAdmin() {
		return nil
	}
	now := k.now.Time()
	for _, s := range *list {
		if s.Contains(now) {
			return nil
		}
	}
	return onem2m.Errorf(onem2m.TargetNotReachable, "to", "the CSE is out of service by its schedule")
}

// Opens tells the notification engine when the entity behind a target can be
// reached: by the schedule of the node that it is on (C-306). Without one it
// always can.
func (c *CSE) Opens(r store.Reader, target string, at onem2m.Timestamp) (onem2m.Timestamp, bool) {
	address, err := onem2m.ParseAddress(target)
	if err != nil {
		return at, true
	}
	rec, err := c.hostedEntity(r, target)
	if err != nil || rec == nil || address.Attribute != "" {
		return at, true
	}
	link, ok := attributes(rec).Text("nl")
	if !ok {
		return at, true
	}
	node, err := c.nodeOf(r, link)
	if err != nil || node == nil {
		return at, true
	}
	schedule, err := c.scheduleOf(r, node.ID, at)
	if err != nil || schedule == nil {
		return at, true
	}
	var first onem2m.Timestamp
	for _, s := range entries(schedule) {
		if s.Contains(at.Time()) {
			return at, true
		}
		if next, ok := s.Next(at.Time()); ok && (first == 0 || onem2m.TimestampOf(next) < first) {
			first = onem2m.TimestampOf(next)
		}
	}
	return first, first != 0
}
