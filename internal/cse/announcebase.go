package cse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"bulwark/internal/announcement"
	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// announceAt makes a copy of a resource: below the copy of the parent, else below
// the <CSEBaseAnnc> of this CSE, else where the target says (C-389).
func (c *CSE) announceAt(ctx context.Context, rec, parent *store.Record, target announcement.Target, sent onem2m.Object) (copyMade, error) {
	if target.To != "" {
		return c.createCopy(ctx, rec, target.Host, target.To, sent)
	}
	if to := announcement.On(c.Home, attributes(parent), target.Host); to != "" {
		made, err := c.createCopy(ctx, rec, target.Host, to, sent)
		if err == nil || onem2m.AsError(err).Code != onem2m.NotFound {
			return made, err
		}
		if gone := c.forgetCopy(ctx, parent.ID, to); gone != nil || store.Bulk(rec.Type) {
			return copyMade{}, cmp.Or(gone, err)
		}
	}
	to, kept, err := c.baseAt(ctx, target.Host)
	if err != nil {
		return copyMade{}, err
	}
	made, err := c.createCopy(ctx, rec, target.Host, to, sent)
	if !kept || err == nil || onem2m.AsError(err).Code != onem2m.NotFound {
		return made, err
	}
	if to, err = c.makeBase(ctx, target.Host); err != nil { // it has gone there
		return copyMade{}, err
	}
	return c.createCopy(ctx, rec, target.Host, to, sent)
}

// forgetCopy takes the address of a copy that has gone on its CSE out of the
// announceTo of its original.
func (c *CSE) forgetCopy(ctx context.Context, original int64, address string) error {
	return c.Store.Update(ctx, func(tx store.Tx) error {
		return dropCopy(tx, &arrear{Copy: address, Original: original})
	})
}

// sendCopy sends the CREATE of a copy (C-391, C-392) and returns its address.
func (c *CSE) sendCopy(ctx context.Context, rec *store.Record, host onem2m.ID, to string, sent onem2m.Object) (string, error) {
	attrs := announcement.Widened(sent, c.Home, host)
	link := c.reference(rec.RI)
	if rec.ID == baseID {
		link = c.Home.CSE + "/" + c.Home.Name
		attrs.Set("et", onem2m.TimeValue(onem2m.TimestampOf(c.Now().Add(c.Timing.DefaultExpiration))))
	}
	attrs.Set("lnk", onem2m.TextValue(announcement.Address(link, c.Home, host)))
	copies := c.variant(c.infoOf(rec))
	ty := int64(copies.Type)
	res, err := c.toCopy(ctx, host, &onem2m.Request{
		Operation: onem2m.Create, To: to, Type: &ty, Content: &onem2m.Content{Name: copies.Root, Value: attrs.Append(nil)},
	})
	if err != nil {
		return "", err
	}
	ri, err := made(res)
	if err != nil {
		return "", err
	}
	return c.there(ri, host)
}

// made returns the resourceID of what a CREATE on another CSE has made.
func made(res *onem2m.Response) (string, error) {
	if res.Content == nil {
		return "", errors.New("the answer doesn't tell what was made")
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return "", err
	}
	ri, ok := o.Text("ri")
	if !ok {
		return "", errors.New("the answer doesn't tell what was made")
	}
	return ri, nil
}

// there is the address of a resource on another CSE as it is used here. What
// that CSE says is believed of its own resources alone: this one sends UPDATE
// and DELETE there.
func (c *CSE) there(ri string, host onem2m.ID) (string, error) {
	if !strings.HasPrefix(ri, "/") {
		ri = host.Across(c.Home) + "/" + ri
	}
	a, err := onem2m.ParseAddress(ri)
	if err != nil || len(a.Path) == 0 || a.Attribute != "" || a.Host(c.Home) != host {
		return "", errors.New("the answer names no resource of that CSE")
	}
	return ri, nil
}

func baseName(host onem2m.ID) string { return "announce/base" + string(host) }

