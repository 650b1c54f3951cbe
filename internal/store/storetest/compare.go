package storetest

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// compare holds everything that a reader can see against the model.
func (k *machine) compare(rt *rapid.T, r store.Reader, m *model) error {
	c := comparison{r: r, m: m}
	c.record("ByID", pair(r.ByID, m.byID, someID(rt, m.records)))
	for _, n := range poolNames {
		c.record("ByRI "+n, pair(r.ByRI, m.byRI, n))
	}
	// All of them would be exact at any moment, and slow.
	for range 2 {
		c.family(rt, rapid.SampledFrom(m.ids()).Draw(rt, "parent"))
	}
	c.lists(rt)
	c.beside()
	return c.err
}

// ids returns the numbers of all records, those of detached roots included, and 0.
func (m *model) ids() []int64 {
	ids := []int64{0}
	for _, r := range m.pick(func(*store.Record) bool { return true }) {
		ids = append(ids, r.ID)
	}
	return ids
}

// comparison collects the first difference.
type comparison struct {
	r   store.Reader
	m   *model
	err error
}

// outcome is what store and model answered.
type outcome struct {
	got, want       *store.Record
	gotErr, wantErr error
}

func pair[K any](got, want func(K) (*store.Record, error), key K) outcome {
	var o outcome
	o.got, o.gotErr = got(key)
	o.want, o.wantErr = want(key)
	return o
}

func (c *comparison) note(what string, err error, diff string) {
	if c.err == nil && (err != nil || diff != "") {
		c.err = fmt.Errorf("%s: %w (-want +got):\n%s", what, err, diff)
	}
}

func (c *comparison) record(what string, o outcome) {
	if o.gotErr != nil || o.wantErr != nil {
		if err := disagree(what, o.gotErr, o.wantErr); err != errAgreed { //nolint:errorlint // made there
			c.note(what, err, "")
		}
		return
	}
	c.note(what, nil, same(o.want, o.got))
}

// family compares what is below one parent.
func (c *comparison) family(rt *rapid.T, parent int64) {
	for _, n := range poolNames {
		c.record("Child "+n, pair(
			func(n string) (*store.Record, error) { return c.r.Child(parent, n) },
			func(n string) (*store.Record, error) { return c.m.child(parent, n) }, n))
	}
	now := someTime(rt)
	for _, ty := range []onem2m.ResourceType{onem2m.TypeContentInstance, rapid.SampledFrom(poolTypes).Draw(rt, "type")} {
		for _, newest := range []bool{true, false} {
			c.record(fmt.Sprintf("Edge %d %t", ty, newest), pair(
				func(p int64) (*store.Record, error) { return c.r.Edge(p, ty, newest, now) },
				func(p int64) (*store.Record, error) { return c.m.edge(p, ty, newest, now) }, parent))
		}
	}
	p := store.Page{After: someID(rt, c.m.records), Limit: rapid.IntRange(1, 4).Draw(rt, "limit")}
	switch rapid.IntRange(0, 2).Draw(rt, "filter") {
	case 0:
		p.Only = rapid.SampledFrom(poolTypes).Draw(rt, "only")
	case 1:
		p.Not = rapid.SampledFrom(poolTypes).Draw(rt, "not")
	}
	if p.After == 1<<40 {
		p.After = 0
	}
	got, err := c.r.Children(parent, p)
	c.note(fmt.Sprintf("Children of %d, %+v", parent, p), err, same(c.m.children(parent, p), got))
	got, err = c.r.Subscriptions(parent)
	c.note("Subscriptions", err, same(c.m.children(parent, store.Page{Only: onem2m.TypeSubscription, Limit: 1000}), got))
	et, err := c.r.LatestExpiry(parent)
	c.note("LatestExpiry", err, same(c.m.latestExpiry(parent), et))
}

// lists compares the lists over all records.
func (c *comparison) lists(rt *rapid.T) {
	now, limit := someTime(rt), rapid.IntRange(1, 4).Draw(rt, "limit")
	got, err := c.r.Due(now, limit)
	c.note("Due", err, same(c.m.due(now, limit), got))
	for _, ty := range poolTypes {
		got, err = c.r.OfType(ty, 0, limit)
		c.note("OfType", err, same(c.m.ofType(ty, 0, limit), got))
	}
	for _, label := range []string{"a", "b", "c"} {
		after := someID(rt, c.m.records) % (1 << 40)
		got, err = c.r.Labelled(label, after, limit)
		c.note("Labelled "+label, err, same(c.m.labelled(label, after, limit), got))
	}
	from, to := someID(rt, c.m.records)%(1<<40), someID(rt, c.m.records)
	parents, err := c.r.Parents(from, to)
	c.note(fmt.Sprintf("Parents from %d to %d", from, to), err, same(c.m.parents(from, to), parents))
	roots, err := c.r.Detached(1000)
	ids := make([]int64, 0, len(roots))
	for _, r := range roots {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(ids, c.m.detached()) {
		c.note("Detached", err, same(c.m.detached(), ids))
	}
}

// beside compares what isn't about resources.
func (c *comparison) beside() {
	waiting, err := c.r.Deliveries(0, 1000)
	c.note("Deliveries", err, same(c.m.waiting(), waiting))
	for _, n := range poolNames {
		want := 0
		for _, d := range c.m.deliveries {
			if d.Subscription == n {
				want++
			}
		}
		undelivered, err := c.r.Undelivered(n, 0)
		c.note("Undelivered", err, same(want, undelivered))
		if value, ok := c.m.settings[n]; ok {
			got, err := c.r.Setting(n)
			c.note("Setting", err, same(value, string(got)))
		}
	}
	all, err := c.r.Bindings()
	c.note("Bindings", err, same(c.m.bound(), all))
	for _, id := range poolIDs {
		got, err := c.r.CredentialOf(id)
		if want, ok := c.m.bindings[id]; ok {
			c.note("CredentialOf", err, same(want.Credential, got))
		} else if err == nil {
			c.note("CredentialOf", nil, same("nothing", got))
		}
	}
}
