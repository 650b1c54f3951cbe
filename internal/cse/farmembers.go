package cse

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// What a CSE says about a member of a group that it hosts. The zero value is
// that of one that can't be reached now.
type farMember struct {
	kind    memberKind
	known   bool // kind is told
	missing bool // the CSE has no such resource
	denied  bool // the originator may not read it
}

// farPatience is how long other CSEs may take to tell of members, together,
// while the originator waits. What they haven't told by then is asked later
// (C-342).
const farPatience = 3 * time.Second

// asksMembers reports whether a request gives a group members on other CSEs:
// only those have to be asked for.
func asksMembers(k *call) bool {
	list, _ := k.draft.attrs.Texts("mid")
	for _, text := range list {
		if _, far := k.c.farAddress(text); far {
			return true
		}
	}
	return false
}

// farAddress reads the address of a member on another CSE.
func (c *CSE) farAddress(text string) (a onem2m.Address, far bool) {
	a, err := onem2m.ParseAddress(text)
	if err != nil {
		return a, false
	}
	_, here := c.hosted(a)
	return a, !here
}

// verifyGroup asks other CSEs of what type the members are that they host, on
// behalf of the originator (TS-0004 clause 7.4.13.2.1).
func verifyGroup(ctx context.Context, k *call, s *subject) error {
	list, _ := k.draft.attrs.Texts("mid")
	if len(list) > maxMembers || groupKind(s.attrs).ty == typeMixed {
		return nil
	}
	defer Yield(ctx)()
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, yieldKey{}, nil), min(farPatience, time.Until(k.deadline())/2))
	defer cancel()
	s.far = k.c.askMembers(ctx, k.from, k.assoc, list)
	return nil
}

// askMembers asks for the types of those members that other CSEs host. It
// returns when all have answered or ctx ends.
func (c *CSE) askMembers(ctx context.Context, from identity.Originator, a *identity.Association, list []string) map[string]farMember {
	var mu sync.Mutex // guards told
	told := map[string]farMember{}
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(list) {
				return
			}
			address, far := c.farAddress(list[i])
			if !far {
				continue
			}
			m := c.askType(ctx, from, a, address)
			mu.Lock()
			told[list[i]] = m
			mu.Unlock()
		}
	}
	var helpers sync.WaitGroup
	whose := bringer{from.ID, c.deduced(from.ID, c.instant()).Peer}
	for range min(maxWorkers, len(list)) - 1 {
		if !c.helpers.help(whose, &helpers, work) {
			break
		}
	}
	work()
	helpers.Wait()
	return told
}

// askType retrieves a member. For a fanOutPoint its group is asked for, and that
// asks of its members; for another virtual resource, which has the type of its
// name, the parent.
func (c *CSE) askType(ctx context.Context, from identity.Originator, a *identity.Association, address onem2m.Address) farMember {
	whole := address
	last := ""
	if n := len(address.Path); n > 1 {
		if name := address.Path[n-1]; name == fanOutPoint || virtualType(name) != 0 {
			last = name
			address.Path = address.Path[:n-1]
		}
	}
	if _, err := c.peers.Next(whole.Host(c.Home), federation.Arrival{}, c.instant()); err != nil {
		return farMember{}
	}
	res := c.perform(ctx, from, a, &onem2m.Request{
		Operation: onem2m.Retrieve, To: address.String(), From: from.ID.In(c.Home), HasFrom: true, Release: "3",
		RequestID:         string(c.names.appendTail([]byte("m-"), 12)),
		RequestExpiration: strconv.FormatInt(farPatience.Milliseconds(), 10),
	})
	itself := c.answeredBy(res, whole.Host(c.Home))
	switch {
	case res.Code == onem2m.OK && res.Content != nil:
		attrs, err := onem2m.ParseObject(res.Content.Value)
		if err != nil {
			return farMember{}
		}
		return farMember{kind: kindTold(attrs, last), known: true}
	case res.Code == onem2m.NotFound && itself:
		return farMember{missing: true}
	case res.Code == onem2m.OriginatorHasNoPrivilege && itself:
		return farMember{denied: true}
	}
	return farMember{}
}

// answeredBy reports whether a CSE has answered itself, and not one on the way.
// One of another provider may name itself as its own SP does.
func (c *CSE) answeredBy(res *onem2m.Response, host onem2m.ID) bool {
	who, _, err := c.Home.ParseID(res.From)
	return err == nil && (who == host || host.SP() != c.Home.SP && res.From == host.SPRelative())
}

// kindTold is kindOf for the representation of a resource of another CSE.
func kindTold(attrs onem2m.Object, virtual string) memberKind {
	switch virtual {
	case "":
		ty, _ := attrs.Int("ty")
		return memberKind{ty: onem2m.ResourceType(ty), spty: specialization(attrs)}
	case fanOutPoint:
		return groupKind(attrs)
	}
	return memberKind{ty: virtualType(virtual)}
}

// virtualType is the type of the virtual resources of a name, 0 if there are none.
func virtualType(name string) onem2m.ResourceType {
	for _, info := range onem2m.Types() {
		if info.VirtualName == name {
			return info.Type
		}
	}
	return 0
}

// fitsFar is fits for a member on another CSE.
func (g *enlistment) fitsFar(m farMember, before bool) (bool, error) {
	switch {
	case g.kind.ty == typeMixed:
		return true, nil // nothing is asked about it
	case m.known:
		return g.kind.takes(m.kind), nil
	case m.denied:
		return false, onem2m.Errorf(onem2m.ReceiverHasNoPrivilege, "mid", "the type of a member can't be read for lack of privilege")
	case m.missing && before:
		return true, nil
	case m.missing:
		return false, noMember()
	}
	g.pending = true
	return true, nil
}
