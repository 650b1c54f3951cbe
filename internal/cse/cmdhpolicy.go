package cse

import (
	"context"
	"slices"

	"bulwark/internal/cmdh"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// handling is what Communication Management and Delivery Handling does with a
// request that is forwarded.
type handling struct {
	policy *cmdh.Policy // the active one; nil if there is none
	item   cmdh.Item
}

// checkDelivery holds a request that has to be forwarded against the CMDH policy
// of this CSE, and gives it the parameters that the policy has for it (row 9;
// TS-0004 clause H.2.3). What is for this CSE, or for an AE registered here, is
// none of its business (clause H.2.1).
func (k *call) checkDelivery(ctx context.Context) error {
	if _, ok := k.c.hosted(k.address); ok {
		return nil
	}
	var policy *cmdh.Policy
	m := cmdh.Message{Originated: k.now}
	err := k.c.Store.Read(ctx, func(r store.Reader) (err error) {
		if policy, err = k.c.deliveryPolicy(r, k.now); err != nil || policy == nil {
			return err
		}
		m.Origin, err = k.c.deliveryOrigin(r, k.from.ID, k.now)
		return err
	})
	if err != nil {
		return err
	}
	if policy == nil { // no limits; nothing to fill in that isn't so by default (C-188)
		if da := k.req.DeliveryAggregate; da != nil && *da { // TS-0004 clause 7.4.11.1
			m.Category = cmdh.BestEffort
			if ec := k.req.EventCategory; ec != nil {
				m.Category = *ec
			}
			m.Aggregate = da
			k.handle(nil, m)
		}
		return nil
	}
	if err := k.readDelivery(&m); err != nil {
		return err
	}
	policy.Fill(&m)
	if err := policy.Check(&m); err != nil {
		return err
	}
	if _, err = policy.Deliverable(&m, k.now); err != nil {
		return err
	}
	k.fillDelivery(m)
	k.handle(policy, m)
	return k.c.depot.Check(policy, k.handled.item.Entry)
}

// readDelivery reads the CMDH parameters of the request, as absolute times. That
// they can be read has been seen before.
func (k *call) readDelivery(m *cmdh.Message) error {
	if t, err := onem2m.ParseTimestamp(k.req.OriginatingTimestamp); err == nil {
		m.Originated = t
	}
	if ec := k.req.EventCategory; ec != nil {
		m.Category = *ec
	}
	if err := checkCategory(k.req.EventCategory); err != nil {
		return err
	}
	m.Aggregate = k.req.DeliveryAggregate
	for _, p := range []struct {
		text string
		at   *onem2m.Timestamp
	}{
		{k.req.RequestExpiration, &m.RequestExpiration},
		{k.req.ResultExpiration, &m.ResultExpiration},
		{k.req.ExecutionTime, &m.Execution},
		{k.req.ResultPersistence, &m.Persistence},
	} {
		if t, err := onem2m.ParseAbsRel(p.text, m.Originated); p.text != "" && err == nil {
			*p.at = t
		}
	}
	return nil
}

// fillDelivery puts the parameters of a message into the request. What has no
// end, and what begins at once, is left out: it says the same. A NOTIFY takes no
// Result Persistence, see checkParameters.
func (k *call) fillDelivery(m cmdh.Message) {
	if k.req.Operation == onem2m.Notify {
		m.Persistence = 0
	}
	req := *k.req // the caller's stays as it is
	req.EventCategory, req.DeliveryAggregate = &m.Category, m.Aggregate
	for _, p := range []struct {
		text *string
		at   onem2m.Timestamp
	}{
		{&req.RequestExpiration, m.RequestExpiration},
		{&req.ResultExpiration, m.ResultExpiration},
		{&req.ExecutionTime, m.Execution},
		{&req.ResultPersistence, m.Persistence},
	} {
		if *p.text == "" && p.at > m.Originated && p.at != cmdh.Infinite {
			*p.text = p.at.String()
		}
	}
	if req.OriginatingTimestamp == "" {
		req.OriginatingTimestamp = m.Originated.String()
	}
	if k.req.RequestExpiration == "" && req.RequestExpiration != "" {
		k.expires = m.RequestExpiration
	}
	if k.req.ExecutionTime == "" && req.ExecutionTime != "" {
		k.execute = m.Execution
	}
	k.req = &req
}

// deliveryOrigin tells what a policy can know of an originator.
func (c *CSE) deliveryOrigin(r store.Reader, who onem2m.ID, now onem2m.Timestamp) (cmdh.Origin, error) {
	o := cmdh.Origin{ID: who, Own: who == c.Home.ID()}
	if !c.registry(r, now).AERegistered(who) {
		return o, nil
	}
	rec, err := r.ByRI(who.Stem())
	if err != nil {
		return o, unlessMissing(err)
	}
	o.Local = true
	o.App, _ = attributes(rec).Text("api")
	return o, nil
}

// deliveryPolicy reads the active [cmdhPolicy] of the <node> that stands for the
// node of this CSE (C-192); nil if there is none.
func (c *CSE) deliveryPolicy(r store.Reader, now onem2m.Timestamp) (*cmdh.Policy, error) {
	base, err := r.ByID(baseID)
	if err != nil {
		return nil, err
	}
	link, ok := attributes(base).Text("nl")
	if !ok {
		return nil, nil //nolint:nilnil // no policy is a policy
	}
	node, err := c.nodeOf(r, link)
	if err != nil || node == nil {
		return nil, err
	}
	var active *store.Record
	err = c.eachPart(r, node, now, func(rec *store.Record, definition int64) error {
		if definition == cmdh.DefinitionActive {
			active = rec
		}
		return nil
	})
	if err != nil || active == nil {
		return nil, err
	}
	chosen, _ := attributes(active).Text("acmlk")
	whole, err := c.policyAt(r, node, chosen, now)
	if err != nil || whole == nil {
		return nil, err
	}
	p := &cmdh.Policy{}
	return p, c.readDeliveryPolicy(r, node, whole, now, p)
}

// policyAt returns the [cmdhPolicy] of a node that a link names; nil if it
// doesn't.
func (c *CSE) policyAt(r store.Reader, node *store.Record, link string, now onem2m.Timestamp) (*store.Record, error) {
	address, err := onem2m.ParseAddress(link)
	if err != nil || !address.Local(c.Home) {
		return nil, nil //nolint:nilerr,nilnil // leads nowhere
	}
	t, err := c.resolve(r, address.Path, now)
	if err != nil {
		return nil, unlessMissing(err)
	}
	info := c.infoOf(t.rec)
	if t.virtual != "" || t.rec.Parent != node.ID || info == nil || info.MgmtDefinition != cmdh.DefinitionPolicy {
		return nil, nil //nolint:nilnil // something else
	}
	return t.rec, nil
}

// readDeliveryPolicy reads everything below a [cmdhPolicy].
func (c *CSE) readDeliveryPolicy(r store.Reader, node, rec *store.Record, now onem2m.Timestamp, p *cmdh.Policy) error {
	return c.eachPart(r, rec, now, func(part *store.Record, definition int64) error {
		switch definition {
		case cmdh.DefinitionDefaults:
			return c.readDeliveryPolicy(r, node, part, now, p)
		case cmdh.DefinitionAccess:
			var rules []cmdh.AccessRule
			err := c.eachPart(r, part, now, func(rule *store.Record, definition int64) error {
				if definition != cmdh.DefinitionAccessRule {
					return nil
				}
				schedule, err := c.linkedSchedule(r, node, rule, now)
				rules = append(rules, cmdh.ReadAccessRule(attributes(rule), schedule))
				return err
			})
			p.Access = append(p.Access, cmdh.ReadAccess(attributes(part), rules))
			return err
		}
		p.Add(c.Home, definition, attributes(part))
		return nil
	})
}

// linkedSchedule reads the <schedule> of the node that a [cmdhNwAccessRule]
// links to. One that isn't there allows nothing.
func (c *CSE) linkedSchedule(r store.Reader, node, rule *store.Record, now onem2m.Timestamp) ([]*onem2m.Schedule, error) {
	link, _ := attributes(rule).Object("cmlk")
	text, _ := link.Text("val")
	address, err := onem2m.ParseAddress(text)
	if err != nil || !address.Local(c.Home) {
		return nil, nil //nolint:nilerr // leads nowhere
	}
	t, err := c.resolve(r, address.Path, now)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeSchedule || t.rec.Parent != node.ID {
		return nil, nil
	}
	return entries(t.rec), nil
}

// eachPart calls fn for the unexpired <mgmtObj> children of a resource.
func (c *CSE) eachPart(r store.Reader, rec *store.Record, now onem2m.Timestamp, fn func(*store.Record, int64) error) error {
	return c.eachChild(r, rec.ID, 0, now, func(child *store.Record) (bool, error) {
		if child.Type != onem2m.TypeMgmtObj {
			return true, nil
		}
		if info := c.infoOf(child); info != nil {
			if err := fn(child, info.MgmtDefinition); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// checkDeliveryPart checks a part of a CMDH policy: its values, that no sibling
// is for the same Event Category (TS-0001 clauses D.12.4 to D.12.8), and that
// the active policy is one, and is there (C-192).
func (k *call) checkDeliveryPart(r store.Reader, s *subject) error {
	definition := s.info.MgmtDefinition
	if err := cmdh.Vet(definition, s.attrs); err != nil {
		return err
	}
	if definition == cmdh.DefinitionActive {
		link, _ := s.attrs.Text("acmlk")
		whole, err := k.c.policyAt(r, s.parent, link, k.now)
		if err != nil {
			return err
		}
		if whole == nil {
			return onem2m.Errorf(onem2m.BadRequest, "acmlk", "no CMDH policy of this node")
		}
	}
	name, categories := cmdh.Categories(definition, s.attrs)
	if name == "" && definition != cmdh.DefinitionActive {
		return nil
	}
	return k.c.eachPart(r, s.parent, k.now, func(other *store.Record, is int64) error {
		if is != definition || other.ID == s.id {
			return nil
		}
		if definition == cmdh.DefinitionActive {
			return onem2m.Errorf(onem2m.BadRequest, "mgd", "the node has an active CMDH policy already")
		}
		_, taken := cmdh.Categories(definition, attributes(other))
		for _, c := range categories {
			if slices.Contains(taken, c) {
				return onem2m.Errorf(onem2m.BadRequest, name, "another resource is for Event Category %d", c)
			}
		}
		return nil
	})
}
