package sql

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// NextID implements store.Tx.
func (t *transaction) NextID() int64 { return t.number(&t.b.s.resources) }

// Insert implements store.Tx.
func (t *transaction) Insert(r *store.Record) error {
	if r.ID <= 0 || r.ID >= t.b.s.resources.next || r.RI == "" || r.RN == "" || r.Parent < 0 {
		return fmt.Errorf("store: record %d %q is incomplete", r.ID, r.RI)
	}
	if r.Parent != 0 {
		if _, err := t.ByID(r.Parent); err != nil {
			return fmt.Errorf("store: parent of %q: %w", r.RI, err)
		}
	}
	insert, rn := stInsertUnnamed, driver.Value(nil) // NULL: the same as ri
	if r.RN != r.RI {
		insert, rn = stInsertNamed, r.RN
	}
	_, err := t.exec(insert, r.ID, r.Parent, r.RI, rn, int64(r.Type), r.Root, int64(r.Created), int64(r.Modified),
		int64(r.Expires), some(r.Due), string(r.Origin), r.Size, flag(r.Counted),
		r.Counters.State, r.Counters.Count, r.Counters.Bytes, octets(r.Attributes), bulk(r.Type))
	if err != nil {
		return err
	}
	t.set(r.ID, change{record: r, added: true})
	t.touch(r.Parent, r.Type)
	return t.relabel(r.ID, nil, r.Labels())
}

// Replace implements store.Tx.
func (t *transaction) Replace(r *store.Record) error {
	old, err := t.ByID(r.ID)
	if err != nil {
		return err
	}
	if old.Parent != r.Parent || old.RI != r.RI || old.RN != r.RN || old.Type != r.Type {
		return fmt.Errorf("store: %q can't become %q: place, name and type stay", old.RI, r.RI)
	}
	_, err = t.exec(stReplace, r.ID, r.Root, int64(r.Created), int64(r.Modified), int64(r.Expires), some(r.Due),
		string(r.Origin), r.Size, flag(r.Counted), r.Counters.State, r.Counters.Count, r.Counters.Bytes, octets(r.Attributes))
	if err != nil {
		return err
	}
	t.set(r.ID, change{record: r, added: t.b.changes[r.ID].added})
	t.touch(r.Parent, r.Type)
	return t.relabel(r.ID, old.Labels(), r.Labels())
}

// Count implements store.Tx.
func (t *transaction) Count(id int64, c store.Counters) error {
	old, err := t.ByID(id)
	if err != nil {
		return err
	}
	if !old.Counted {
		return fmt.Errorf("store: %q has no counters", old.RI)
	}
	if err := t.b.begin(); err != nil {
		return err
	}
	t.set(id, change{record: old.WithCounters(c), counted: true, added: t.b.changes[id].added})
	return nil
}

// Remove implements store.Tx.
func (t *transaction) Remove(id int64) error {
	if err := t.ready(); err != nil {
		return err
	}
	gone, err := t.b.c.remove(id)
	switch {
	case err != nil:
		return t.judge(err)
	case gone == nil:
		if _, err := t.b.c.one(stByID, id); err != nil {
			return err
		}
		return fmt.Errorf("%w: record %d has children", store.ErrConflict, id)
	}
	t.set(id, change{})
	t.touch(gone.Parent, gone.Type)
	return t.relabel(id, gone.Labels(), nil)
}

// relabel keeps the index of labels.
func (t *transaction) relabel(id int64, before, after []string) error {
	change := func(s statement, labels, other []string) error {
		for _, label := range labels {
			if slices.Contains(other, label) {
				continue
			}
			if _, err := t.exec(s, label, id); err != nil {
				return err
			}
		}
		return nil
	}
	if err := change(stUnlabel, before, after); err != nil {
		return err
	}
	return change(stLabel, after, before)
}

// Detach implements store.Tx.
func (t *transaction) Detach(id int64) error {
	old, err := t.ByID(id)
	if err != nil {
		return err
	}
	if _, err := t.exec(stDetach, id, detachedRI(id)); err != nil {
		return err
	}
	t.set(id, change{})
	t.touch(old.Parent, old.Type)
	return nil
}

// detachedRI is what stands in the column ri of a detached root: unique, and no
// resourceID, which has no slash (TS-0001 clause 9.3.1).
func detachedRI(id int64) string { return "detached/" + strconv.FormatInt(id, 10) }

// Enqueue implements store.Tx.
func (t *transaction) Enqueue(d *store.Delivery) error {
	d.ID = t.number(&t.b.s.deliveries)
	d.Events = max(d.Events, 1)
	_, err := t.exec(stEnqueue, d.ID, d.Target, d.Subscription, d.Event, d.RequestID, d.Priority, flag(d.Final),
		octets(d.Payload), int64(d.Created), int64(d.Attempts), int64(d.NotBefore),
		int64(d.Held), d.Category, int64(d.Events))
	return err
}

// Postpone implements store.Tx.
func (t *transaction) Postpone(id int64, attempts int, notBefore onem2m.Timestamp) error {
	return t.execOne(stPostpone, id, int64(attempts), int64(notBefore))
}

// Settle implements store.Tx.
func (t *transaction) Settle(id int64) error { return t.execOne(stSettle, id) }

// execOne runs a write that has to find its row.
func (t *transaction) execOne(s statement, values ...driver.Value) error {
	n, err := t.exec(s, values...)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// SetSetting implements store.Tx.
func (t *transaction) SetSetting(name string, value []byte) error {
	if value == nil {
		_, err := t.exec(stDropSetting, name)
		return err
	}
	_, err := t.exec(stSetSetting, name, octets(value))
	return err
}

// Bind implements store.Tx.
func (t *transaction) Bind(b store.Binding) error {
	if b.ID == "" || b.Credential == "" {
		return fmt.Errorf("store: binding of %q is incomplete", b.ID)
	}
	if _, err := t.exec(stBind, string(b.ID), b.Credential, int64(b.Since)); err != nil {
		return err
	}
	t.setBound(b.ID, b.Credential)
	return nil
}

// Unbind implements store.Tx.
func (t *transaction) Unbind(id onem2m.ID) error {
	if err := t.execOne(stUnbind, string(id)); err != nil {
		return err
	}
	t.setBound(id, "")
	return nil
}

func (t *transaction) setBound(id onem2m.ID, credential string) {
	old, known := t.b.bound[id]
	t.unbound = append(t.unbound, formerBinding{id: id, known: known, credential: old})
	t.b.bound[id] = credential
}

// OnCommit implements store.Tx.
func (t *transaction) OnCommit(fn func()) { t.b.hooks = append(t.b.hooks, fn) }
