package sql

import (
	"cmp"
	"database/sql/driver"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The queries that readers and the writer share. They know no cache and see
// what their connection sees.

// defaultPage is how many children come without a limit.
const defaultPage = 1000

// one returns the only record that a statement finds.
func (c *conn) one(s statement, values ...driver.Value) (*store.Record, error) {
	var found *store.Record
	err := c.query(s, func(row []driver.Value) (err error) {
		found, err = record(row)
		return err
	}, values...)
	if err == nil && found == nil {
		err = store.ErrNotFound
	}
	return found, err
}

// many returns the records that a statement finds.
func (c *conn) many(s statement, values ...driver.Value) ([]*store.Record, error) {
	var found []*store.Record
	err := c.query(s, func(row []driver.Value) error {
		r, err := record(row)
		found = append(found, r)
		return err
	}, values...)
	return found, err
}

// number returns the only number that a statement finds, 0 for NULL.
func (c *conn) number(s statement, values ...driver.Value) (int64, error) {
	var n int64
	err := c.query(s, func(row []driver.Value) error {
		cs := &cells{row: row}
		if !cs.null() {
			n = cell[int64](cs)
		}
		return cs.err
	}, values...)
	return n, err
}

// texts returns the first column of all rows.
func texts[T ~string](c *conn, s statement, values ...driver.Value) ([]T, error) {
	var found []T
	err := c.query(s, func(row []driver.Value) error {
		cs := &cells{row: row}
		found = append(found, T(cell[string](cs)))
		return cs.err
	}, values...)
	return found, err
}

// live turns a detached root into nothing.
func live(r *store.Record, err error) (*store.Record, error) {
	if err == nil && r.Parent == detachedParent {
		return nil, store.ErrNotFound
	}
	return r, err
}

func (c *conn) byID(id int64) (*store.Record, error)  { return live(c.one(stByID, id)) }
func (c *conn) byRI(ri string) (*store.Record, error) { return live(c.one(stByRI, ri)) }

// child finds a record by name. A record whose name is its resourceID has none
// in the table.
func (c *conn) child(parent int64, rn string) (*store.Record, error) {
	r, err := c.one(stByName, parent, rn)
	if err == nil || err != store.ErrNotFound { //nolint:errorlint // made by one, above
		return r, err
	}
	r, err = c.byRI(rn)
	if err == nil && (r.Parent != parent || r.RN != rn) {
		return nil, store.ErrNotFound
	}
	return r, err
}

func (c *conn) edge(parent int64, ty onem2m.ResourceType, newest bool, now onem2m.Timestamp) (*store.Record, error) {
	s := stOldest
	if newest {
		s = stNewest
	}
	return c.one(s, parent, bulk(ty), int64(ty), int64(now))
}

// children returns a page of children. Instances and the rest are two ranges of
// one index; a page over both is merged from a page of each.
func (c *conn) children(parent int64, page store.Page) ([]*store.Record, error) {
	limit := page.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	switch {
	case page.Only != 0 && page.Only == page.Not:
		return nil, nil
	case page.Only != 0 && !store.Bulk(page.Only):
		return c.many(stChildrenOfType, parent, int64(page.Only), page.After, int64(limit))
	case page.Only != 0:
		return c.bulkChildren(parent, page.Only, page.After, limit)
	}
	rest, err := c.many(stChildren, parent, int64(0), page.After, int64(page.Not), int64(limit))
	if err != nil {
		return nil, err
	}
	instances, err := c.many(stChildren, parent, int64(1), page.After, int64(page.Not), int64(limit))
	if err != nil {
		return nil, err
	}
	switch {
	case len(instances) == 0:
		return rest, nil
	case len(rest) == 0:
		return instances, nil
	}
	all := slices.Concat(rest, instances)
	slices.SortFunc(all, func(a, b *store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return all[:min(limit, len(all))], nil
}

// bulkChildren returns instances of one type. A parent has instances of one type
// only, nearly always; others are skipped by reading on.
func (c *conn) bulkChildren(parent int64, ty onem2m.ResourceType, after int64, limit int) ([]*store.Record, error) {
	var found []*store.Record
	for {
		page, err := c.many(stChildren, parent, int64(1), after, int64(0), int64(limit-len(found)))
		if err != nil {
			return nil, err
		}
		full := len(page) == limit-len(found)
		for _, r := range page {
			after = r.ID
			if r.Type == ty {
				found = append(found, r)
			}
		}
		if !full || len(found) == limit {
			return found, nil
		}
	}
}

func (c *conn) subscriptions(parent int64) ([]*store.Record, error) {
	return c.many(stChildrenOfType, parent, int64(onem2m.TypeSubscription), int64(0), int64(1<<62))
}

func (c *conn) latestExpiry(parent int64) (onem2m.Timestamp, error) {
	n, err := c.number(stLatestExpiry, parent)
	return onem2m.Timestamp(n), err
}

func (c *conn) due(now onem2m.Timestamp, limit int) ([]*store.Record, error) {
	return c.many(stDue, int64(now), int64(limit))
}

func (c *conn) detached(limit int) ([]*store.Record, error) {
	if limit <= 0 {
		return nil, nil
	}
	return c.children(detachedParent, store.Page{Limit: limit})
}

func (c *conn) ofType(ty onem2m.ResourceType, after int64, limit int) ([]*store.Record, error) {
	if store.Bulk(ty) {
		return c.many(stOfBulkType, int64(ty), after, int64(limit))
	}
	return c.many(stOfType, int64(ty), after, int64(limit))
}

func (c *conn) deliveries(after int64, limit int) ([]*store.Delivery, error) {
	var found []*store.Delivery
	err := c.query(stDeliveries, func(row []driver.Value) error {
		d, err := delivery(row)
		found = append(found, d)
		return err
	}, after, int64(limit))
	return found, err
}

func (c *conn) held(subscription string, after int64, limit int) ([]*store.Delivery, error) {
	var found []*store.Delivery
	err := c.query(stHeld, func(row []driver.Value) error {
		d, err := delivery(row)
		found = append(found, d)
		return err
	}, subscription, after, int64(limit))
	return found, err
}

func (c *conn) undelivered(subscription string, event int64) (int, error) {
	n, err := c.number(stUndelivered, subscription, event)
	return int(n), err
}

func (c *conn) setting(name string) ([]byte, error) {
	var value []byte
	err := c.query(stSetting, func(row []driver.Value) error {
		cs := &cells{row: row}
		value = cs.bytes()
		return cs.err
	}, name)
	if err == nil && value == nil {
		err = store.ErrNotFound
	}
	return value, err
}

// last is greater than any text that a name goes on with.
const last = "\U0010FFFF"

// settings returns the values whose names begin with a prefix.
func (c *conn) settings(prefix string) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := c.query(stSettings, func(row []driver.Value) error {
		cs := &cells{row: row}
		name := cell[string](cs)
		all[name] = cs.bytes()
		return cs.err
	}, prefix, prefix+last)
	return all, err
}

// credential returns the Credential-ID that an AE-ID is bound to, or "".
func (c *conn) credential(id onem2m.ID) (string, error) {
	found, err := texts[string](c, stCredential, string(id))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

func (c *conn) boundTo(credential string) ([]onem2m.ID, error) {
	return texts[onem2m.ID](c, stBoundTo, credential)
}

func (c *conn) bindings() ([]store.Binding, error) {
	var found []store.Binding
	err := c.query(stBindings, func(row []driver.Value) error {
		cs := &cells{row: row}
		found = append(found, store.Binding{
			ID: onem2m.ID(cell[string](cs)), Credential: cell[string](cs), Since: onem2m.Timestamp(cell[int64](cs)),
		})
		return cs.err
	})
	return found, err
}

// remove deletes a record that has no children and tells where it was.
func (c *conn) remove(id int64) (gone *store.Record, err error) {
	err = c.query(stRemove, func(row []driver.Value) error {
		cs := &cells{row: row}
		gone = &store.Record{ID: id, Parent: cell[int64](cs), Type: onem2m.ResourceType(cell[int64](cs)), Attributes: cs.bytes()}
		return cs.err
	}, id)
	return gone, err
}

func (c *conn) labelled(label string, after int64, limit int) ([]*store.Record, error) {
	return c.many(stLabelled, label, after, int64(limit))
}

func (c *conn) parents(from, to int64) (ids []int64, err error) {
	err = c.query(stParents, func(row []driver.Value) error {
		cs := &cells{row: row}
		ids = append(ids, cell[int64](cs))
		return cs.err
	}, from, to)
	return ids, err
}