// baseAt returns where the <CSEBaseAnnc> of this CSE is on another one, and makes
// it if there is none yet; kept says that it was there already.
func (c *CSE) baseAt(ctx context.Context, host onem2m.ID) (address string, kept bool, err error) {
	err = c.Store.Read(ctx, func(r store.Reader) error {
		data, err := r.Setting(baseName(host))
		address = string(data)
		return err
	})
	if err == nil {
		return address, true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", false, err
	}
	address, err = c.makeBase(ctx, host)
	return address, false, err
}

// makeBase creates the <CSEBaseAnnc> of this CSE on another one. One that is
// there although nothing here tells of it is found by its link.
func (c *CSE) makeBase(ctx context.Context, host onem2m.ID) (string, error) {
	var base *store.Record
	var sent onem2m.Object
	err := c.Store.Read(ctx, func(r store.Reader) (err error) {
		if base, err = r.ByID(baseID); err == nil {
			sent, err = c.projection(r, base)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	address, err := c.sendCopy(ctx, base, host, host.Across(c.Home)+"/-", sent)
	if err != nil && onem2m.AsError(err).Code == onem2m.Conflict {
		address, err = c.findBase(ctx, host)
	}
	if err != nil {
		return "", err
	}
	return address, c.Store.Update(ctx, func(tx store.Tx) error { return tx.SetSetting(baseName(host), []byte(address)) })
}

// findBase looks for the <CSEBaseAnnc> of this CSE on another one.
func (c *CSE) findBase(ctx context.Context, host onem2m.ID) (string, error) {
	usage, unstructured := int64(onem2m.UsageDiscovery), int64(2)
	link := announcement.Address(c.Home.CSE+"/"+c.Home.Name, c.Home, host)
	res, err := c.toCopy(ctx, host, &onem2m.Request{
		Operation: onem2m.Retrieve, To: host.Across(c.Home) + "/-", DesiredIDType: &unstructured,
		Filter: &onem2m.FilterCriteria{
			FilterUsage: &usage, Types: []onem2m.ResourceType{onem2m.TypeCSEBaseAnnc},
			Attributes: []onem2m.AttributeCondition{{Name: "lnk", Value: link}},
		},
	})
	if err != nil {
		return "", err
	}
	if res.Content != nil {
		if list, _ := onem2m.TextsOf(res.Content.Value); len(list) > 0 {
			return c.there(list[0], host)
		}
	}
	return "", errors.New("the <CSEBaseAnnc> isn't found")
}

// ownRequestID makes the identifier of a request of this CSE.
func (c *CSE) ownRequestID() string {
	return c.Home.ResourceID() + "-" + string(c.names.appendTail(nil, markLength))
}

// toCopy sends a request of this CSE about a copy. It fails with 5103 where no
// way leads to the CSE, and with the answer's code where that is no success.
func (c *CSE) toCopy(ctx context.Context, host onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	if _, err := c.peers.Next(host, federation.Arrival{}, onem2m.TimestampOf(c.Now())); err != nil {
		return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Subject: "to", Text: "no route to the CSE", Cause: fmt.Errorf("%w: %w", errNoWay, err)}
	}
	req.RequestID = c.ownRequestID()
	req.From, req.HasFrom, req.Release = c.Home.CSE, true, "3"
	res := c.relay(ctx, req)
	if res.Code.Success() {
		return res, nil
	}
	e := onem2m.Errorf(res.Code, "", "%s on another CSE", req.Operation)
	text := ""
	if res.Content != nil {
		text = string(res.Content.Value)
		e.Cause = errors.New(text)
	}
	if c.astray(res, host) {
		e.Code, e.Cause = onem2m.TargetNotReachable, fmt.Errorf("%w, says %s %s", errNoWay, res.From, text)
	}
	return nil, e
}

// errNoWay says that a request has not come to the CSE that it is for.
var errNoWay = errors.New("no way leads to the CSE")
