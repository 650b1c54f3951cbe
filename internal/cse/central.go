package cse

import (
	"slices"
	"strings"

	"bulwark/internal/federation"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// central is the IN-CSE of the SP: what the operator says, or the registrar, if that is
// one, or else what the registrar says; "" if nobody does. All that comes from the
// IN-CSE comes through the registrar, so that one that lies here could lie as well
// about what comes. It can't name who is below this CSE: that is reached another way.
func (c *CSE) central() onem2m.ID {
	if c.Central != "" {
		return c.Central
	}
	n, ok := c.peers.Neighbour(c.Registrar, c.instant())
	if !ok || !n.Upstream || n.ID != n.Central && c.peers.Below("", n.Central, c.instant()) {
		return ""
	}
	return n.Central
}

// centralIn reads who the IN-CSE is from the <remoteCSE> that stands here for the
// registrar.
func (c *CSE) centralIn(id onem2m.ID, attrs onem2m.Object) onem2m.ID {
	if kind, _ := attrs.Int("cst"); Type(kind) == IN {
		return id
	}
	list, _ := attrs.Texts("lbl")
	for _, label := range list {
		text, is := strings.CutPrefix(label, federation.CentralLabel)
		if !is {
			continue
		}
		central, form, err := c.Home.ParseID(text)
		if err == nil && form != onem2m.FormStem && central.Registrar() == "" && central.SP() == c.Home.SP && central != c.Home.ID() && central != id {
			return central
		}
	}
	return ""
}

// visibleBase adds what is never stored: currentTime (C-225), and for a CSE that is
// registered here a label that tells it who the IN-CSE is, if this is none.
func visibleBase(k *call, _ *store.Record, attrs onem2m.Object) onem2m.Object {
	attrs.Set("ctm", onem2m.TimeValue(onem2m.TimestampOf(k.c.Now())))
	if k.c.Type == IN {
		return attrs
	}
	if n, ok := k.c.peers.Neighbour(k.from.ID, k.now); !ok || n.Upstream || k.from.ID.SP() != k.c.Home.SP {
		return attrs
	}
	if central := k.c.central(); central != "" {
		list, _ := attrs.Texts("lbl")
		attrs.Set("lbl", onem2m.TextsValue(append(slices.Clip(list), federation.CentralLabel+central.SPRelative())))
	}
	return attrs
}
