package sql

import (
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The Reader half of a transaction: first what the batch has changed, then the
// cache, then the table, which shows everything but noted counters.

// conn returns the connection of the writer.
func (t *transaction) conn() (*conn, error) {
	if t.over {
		return nil, errOver
	}
	return t.b.c, t.b.broken
}

// sound notes an error of a query: the engine may have given up the transaction.
func (t *transaction) sound(err error) error {
	if err != nil && !errors.Is(err, store.ErrNotFound) && t.b.begun {
		return t.b.fail(0, err)
	}
	return err
}

// latest returns the version of a committed record that the batch has made;
// false if the batch has removed it.
func (t *transaction) latest(r *store.Record) (*store.Record, bool) {
	if ch, ok := t.b.changes[r.ID]; ok {
		return ch.record, ch.record != nil
	}
	return r, true
}

// fetched completes a record from the table, and caches it if it is committed.
func (t *transaction) fetched(r *store.Record, err error) (*store.Record, error) {
	if err != nil {
		return nil, t.sound(err)
	}
	if _, changed := t.b.changes[r.ID]; !changed {
		mark, _ := t.b.s.cache.now()
		t.b.s.cache.keep(mark, func() { t.b.s.cache.put(r, mark) })
		return r, nil
	}
	r, _ = t.latest(r)
	return r, nil
}

// list completes records from the table. A detached root has no latest version.
func (t *transaction) list(records []*store.Record, err error) ([]*store.Record, error) {
	if err != nil {
		return nil, t.sound(err)
	}
	t.b.s.cache.adopt(records, anyClock)
	for i, r := range records {
		if latest, ok := t.latest(r); ok {
			records[i] = latest
		}
	}
	return records, nil
}

// ByID implements store.Reader.
func (t *transaction) ByID(id int64) (*store.Record, error) {
	if ch, ok := t.b.changes[id]; ok && !t.over {
		if ch.record == nil {
			return nil, store.ErrNotFound
		}
		return ch.record, nil
	}
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	if r := t.b.s.cache.lookID(id, anyClock); r != nil {
		return r, nil
	}
	return t.fetched(c.byID(id))
}

// ByRI implements store.Reader.
func (t *transaction) ByRI(ri string) (*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	if r := t.b.s.cache.lookRI(ri, anyClock); r != nil {
		if r, ok := t.latest(r); ok {
			return r, nil
		}
	}
	return t.fetched(c.byRI(ri))
}

// Child implements store.Reader.
func (t *transaction) Child(parent int64, rn string) (*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	if r := t.b.s.cache.lookName(parent, rn, anyClock); r != nil {
		if r, ok := t.latest(r); ok {
			return r, nil
		}
	}
	return t.fetched(c.child(parent, rn))
}

// Edge implements store.Reader.
func (t *transaction) Edge(parent int64, ty onem2m.ResourceType, newest bool, now onem2m.Timestamp) (*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	if _, changed := t.b.families[family2{parent, ty}]; newest && store.Bulk(ty) && !changed {
		if r := t.b.s.cache.lookFamily(parent, anyClock).newestOf(ty, now); r != nil {
			return r, nil
		}
	}
	r, err := c.edge(parent, ty, newest, now)
	if err != nil {
		return nil, t.sound(err)
	}
	r, _ = t.latest(r)
	return r, nil
}

// Children implements store.Reader.
func (t *transaction) Children(parent int64, page store.Page) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	return t.list(c.children(parent, page))
}

// Subscriptions implements store.Reader.
func (t *transaction) Subscriptions(parent int64) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	cache := t.b.s.cache
	_, changed := t.b.families[family2{parent, onem2m.TypeSubscription}]
	if !changed {
		if f := cache.lookFamily(parent, anyClock); f.subscribed {
			return f.subscriptions, nil
		}
	}
	all, err := t.list(c.subscriptions(parent))
	if err == nil && !changed {
		mark, _ := cache.now()
		cache.keep(mark, func() { cache.putFamily(parent, cache.familyOf(parent).withSubscriptions(all), mark) })
	}
	return all, err
}

// LatestExpiry implements store.Reader.
func (t *transaction) LatestExpiry(parent int64) (onem2m.Timestamp, error) {
	c, err := t.conn()
	if err != nil {
		return 0, err
	}
	et, err := c.latestExpiry(parent)
	return et, t.sound(err)
}

// Due implements store.Reader.
func (t *transaction) Due(now onem2m.Timestamp, limit int) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	return t.list(c.due(now, limit))
}

// Detached implements store.Reader.
func (t *transaction) Detached(limit int) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	roots, err := c.detached(limit)
	return roots, t.sound(err)
}

// OfType implements store.Reader.
func (t *transaction) OfType(ty onem2m.ResourceType, after int64, limit int) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	return t.list(c.ofType(ty, after, limit))
}

// Labelled implements store.Reader.
func (t *transaction) Labelled(label string, after int64, limit int) ([]*store.Record, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	return t.list(c.labelled(label, after, limit))
}

// Parents implements store.Reader.
func (t *transaction) Parents(from, to int64) ([]int64, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	ids, err := c.parents(from, to)
	return ids, t.sound(err)
}

// Deliveries implements store.Reader.
func (t *transaction) Deliveries(after int64, limit int) ([]*store.Delivery, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	found, err := c.deliveries(after, limit)
	return found, t.sound(err)
}

// Held implements store.Reader.
func (t *transaction) Held(subscription string, after int64, limit int) ([]*store.Delivery, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	found, err := c.held(subscription, after, limit)
	return found, t.sound(err)
}

// Undelivered implements store.Reader.
func (t *transaction) Undelivered(subscription string, event int64) (int, error) {
	c, err := t.conn()
	if err != nil {
		return 0, err
	}
	n, err := c.undelivered(subscription, event)
	return n, t.sound(err)
}

// Setting implements store.Reader.
func (t *transaction) Setting(name string) ([]byte, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	value, err := c.setting(name)
	return value, t.sound(err)
}

// Settings implements store.Reader.
func (t *transaction) Settings(prefix string) (map[string][]byte, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	all, err := c.settings(prefix)
	return all, t.sound(err)
}

// CredentialOf implements store.Reader.
func (t *transaction) CredentialOf(id onem2m.ID) (string, error) {
	c, err := t.conn()
	if err != nil {
		return "", err
	}
	credential, known := t.b.bound[id]
	if !known {
		credential, known = t.b.s.cache.lookBound(id, anyClock)
	}
	if !known {
		if credential, err = c.credential(id); err != nil {
			return "", t.sound(err)
		}
	}
	if credential == "" {
		return "", store.ErrNotFound
	}
	return credential, nil
}

// BoundTo implements store.Reader.
func (t *transaction) BoundTo(credential string) ([]onem2m.ID, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	ids, err := c.boundTo(credential)
	return ids, t.sound(err)
}

// Bindings implements store.Reader.
func (t *transaction) Bindings() ([]store.Binding, error) {
	c, err := t.conn()
	if err != nil {
		return nil, err
	}
	all, err := c.bindings()
	return all, t.sound(err)
}
