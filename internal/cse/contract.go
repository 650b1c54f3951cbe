package cse

import (
	"context"
	"fmt"
	"strconv"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The service subscription data of the SP are on the IN-CSE. Another CSE that
// holds registrations against them asks for those that are about itself (TS-0001
// clause 10.2.2.2 step 003, S-107): first which <serviceSubscribedNode> names it,
// then that and the rules it links to. They count for as long as other copies.

// missedContract stands, among what a decision has to ask for, for these data.
const missedContract = "contract"

// Bounds of what is asked for.
const (
	maxForeignNodes = 4  // that name one CSE
	maxForeignRules = 64 // that they link to: each is one request
)

// contracted returns the rules for registrations here that the IN-CSE has. It
// fails with 4103 for now where they have to be asked for, and with 4128 where
// there are none or they can't be had (C-196).
func (k *call) contracted(r store.Reader) ([]*appRule, error) {
	central := k.c.central()
	none := onem2m.Errorf(onem2m.ServiceSubscriptionNotEstablished, "", "no service subscription for this CSE is known")
	if central == "" || k.c.Carrier == nil {
		return nil, none
	}
	key := missedContract + " " + string(central)
	f, known := k.c.copies.Get(key, k.now)
	switch {
	case !known && k.curious:
		k.missed.add(key)
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "the IN-CSE is asked for the service subscription")
	case f == nil || !f.contract:
		return nil, none
	}
	return f.rules, nil
}

// fetchContract asks the IN-CSE.
func (c *CSE) fetchContract(ctx context.Context, central onem2m.ID) (*foreign, error) {
	f := &foreign{}
	nodes, err := c.foreignNodes(ctx, central)
	if err != nil {
		c.Log.WarnContext(ctx, "the IN-CSE doesn't tell the service subscription", "central", string(central), "err", err)
		return nil, err
	}
	for _, address := range nodes {
		node, err := c.foreignContent(ctx, central, address, "m2m:svsn")
		if err != nil {
			c.Log.WarnContext(ctx, "a service subscription is left out", "resource", address, "err", err)
			return nil, err
		}
		csi, _ := node.Text("csi")
		if id, _, err := c.Home.ParseID(csi); err != nil || id != c.Home.ID() {
			continue
		}
		f.contract = true
		links, _ := node.Texts("rlk")
		if len(f.rules)+len(links) > maxForeignRules {
			c.Log.WarnContext(ctx, "not all rules of a service subscription are asked for", "resource", address, "bound", maxForeignRules)
			links = links[:maxForeignRules-len(f.rules)]
		}
		for _, l := range links {
			rule, err := c.foreignContent(ctx, central, l, "m2m:asar")
			if err != nil { // it admits nobody
				c.Log.WarnContext(ctx, "a rule of the service subscription is left out", "resource", l, "err", err)
				continue
			}
			f.rules = append(f.rules, newAppRule(l, rule))
		}
	}
	return f, nil
}

// foreignNodes finds the <serviceSubscribedNode>s that name this CSE, in either
// form of its CSE-ID.
func (c *CSE) foreignNodes(ctx context.Context, central onem2m.ID) ([]string, error) {
	var found []string
	for _, csi := range []string{c.Home.CSE, string(c.Home.ID())} {
		usage, limit := int64(onem2m.UsageDiscovery), int64(maxForeignNodes)
		res := c.askAs(ctx, &onem2m.Request{
			Operation: onem2m.Retrieve, To: central.Across(c.Home) + "/-",
			Filter: &onem2m.FilterCriteria{
				FilterUsage: &usage, Limit: &limit, Types: []onem2m.ResourceType{onem2m.TypeServiceSubscribedNode},
				Attributes: []onem2m.AttributeCondition{{Name: "csi", Value: csi}},
			},
		})
		if res.Code != onem2m.OK {
			return nil, onem2m.Errorf(res.Code, "", "the IN-CSE answers %d", res.Code)
		}
		if res.Content == nil {
			continue
		}
		list, _ := onem2m.TextsOf(res.Content.Value)
		found = append(found, list[:min(len(list), maxForeignNodes)]...)
	}
	return found, nil
}

// foreignContent retrieves a resource of the IN-CSE.
func (c *CSE) foreignContent(ctx context.Context, central onem2m.ID, address, root string) (onem2m.Object, error) {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	if a.CSE == "" {
		address = central.Across(c.Home) + "/" + address
	} else if a.Host(c.Home) != central {
		return nil, fmt.Errorf("%s isn't of the IN-CSE", address)
	}
	res := c.askAs(ctx, &onem2m.Request{Operation: onem2m.Retrieve, To: address})
	if res.Code != onem2m.OK || res.Content == nil || res.Content.Name != root || len(res.Content.Value) > maxForeignSize {
		return nil, onem2m.Errorf(res.Code, "", "the IN-CSE answers %d", res.Code)
	}
	return onem2m.ParseObject(res.Content.Value)
}

// askAs sends a request of this CSE for what a decision needs.
func (c *CSE) askAs(ctx context.Context, req *onem2m.Request) *onem2m.Response {
	req.From, req.HasFrom, req.Release = c.Home.CSE, true, "3"
	req.RequestID = string(c.names.appendTail([]byte("p-"), markLength))
	req.RequestExpiration = strconv.FormatInt(foreignPatience.Milliseconds(), 10)
	return c.relay(ctx, req)
}
