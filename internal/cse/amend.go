package cse

import (
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// amend changes attributes of a resource on the CSE's own account: no request
// names them, so no presence rule and no privilege stands in the way. null
// removes an attribute. Subscribers are told as of an UPDATE by who.
func (c *CSE) amend(tx store.Tx, rec *store.Record, who onem2m.ID, changes onem2m.Object) error {
	attrs := attributes(rec).Clone()
	touched := make([]string, 0, len(changes))
	for _, m := range changes {
		touched = append(touched, m.Name)
		if string(m.Value) == "null" {
			attrs.Delete(m.Name)
			continue
		}
		attrs.Set(m.Name, m.Value)
	}
	next := revised(rec, max(c.tick(), rec.Modified+1), attrs)
	if err := tx.Replace(next); err != nil {
		return err
	}
	if err := c.follow(tx, rec, next); err != nil {
		return err
	}
	c.noteReferences(tx, rec, next)
	modified := changes.Clone()
	modified.Set("lt", onem2m.TimeValue(next.Modified))
	return c.Notifier.Record(tx, notify.Event{
		Type: notify.Updated, Resource: c.publicRecord(next), Touched: touched,
		Modified: modified.Append(nil), Originator: who,
	})
}

// revised is a version of rec with other attributes and another lt.
func revised(rec *store.Record, lt onem2m.Timestamp, attrs onem2m.Object) *store.Record {
	u := universal{
		ty: rec.Type, ri: rec.RI, rn: rec.RN, ct: rec.Created, lt: lt, et: rec.Expires,
		withoutExpiry: rec.Expires == 0, after: attrs,
	}
	u.pi, _ = attrs.Text("pi")
	return &store.Record{
		ID: rec.ID, Parent: rec.Parent, RI: rec.RI, RN: rec.RN, Type: rec.Type, Root: rec.Root,
		Created: rec.Created, Modified: lt, Expires: rec.Expires, Due: rec.Due, Origin: rec.Origin,
		Size: rec.Size, Attributes: u.encode(), Counted: rec.Counted, Counters: rec.Counters,
	}
}
