package cse

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"bulwark/access"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// A dynamic policy is an <accessControlPolicy> that the CSE makes of the
// privileges that a Dynamic Authorization Server grants. It counts for
// the resource that the server was asked about, beside what that links to, and
// the link shows nowhere: to write it into accessControlPolicyIDs would end the
// default policy (C-23). It is a child of the nearest resource that can have one
// (C-22), survives a restart, and ends with its expirationTime, with the
// resource that it is for, and when somebody who may deletes it.

// Bounds of dynamic policies. Each is looked at in every decision about
// its resource.
const (
	maxDynamic         = 10_000 // at the CSE
	maxDynamicResource = 64     // for one resource
	maxDynamicShare    = 16     // of these, for one originator, who could otherwise leave none to the others
	maxDynamicOne      = 256    // for one originator, for the same reason
)

// dynamicSource begins the name of a dynamic policy among the sources of a
// decision.
const dynamicSource = "dynamic policy "

var errManyDynamic = errors.New("there are too many dynamic policies already")

// dynamicPolicies finds the dynamic policies of a resource. It is a view of the
// committed store, which rules: what is found is read again.
type dynamicPolicies struct {
	some atomic.Bool // whether there are any, so that decisions without them look no further

	mu    sync.RWMutex // guards what follows
	byFor map[int64][]int64
	links map[int64]dynamicLink
	count map[onem2m.ID]int // policies for an originator
}

func (d *dynamicPolicies) any() bool { return d.some.Load() }

func (d *dynamicPolicies) set(policy int64, l dynamicLink) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byFor == nil {
		d.byFor, d.links, d.count = map[int64][]int64{}, map[int64]dynamicLink{}, map[onem2m.ID]int{}
	}
	if _, ok := d.links[policy]; !ok {
		d.links[policy] = l
		d.count[l.Who]++
		d.byFor[l.For] = append(slices.Clone(d.byFor[l.For]), policy)
	}
	d.some.Store(true)
}

func (d *dynamicPolicies) drop(policy int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.links[policy]
	if !ok {
		return
	}
	if d.count[l.Who]--; d.count[l.Who] <= 0 {
		delete(d.count, l.Who)
	}
	delete(d.links, policy)
	rest := slices.DeleteFunc(slices.Clone(d.byFor[l.For]), func(other int64) bool { return other == policy })
	if d.byFor[l.For] = rest; len(rest) == 0 {
		delete(d.byFor, l.For)
	}
	d.some.Store(len(d.links) > 0)
}

// of returns the policies for a resource; the caller doesn't change the list.
func (d *dynamicPolicies) of(subject int64) []int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.byFor[subject]
}

// is reports whether a policy is a dynamic one.
func (d *dynamicPolicies) is(policy int64) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.links[policy]
	return ok
}

// link returns what a policy is for, and who has granted it.
func (d *dynamicPolicies) link(policy int64) dynamicLink {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.links[policy]
}

// granted is how many policies there are for an originator.
func (d *dynamicPolicies) granted(who onem2m.ID) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.count[who]
}

// share is how many policies there are for a resource and an originator.
func (d *dynamicPolicies) share(subject int64, who onem2m.ID) (n int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, policy := range d.byFor[subject] {
		if d.links[policy].Who == who {
			n++
		}
	}
	return n
}

func (d *dynamicPolicies) len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.links)
}

// dynamicSources appends the dynamic policies of a resource.
func (c *CSE) dynamicSources(r store.Reader, rec *store.Record, now onem2m.Timestamp, dst []access.Source) []access.Source {
	if rec.Type == onem2m.TypeAccessControlPolicy || rec.Type == onem2m.TypePollingChannel {
		return dst // selfPrivileges and identity alone
	}
	granted := c.dynamic.of(rec.ID)
	if len(granted) == 0 {
		return dst
	}
	var lacking missed
	consultations, err := c.referrals(r, rec, now, &lacking)
	if err != nil {
		return dst
	}
	for _, id := range granted {
		policy, err := r.ByID(id)
		if err != nil || policy.Type != onem2m.TypeAccessControlPolicy || c.alive(r, policy, now) != nil || !c.stillAsked(c.dynamic.link(id), consultations) {
			continue
		}
		if g := c.guard(policy); g.readable {
			dst = append(dst, access.Source{Name: dynamicSource + policy.RI, Policy: g.pv})
		}
	}
	return dst
}

