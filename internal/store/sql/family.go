package sql

import (
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// withSubscriptions returns a family that knows all subscriptions.
func (f *family) withSubscriptions(all []*store.Record) *family {
	return &family{subscribed: true, subscriptions: all, newest: f.newest}
}

// withNewest returns a family that knows the newest child of a type, as it is
// from a time on: any newer one had expired by then.
func (f *family) withNewest(r *store.Record, from onem2m.Timestamp) *family {
	n := f.without(r.Type)
	n.newest = append(n.newest, edge{record: r, from: from})
	return n
}

// without returns a family that doesn't know the newest child of a type, nor
// the subscriptions if that is the type.
func (f *family) without(ty onem2m.ResourceType) *family {
	n := &family{subscribed: f.subscribed, subscriptions: f.subscriptions}
	if ty == onem2m.TypeSubscription {
		n.subscribed, n.subscriptions = false, nil
	}
	n.newest = slices.DeleteFunc(slices.Clone(f.newest), func(e edge) bool { return e.record.Type == ty })
	return n
}

// newestOf returns the newest child of a type if it is known and hasn't expired.
func (f *family) newestOf(ty onem2m.ResourceType, now onem2m.Timestamp) *store.Record {
	for _, e := range f.newest {
		if e.record.Type == ty && now >= e.from && alive(e.record, now) {
			return e.record
		}
	}
	return nil
}

// alive reports whether a record hasn't expired.
func alive(r *store.Record, now onem2m.Timestamp) bool {
	return r.Expires == 0 || r.Expires > now
}
