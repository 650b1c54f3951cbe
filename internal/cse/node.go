package cse

import (
	"errors"
	"slices"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func nodeProcedures() *procedures {
	return &procedures{check: checkNode, created: createdNode, update: updateNode, remove: removeNode}
}

// checkNode: a list of hosted entities holds at least one (C-413). The node of
// this CSE is the operator's.
func checkNode(k *call, r store.Reader, s *subject) error {
	for _, name := range []string{"hael", "hsl"} {
		if list, ok := k.draft.attrs.Texts(name); ok && len(list) == 0 {
			return onem2m.Errorf(onem2m.BadRequest, name, "an empty list; leave the attribute out")
		}
	}
	return k.checkOwnNode(r, s)
}

// removeNode takes the links to a node that goes out of what it hosted.
func removeNode(c *CSE, tx store.Tx, node *store.Record) error {
	if err := c.leaveNode(tx, node.RI); err != nil {
		return err
	}
	attrs := attributes(node)
	hosted, _ := attrs.Texts("hael")
	if link, ok := attrs.Text("hcl"); ok {
		hosted = append(slices.Clip(hosted), link)
	}
	for _, text := range hosted {
		rec, err := c.hostedEntity(tx, text)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		link, ok := attributes(rec).Text("nl")
		if !ok {
			continue
		}
		target, err := c.nodeOf(tx, link)
		if err != nil {
			return err
		}
		if target != nil && target.ID != node.ID {
			continue // it has moved to another node
		}
		if err := c.amend(tx, rec, c.Home.ID(), onem2m.Object{{Name: "nl", Value: onem2m.NullValue()}}); err != nil {
			return err
		}
	}
	return nil
}

// hostedEntity finds the <AE> or <remoteCSE> that an entry of hael or hcl
// names; nil if there is none here.
func (c *CSE) hostedEntity(r store.Reader, text string) (*store.Record, error) {
	address, err := onem2m.ParseAddress(text)
	if err != nil {
		return nil, nil //nolint:nilerr // what an originator wrote into the list may be anything
	}
	path, ok := c.hosted(address)
	if !ok {
		return nil, nil
	}
	t, err := c.resolve(r, path, onem2m.TimestampOf(c.Now()))
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeAE && t.rec.Type != onem2m.TypeRemoteCSE {
		return nil, nil
	}
	return t.rec, nil
}

// unlessMissing keeps every error but 4004.
func unlessMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) || onem2m.AsError(err).Code == onem2m.NotFound {
		return nil
	}
	return err
}

// nodeOf returns the <node> that a nodeLink leads to; nil if it isn't here.
func (c *CSE) nodeOf(r store.Reader, link string) (*store.Record, error) {
	address, err := onem2m.ParseAddress(link)
	if err != nil || address.Attribute != "" || !address.Local(c.Home) {
		return nil, nil //nolint:nilerr // a link that isn't one leads nowhere
	}
	t, err := c.resolve(r, address.Path, onem2m.TimestampOf(c.Now()))
	if err != nil {
		return nil, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeNode {
		return nil, nil
	}
	return t.rec, nil
}

// nodeLink returns the nodeLink given; nil without one.
func (k *call) nodeLink() (*onem2m.Address, error) {
	link, given := k.draft.attrs.Text("nl")
	if !given {
		return nil, nil
	}
	address, err := onem2m.ParseAddress(link)
	if err != nil || address.Attribute != "" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "nl", "not a resource identifier")
	}
	return &address, nil
}

// checkNodeLink: the nodeLink of an <AE> leads to a <node> (C-202). One on
// another CSE can't be looked at and is kept as it is.
func (k *call) checkNodeLink(r store.Reader) error {
	address, err := k.nodeLink()
	if err != nil || address == nil || !address.Local(k.c.Home) {
		return err
	}
	link, _ := k.draft.attrs.Text("nl")
	node, err := k.c.nodeOf(r, link)
	if err == nil && node == nil {
		err = onem2m.Errorf(onem2m.BadRequest, "nl", "no such node")
	}
	return err
}

// maxHosted bounds hostedAELinks: the list is written again with every entry.
const maxHosted = 10_000

// host enters an <AE> or <remoteCSE> into the list of the node that it links to
// (C-202, C-413).
func (c *CSE) host(tx store.Tx, link, ri string, ty onem2m.ResourceType, who onem2m.ID) error {
	node, err := c.nodeOf(tx, link)
	if err != nil || node == nil {
		return err
	}
	if ty == onem2m.TypeRemoteCSE {
		return c.amend(tx, node, who, onem2m.Object{{Name: "hcl", Value: onem2m.TextValue(ri)}})
	}
	list, _ := attributes(node).Texts("hael")
	if slices.Contains(list, ri) {
		return nil
	}
	if len(list) >= maxHosted {
		return onem2m.Errorf(onem2m.NotAcceptable, "nl", "the node hosts too many AEs")
	}
	list = append(slices.Clip(list), ri)
	return c.amend(tx, node, who, onem2m.Object{{Name: "hael", Value: onem2m.TextsValue(list)}})
}

// unhost takes it out again.
func (c *CSE) unhost(tx store.Tx, link, ri string, ty onem2m.ResourceType, who onem2m.ID) error {
	node, err := c.nodeOf(tx, link)
	if err != nil || node == nil {
		return err
	}
	attrs := attributes(node)
	if ty == onem2m.TypeRemoteCSE {
		if is, ok := attrs.Text("hcl"); !ok || is != ri {
			return nil
		}
		return c.amend(tx, node, who, onem2m.Object{{Name: "hcl", Value: onem2m.NullValue()}})
	}
	list, _ := attrs.Texts("hael")
	at := slices.Index(list, ri)
	if at < 0 {
		return nil
	}
	list = slices.Delete(list, at, at+1)
	left := onem2m.NullValue() // the list never is empty
	if len(list) > 0 {
		left = onem2m.TextsValue(list)
	}
	return c.amend(tx, node, who, onem2m.Object{{Name: "hael", Value: left}})
}

// hostCreated enters a new <AE> or <remoteCSE> at its node.
func hostCreated(k *call, tx store.Tx, s *subject) error {
	k.listens(tx, s)
	link, ok := s.attrs.Text("nl")
	if !ok {
		return nil
	}
	return k.c.host(tx, link, s.ri, s.info.Type, s.origin)
}

// hostUpdated moves an <AE> or <remoteCSE> from one node to another.
func hostUpdated(k *call, tx store.Tx, s *subject) error {
	if slices.Contains(s.touched, "poa") {
		k.listens(tx, s)
	}
	was, _ := attributes(s.old).Text("nl")
	is, _ := s.attrs.Text("nl")
	if was == is {
		return nil
	}
	if was != "" {
		if err := k.c.unhost(tx, was, s.ri, s.info.Type, k.from.ID); err != nil {
			return err
		}
	}
	if is == "" {
		return nil
	}
	return k.c.host(tx, is, s.ri, s.info.Type, k.from.ID)
}

// hostRemoved takes an <AE> or <remoteCSE> that goes out of its node's list.
func hostRemoved(c *CSE, tx store.Tx, rec *store.Record) error {
	link, ok := attributes(rec).Text("nl")
	if !ok {
		return nil
	}
	return c.unhost(tx, link, rec.RI, rec.Type, c.Home.ID())
}