// stillAsked reports whether the server that has granted something would still be asked
// about the resource: its operator has named it, and a consultation that leads to
// it governs the resource. What it has granted counts no longer than that.
func (c *CSE) stillAsked(l dynamicLink, consultations []*referral) bool {
	return slices.ContainsFunc(consultations, func(u *referral) bool {
		if !u.enabled {
			return false
		}
		if l.By == "" {
			return len(l.Points) > 0 && slices.Equal(l.Points, u.points)
		}
		return slices.ContainsFunc(u.points, func(point string) bool {
			server := c.Servers.At(c.Home, point)
			return server != nil && server.ID == l.By
		})
	})
}

// stageOf is the stage that a source of rules belongs to.
func stageOf(source string) string {
	if strings.HasPrefix(source, dynamicSource) {
		return "dynamic"
	}
	return "static"
}

// dynamicLink is kept for each dynamic policy.
type dynamicLink struct {
	For int64     `json:"for"`          // the resource
	Who onem2m.ID `json:"who,omitzero"` // whom it is granted to
	By  onem2m.ID `json:"by,omitzero"`  // the server that has granted it, "" for one that the operator hasn't named

	Points []string `json:"points,omitzero"` // where that one was asked
}

// award is what a server grants in a policy, and where it came from.
type award struct {
	grant  *consultation.Grant
	by     onem2m.ID // the server, "" for one that the operator hasn't named
	points []string  // where it was asked
	about  string    // the resource, as the server was asked about it
	turn   uint64    // of the recalls, when the server was asked
	target int64
	who    onem2m.ID
}

func dynamicName(policy int64) string { return "dynamic policy " + strconv.FormatInt(policy, 10) }

// makeDynamic makes a dynamic policy of what a server grants.
func (c *CSE) makeDynamic(ctx context.Context, a award) (string, error) {
	name, target, who, grant := "", a.target, a.who, a.grant
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		if c.recalls.Since(a.turn, a.by, who, a.about) {
			return errCalledBack
		}
		now := c.instant()
		rec, err := tx.ByID(target)
		if err == nil {
			err = c.alive(tx, rec, now)
		}
		if err != nil {
			return missing(err)
		}
		if name, err = c.sameDynamic(tx, &a, now); name != "" || err != nil {
			return err
		}
		if len(c.dynamic.of(target)) >= maxDynamicResource || c.dynamic.share(target, who) >= maxDynamicShare || c.dynamic.granted(who) >= maxDynamicOne {
			return errManyDynamic
		}
		if c.dynamic.len() >= maxDynamic {
			if err := c.makeDynamicRoom(tx, who); err != nil {
				return err
			}
			if rec, err = tx.ByID(target); err != nil { // it was below what has gone
				return missing(err)
			}
		}
		parent, err := c.holderOfPolicies(tx, rec)
		if err != nil {
			return err
		}
		own := `{"acr":[{"acor":["` + c.Home.CSE + `"],"acop":14}]}`
		s := &subject{
			info: onem2m.TypeByNumber(onem2m.TypeAccessControlPolicy), parent: parent, origin: c.Home.ID(), et: grant.Until, due: grant.Until,
			attrs: onem2m.Object{{Name: "pv", Value: grant.Privileges}, {Name: "pvs", Value: []byte(own)}},
		}
		if end := parent.Expires; end != 0 && end <= s.et {
			s.et, s.due = end, 0
		}
		k := &call{c: c, now: now, from: identity.Originator{ID: c.Home.ID()}}
		made, err := k.performCreate(tx, c.types[s.info.Type], s)
		if err != nil {
			return err
		}
		link := dynamicLink{For: target, Who: who, By: a.by}
		if a.by == "" {
			link.Points = a.points
		}
		data, err := json.Marshal(link)
		if err != nil {
			return err
		}
		name = dynamicSource + made.RI
		tx.OnCommit(func() { c.dynamic.set(made.ID, link) })
		return tx.SetSetting(dynamicName(made.ID), data)
	})
	return name, err
}

