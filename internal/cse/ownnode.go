package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// hostsThis reports whether a hostedCSELink names this CSE.
func (c *CSE) hostsThis(attrs onem2m.Object) bool {
	text, ok := attrs.Text("hcl")
	if !ok {
		return false
	}
	address, err := onem2m.ParseAddress(text)
	if err != nil || address.Attribute != "" || !address.Local(c.Home) {
		return false
	}
	return len(address.Path) == 0 || len(address.Path) == 1 && c.namesBase(address.Path[0])
}

// checkOwnNode: one <node> stands for the node of this CSE, and only the
// administrator says which (C-226): its CMDH policy governs what the CSE sends.
func (k *call) checkOwnNode(r store.Reader, s *subject) error {
	if !k.draft.attrs.Has("hcl") {
		return nil
	}
	was := s.old != nil && k.c.hostsThis(attributes(s.old))
	is := k.c.hostsThis(s.attrs)
	if was == is {
		return nil
	}
	if !k.isAdmin() {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "the node of the CSE is the administrator's")
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "hcl", "only the administrator says which node this CSE is on")
	}
	if was {
		return nil
	}
	base, err := r.ByID(baseID)
	if err != nil {
		return err
	}
	link, ok := attributes(base).Text("nl")
	if !ok {
		return nil
	}
	node, err := k.c.nodeOf(r, link)
	if err == nil && node != nil && node.ID != s.id {
		err = onem2m.Errorf(onem2m.BadRequest, "hcl", "another node stands for that of this CSE")
	}
	return err
}

// createdNode links the CSEBase to its node (C-226).
func createdNode(k *call, tx store.Tx, s *subject) error {
	if !k.c.hostsThis(s.attrs) {
		return nil
	}
	base, err := tx.ByID(baseID)
	if err != nil {
		return err
	}
	return k.c.amend(tx, base, k.from.ID, onem2m.Object{{Name: "nl", Value: onem2m.TextValue(s.ri)}})
}

// updateNode links the CSEBase to its node, or no longer.
func updateNode(k *call, tx store.Tx, s *subject) error {
	switch was, is := k.c.hostsThis(attributes(s.old)), k.c.hostsThis(s.attrs); {
	case is && !was:
		return createdNode(k, tx, s)
	case was && !is:
		return k.c.leaveNode(tx, s.ri)
	}
	return nil
}

// leaveNode takes the link to a node out of the CSEBase, if it is there.
func (c *CSE) leaveNode(tx store.Tx, node string) error {
	base, err := tx.ByID(baseID)
	if err != nil {
		return err
	}
	if link, ok := attributes(base).Text("nl"); !ok || link != node {
		return nil
	}
	return c.amend(tx, base, c.Home.ID(), onem2m.Object{{Name: "nl", Value: onem2m.NullValue()}})
}
