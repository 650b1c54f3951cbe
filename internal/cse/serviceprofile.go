package cse

import (
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// subscribedSetting is the name under which a store keeps that registrations
// are held against service subscription data. It outlives a profile that
// expires: a contract that runs out must not open the door to everybody.
const subscribedSetting = "service-subscription"

func serviceProfileProcedures() *procedures {
	return &procedures{created: createdServiceProfile, remove: removeServiceProfile}
}

// createdServiceProfile: from the first profile on, who registers needs a rule
// (S-116, decision 18).
func createdServiceProfile(k *call, tx store.Tx, _ *subject) error {
	k.c.contracts.Store(true)
	return tx.SetSetting(subscribedSetting, []byte{1})
}

// removeServiceProfile ends that with the last profile, if somebody removed it.
func removeServiceProfile(c *CSE, tx store.Tx, rec *store.Record) error {
	if expired(rec, onem2m.TimestampOf(c.Now())) {
		return nil
	}
	list, err := tx.OfType(onem2m.TypeM2mServiceSubscriptionProfile, 0, 2)
	if err != nil {
		return err
	}
	for _, other := range list {
		if other.ID != rec.ID {
			return nil
		}
	}
	return tx.SetSetting(subscribedSetting, nil)
}

// subscribed reports whether registrations are held against service
// subscription data (S-116).
func (c *CSE) subscribed(r store.Reader) (bool, error) {
	if c.RequireSubscription {
		return true, nil
	}
	if !c.contracts.Load() { // each request that claims a role asks
		return false, nil
	}
	_, err := r.Setting(subscribedSetting)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func subscribedNodeProcedures() *procedures {
	return &procedures{check: checkSubscribedNode}
}

// maxRuleLinks bounds ruleLinks: each is looked up in every registration.
const maxRuleLinks = 1000

// checkSubscribedNode: rules are for a CSE (S-104, C-452), and what can't be
// enforced isn't kept.
func checkSubscribedNode(k *call, _ store.Reader, s *subject) error {
	if wanted, _ := s.attrs.Bool("nrq"); wanted {
		return onem2m.Errorf(onem2m.NotImplemented, "nrq", "there is no 3GPP network to deliver by")
	}
	csi, given := s.attrs.Text("csi")
	if given {
		id, form, err := k.c.Home.ParseID(csi)
		if err != nil || form == onem2m.FormStem || id.Registrar() != "" {
			return onem2m.Errorf(onem2m.BadRequest, "csi", "not a CSE-ID")
		}
	}
	links, linked := s.attrs.Texts("rlk")
	switch {
	case linked && !given:
		return onem2m.Errorf(onem2m.BadRequest, "rlk", "rules apply to a CSE, and none is named")
	case len(links) > maxRuleLinks:
		return onem2m.Errorf(onem2m.BadRequest, "rlk", "more than %d rules", maxRuleLinks)
	}
	for _, l := range linksTo(links) {
		if !l.valid || l.address.Attribute != "" {
			return onem2m.Errorf(onem2m.BadRequest, "rlk", "not a resource identifier")
		}
	}
	return nil
}

// subscribedNode is what a <serviceSubscribedNode> says about registrations.
type subscribedNode struct {
	cse   onem2m.ID // "" if the node has no CSE
	rules []link
}

// subscribedNode reads such a resource, once per version.
func (c *CSE) subscribedNode(rec *store.Record) *subscribedNode {
	return rec.Derive(store.FacetType, func(rec *store.Record) any {
		n := &subscribedNode{}
		csi, _ := attributes(rec).Text("csi")
		id, _, err := c.Home.ParseID(csi)
		if err != nil {
			return n
		}
		links, _ := attributes(rec).Texts("rlk")
		n.cse, n.rules = id, linksTo(links)
		return n
	}).(*subscribedNode)
}

// appRules returns the rules for registrations at a CSE: those of every
// <serviceSubscribedNode> that names it. It fails with 4128 if none does
// (S-099). A CSE that isn't the IN-CSE keeps no such data, and asks that.
func (k *call) appRules(r store.Reader, registrar onem2m.ID) ([]*appRule, error) {
	if k.c.Type != IN {
		return k.contracted(r)
	}
	return k.c.appRules(r, registrar, k.now)
}

func (c *CSE) appRules(r store.Reader, registrar onem2m.ID, now onem2m.Timestamp) ([]*appRule, error) {
	var rules []*appRule
	found, after := false, int64(0)
	for {
		list, err := r.OfType(onem2m.TypeServiceSubscribedNode, after, 500)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			break
		}
		for _, rec := range list {
			after = rec.ID
			node := c.subscribedNode(rec)
			if node.cse != registrar || c.alive(r, rec, now) != nil {
				continue
			}
			found = true
			for _, l := range node.rules {
				rule, err := c.linkedRule(r, l, now)
				if err != nil {
					return nil, err
				}
				if rule != nil {
					rules = append(rules, rule)
				}
			}
		}
	}
	if !found {
		return nil, onem2m.Errorf(onem2m.ServiceSubscriptionNotEstablished, "", "there is no service subscription for this CSE")
	}
	return rules, nil
}

// linkedRule reads one entry of ruleLinks; nil if it leads to no rule, which
// then admits nobody.
func (c *CSE) linkedRule(r store.Reader, l link, now onem2m.Timestamp) (*appRule, error) {
	if !l.valid || !l.address.Local(c.Home) {
		return nil, nil
	}
	t, err := c.resolve(r, l.address.Path, now)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeServiceSubscribedAppRule {
		return nil, nil
	}
	return appRuleOf(t.rec), nil
}