// sameDynamic returns the dynamic policy that says already what a grant says, for
// as long: a server that grants the same thing again and again makes no more.
func (c *CSE) sameDynamic(r store.Reader, a *award, now onem2m.Timestamp) (string, error) {
	for _, id := range c.dynamic.of(a.target) {
		if l := c.dynamic.link(id); l.By != a.by || l.By == "" && !slices.Equal(l.Points, a.points) {
			continue // another server might call it back
		}
		policy, err := r.ByID(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if policy.Expires >= a.grant.Until && bytes.Equal(attributes(policy).Get("pv"), a.grant.Privileges) && c.alive(r, policy, now) == nil {
			return dynamicSource + policy.RI, nil
		}
	}
	return "", nil
}

// holderOfPolicies is the resource or its nearest ancestor that can have an
// <accessControlPolicy> for a child.
func (c *CSE) holderOfPolicies(r store.Reader, rec *store.Record) (*store.Record, error) {
	for {
		info := c.infoOf(rec)
		if rec.ID == baseID || info != nil && !info.Kind.Announced() && info.AllowsChild(onem2m.TypeAccessControlPolicy) {
			return rec, nil
		}
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return nil, missing(err)
		}
		rec = parent
	}
}

// removeACP forgets what a dynamic policy was for.
func removeACP(c *CSE, tx store.Tx, rec *store.Record) error {
	if !c.dynamic.is(rec.ID) {
		return nil
	}
	why := "it was deleted"
	if rec.Expires != 0 && rec.Expires <= c.instant() {
		why = "its time was over"
	}
	if rec.Expires != longAgo {
		if err := c.noteEnded(tx, rec, why); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { c.dynamic.drop(rec.ID) })
	return tx.SetSetting(dynamicName(rec.ID), nil)
}

// endDynamic ends the dynamic policies for a resource that goes: they expire, and
// the sweep removes them. To remove them here could take something out of the
// hands of who removes the tree that both are in.
func (c *CSE) endDynamic(tx store.Tx, rec *store.Record) error {
	if !c.dynamic.any() {
		return nil
	}
	for _, id := range c.dynamic.of(rec.ID) {
		if err := c.expireDynamic(tx, id, ""); err != nil {
			return err
		}
	}
	return nil
}

// longAgo is when what ends before its time has ended: also for a request that
// came before, and is decided again.
const longAgo = onem2m.Timestamp(1)

// expireDynamic ends a dynamic policy. why is kept; "" where nobody can ask for it.
func (c *CSE) expireDynamic(tx store.Tx, id int64, why string) error {
	policy, err := tx.ByID(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // gone, or going
	}
	if err == nil && why != "" {
		err = c.noteEnded(tx, policy, why)
	}
	if err != nil {
		return err
	}
	ended := &store.Record{
		ID: policy.ID, Parent: policy.Parent, RI: policy.RI, RN: policy.RN, Type: policy.Type, Root: policy.Root,
		Created: policy.Created, Modified: policy.Modified, Expires: longAgo, Due: longAgo, Origin: policy.Origin, Attributes: policy.Attributes,
	}
	tx.OnCommit(c.wakeSweep)
	return tx.Replace(ended)
}

// loadDynamic finds the dynamic policies again at start.
func (c *CSE) loadDynamic(r store.Reader, rec *store.Record) error {
	if rec.Origin != c.Home.ID() {
		return nil
	}
	data, err := r.Setting(dynamicName(rec.ID))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var l dynamicLink
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	c.dynamic.set(rec.ID, l)
	return nil
}
