package cse

import (
	"context"
	"sync"
	"sync/atomic"

	"bulwark/access"
	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// An <accessControlPolicyAnnc> is the policy of another CSE, kept here by that CSE
// (TS-0001 clauses 9.6.2 and 9.6.26.3): its selfPrivileges decide about the copy
// itself, as those of the original do there, and its privileges about the copies
// here that link to the original. So copies can be read by those who may read their
// originals while this CSE may not, or can't, ask for the policy. Resources of this
// CSE that link to it don't rely on the copy, which nobody confirms while its CSE
// is out of reach: for them the original is asked for. What is in the rules is
// relative to the CSE that announces.

// maxAnnouncedPolicies is how many are found by their original; one CSE gets about
// as many as it leaves free. For what is beyond that the CSE of the original is
// asked, as for policies that nobody announces.
const maxAnnouncedPolicies = 20_000

// announcedPolicies finds them by the address of their original. It is a view of
// the committed store: what is found is read again.
type announcedPolicies struct {
	some atomic.Bool // whether there are any, so that decisions without them look no further

	mu   sync.RWMutex // guards what follows
	all  map[string]announcedPolicy
	each map[onem2m.ID]int // by the CSE that announces
}

// announcedPolicy is where one is, and whose.
type announcedPolicy struct {
	ri   string
	host onem2m.ID
}

func (p *announcedPolicies) set(original, ri string, host onem2m.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all, p.each = map[string]announcedPolicy{}, map[onem2m.ID]int{}
	}
	if _, known := p.all[original]; !known {
		if p.each[host] >= maxAnnouncedPolicies-len(p.all) {
			return
		}
		p.each[host]++
	}
	p.all[original] = announcedPolicy{ri, host} // an original has one host
	p.some.Store(true)
}

func (p *announcedPolicies) drop(original, ri string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.all[original]; one.ri == ri && ri != "" {
		delete(p.all, original)
		lower(p.each, one.host)
	}
	p.some.Store(len(p.all) > 0)
}

func (p *announcedPolicies) get(original string) (ri string, ok bool) {
	if !p.some.Load() {
		return "", false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	one, ok := p.all[original]
	return one.ri, ok
}

func announcedPolicyProcedures() *procedures {
	p := announcedProcedures()
	p.created = func(k *call, tx store.Tx, s *subject) error {
		k.c.noteAnnouncedPolicy(tx, s.attrs, s.ri)
		return nil
	}
	p.update = func(k *call, tx store.Tx, s *subject) error {
		k.c.forgetAnnouncedPolicy(tx, s.old)
		k.c.noteAnnouncedPolicy(tx, s.attrs, s.ri)
		return updateAnnounced(k, tx, s)
	}
	p.remove = func(c *CSE, tx store.Tx, rec *store.Record) error {
		c.forgetAnnouncedPolicy(tx, rec)
		return nil
	}
	return p
}

// originalKey is the address of the original of a copy, "" without one.
func (c *CSE) originalKey(attrs onem2m.Object) string {
	link, _ := attrs.Text("lnk")
	a, err := onem2m.ParseAddress(link)
	if err != nil || a.CSE == "" {
		return ""
	}
	return c.foreignKey(a)
}

func (c *CSE) noteAnnouncedPolicy(tx store.Tx, attrs onem2m.Object, ri string) {
	if key := c.originalKey(attrs); key != "" {
		host := c.announcer(attrs)
		tx.OnCommit(func() { c.announcedPolicies.set(key, ri, host) })
	}
}

func (c *CSE) forgetAnnouncedPolicy(tx store.Tx, rec *store.Record) {
	key, ri := c.originalKey(attributes(rec)), rec.RI
	tx.OnCommit(func() { c.announcedPolicies.drop(key, ri) })
}

// loadAnnouncedPolicies finds them again at start.
func (c *CSE) loadAnnouncedPolicies(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		for after := int64(0); ; {
			page, err := r.OfType(onem2m.TypeAccessControlPolicyAnnc, after, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				after = rec.ID
				if key := c.originalKey(attributes(rec)); key != "" {
					c.announcedPolicies.set(key, rec.RI, c.announcer(attributes(rec)))
				}
			}
		}
	})
}

// announcedPolicy is linkedPolicy for an entry of a copy, where the policy is that
// of another CSE that announces it here. One of a CSE that no way leads to any more counts for nothing, as whatever
// else is known of it.
func (c *CSE) announcedPolicy(r store.Reader, l *link, self bool, now onem2m.Timestamp) (access.Source, bool) {
	if !c.announcedPolicies.some.Load() {
		return access.Source{}, false
	}
	if !l.valid || l.address.Local(c.Home) {
		return access.Source{}, false
	}
	key := c.foreignKey(l.address)
	ri, ok := c.announcedPolicies.get(key)
	if !ok {
		return access.Source{}, false
	}
	t, err := c.resolve(r, []string{ri}, now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeAccessControlPolicyAnnc || c.originalKey(attributes(t.rec)) != key {
		return access.Source{}, false
	}
	return c.copiedRules(t.rec, l.text, self, now)
}

// copiedRules are the rules of an announced policy.
func (c *CSE) copiedRules(rec *store.Record, name string, self bool, now onem2m.Timestamp) (access.Source, bool) {
	if _, err := c.peers.Next(c.announcer(attributes(rec)), federation.Arrival{}, now); err != nil {
		return access.Source{}, false
	}
	g := c.guard(rec)
	switch {
	case !g.readable:
		return access.Source{}, false
	case self:
		return access.Source{Name: name, Policy: g.pvs}, true
	}
	return access.Source{Name: name, Policy: g.pv}, true
}

// guardCopied reads the rules of an announced policy, which are its CSE's.
func (c *CSE) guardCopied(g *guard, attrs onem2m.Object) {
	host := c.announcer(attrs)
	there := onem2m.Home{SP: host.SP(), CSE: host.SPRelative()}
	var err1, err2 error
	g.pv, err1 = foreignRules(there, attrs.Get("pv"), "pv")
	g.pvs, err2 = foreignRules(there, attrs.Get("pvs"), "pvs")
	g.readable = host != "" && err1 == nil && err2 == nil
}
