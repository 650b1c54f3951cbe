package storetest

import (
	"cmp"
	"maps"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// model is what a store promises, in plain maps and loops. Numbers come from
// the store under test.
type model struct {
	records    map[int64]*store.Record // Parent is gone for detached roots
	deliveries map[int64]*store.Delivery
	settings   map[string]string
	bindings   map[onem2m.ID]store.Binding
}

// gone stands for the parent of a detached root.
const gone = -1

func newModel() *model {
	return &model{
		records: map[int64]*store.Record{}, deliveries: map[int64]*store.Delivery{},
		settings: map[string]string{}, bindings: map[onem2m.ID]store.Binding{},
	}
}

func (m *model) clone() *model {
	return &model{
		records: maps.Clone(m.records), deliveries: maps.Clone(m.deliveries),
		settings: maps.Clone(m.settings), bindings: maps.Clone(m.bindings),
	}
}

// pick returns the records that fit, by number.
func (m *model) pick(fits func(r *store.Record) bool) []*store.Record {
	var found []*store.Record
	for _, id := range slices.Sorted(maps.Keys(m.records)) {
		if fits(m.records[id]) {
			found = append(found, m.records[id])
		}
	}
	return found
}

// first returns the first of a list, or ErrNotFound.
func first(records []*store.Record) (*store.Record, error) {
	if len(records) == 0 {
		return nil, store.ErrNotFound
	}
	return records[0], nil
}

func (m *model) byID(id int64) (*store.Record, error) {
	return first(m.pick(func(r *store.Record) bool { return r.ID == id && r.Parent != gone }))
}

func (m *model) byRI(ri string) (*store.Record, error) {
	return first(m.pick(func(r *store.Record) bool { return r.RI == ri && r.Parent != gone }))
}

func (m *model) child(parent int64, rn string) (*store.Record, error) {
	return first(m.pick(func(r *store.Record) bool { return r.Parent == parent && r.RN == rn }))
}

func (m *model) edge(parent int64, ty onem2m.ResourceType, newest bool, now onem2m.Timestamp) (*store.Record, error) {
	found := m.pick(func(r *store.Record) bool {
		return r.Parent == parent && r.Type == ty && (r.Expires == 0 || r.Expires > now)
	})
	if newest {
		slices.Reverse(found)
	}
	return first(found)
}

func (m *model) children(parent int64, p store.Page) []*store.Record {
	found := m.pick(func(r *store.Record) bool {
		return r.Parent == parent && r.ID > p.After && (p.Only == 0 || r.Type == p.Only) && (p.Not == 0 || r.Type != p.Not)
	})
	return found[:min(p.Limit, len(found))]
}

func (m *model) latestExpiry(parent int64) onem2m.Timestamp {
	et := onem2m.Timestamp(0)
	for _, r := range m.records {
		if r.Parent == parent {
			et = max(et, r.Expires)
		}
	}
	return et
}

func (m *model) due(now onem2m.Timestamp, limit int) []*store.Record {
	found := m.pick(func(r *store.Record) bool { return r.Due != 0 && r.Due <= now && r.Parent != gone })
	slices.SortStableFunc(found, func(a, b *store.Record) int { return cmp.Compare(a.Due, b.Due) })
	return found[:min(limit, len(found))]
}

func (m *model) ofType(ty onem2m.ResourceType, after int64, limit int) []*store.Record {
	found := m.pick(func(r *store.Record) bool { return r.Type == ty && r.ID > after && r.Parent != gone })
	return found[:min(limit, len(found))]
}

func (m *model) labelled(label string, after int64, limit int) []*store.Record {
	found := m.pick(func(r *store.Record) bool {
		return r.ID > after && r.Parent != gone && slices.Contains(r.Labels(), label)
	})
	return found[:min(limit, len(found))]
}

func (m *model) parents(from, to int64) []int64 {
	var ids []int64
	for _, r := range m.records {
		if r.Parent >= from && r.Parent <= to {
			ids = append(ids, r.Parent)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (m *model) detached() []int64 {
	var ids []int64
	for _, r := range m.pick(func(r *store.Record) bool { return r.Parent == gone }) {
		ids = append(ids, r.ID)
	}
	return ids
}

func (m *model) insert(r *store.Record) error {
	if _, err := m.byID(r.Parent); err != nil && r.Parent != 0 {
		return err
	}
	if _, err := m.byRI(r.RI); err == nil {
		return store.ErrConflict
	}
	if _, err := m.child(r.Parent, r.RN); err == nil {
		return store.ErrConflict
	}
	m.records[r.ID] = r
	return nil
}

func (m *model) replace(r *store.Record) error {
	if _, err := m.byID(r.ID); err != nil {
		return err
	}
	m.records[r.ID] = r
	return nil
}

func (m *model) count(id int64, c store.Counters) error {
	r, err := m.byID(id)
	if err == nil {
		m.records[id] = r.WithCounters(c)
	}
	return err
}

func (m *model) remove(id int64) error {
	if m.records[id] == nil {
		return store.ErrNotFound
	}
	if len(m.pick(func(r *store.Record) bool { return r.Parent == id })) > 0 {
		return store.ErrConflict
	}
	delete(m.records, id)
	return nil
}

func (m *model) detach(id int64) error {
	r, err := m.byID(id)
	if err == nil {
		cut := r.WithCounters(r.Counters)
		cut.Parent = gone
		m.records[id] = cut
	}
	return err
}

func (m *model) waiting() []*store.Delivery {
	var all []*store.Delivery
	for _, id := range slices.Sorted(maps.Keys(m.deliveries)) {
		all = append(all, m.deliveries[id])
	}
	return all
}

func (m *model) postpone(id int64, attempts int, notBefore onem2m.Timestamp) error {
	d := m.deliveries[id]
	if d == nil {
		return store.ErrNotFound
	}
	next := *d
	next.Attempts, next.NotBefore = attempts, notBefore
	m.deliveries[id] = &next
	return nil
}

func (m *model) settle(id int64) error {
	if m.deliveries[id] == nil {
		return store.ErrNotFound
	}
	delete(m.deliveries, id)
	return nil
}

func (m *model) bind(b store.Binding) error {
	if _, ok := m.bindings[b.ID]; ok {
		return store.ErrConflict
	}
	m.bindings[b.ID] = b
	return nil
}

func (m *model) unbind(id onem2m.ID) error {
	if _, ok := m.bindings[id]; !ok {
		return store.ErrNotFound
	}
	delete(m.bindings, id)
	return nil
}

func (m *model) bound() []store.Binding {
	var all []store.Binding
	for _, id := range slices.Sorted(maps.Keys(m.bindings)) {
		all = append(all, m.bindings[id])
	}
	return all
}
