package cse

import (
	"slices"
	"strconv"
	"strings"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxMembers bounds memberIDs, whatever maxNrOfMembers says: each member is
// looked up in the writer, and asked in every fan-out.
const maxMembers = 10_000

// Values of m2m:consistencyStrategy; 1, the default, leaves the member out.
const (
	abandonGroup = 2
	setMixed     = 3
)

// typeMixed is the memberType of a group whose members are of any type.
const typeMixed onem2m.ResourceType = 0

func groupProcedures() *procedures {
	return &procedures{
		check: checkGroup, asks: asksMembers, verify: verifyGroup, created: keepUnverified, update: keepUnverified, remove: removeGroup,
		virtual: map[string]*virtual{fanOutPoint: {through: true, serve: fanOut}, semanticFanOutPoint: {serve: semanticFanOut}},
	}
}

// checkGroup runs the rules of TS-0004 clause 7.4.13 and settles the members
// (C-338 … C-343, C-360).
func checkGroup(k *call, r store.Reader, s *subject) error {
	given := k.draft.attrs
	if given.Has("nar") && !given.IsNull("nar") {
		if _, err := notify.ReadBatch(given.Get("nar"), "nar"); err != nil {
			return err
		}
	}
	if err := k.checkPolicyList(r, s, "macp"); err != nil {
		return err
	}
	s.set("ssi", onem2m.BoolValue(true)) // TS-0004 clause 7.4.35.1
	limit, _ := s.attrs.Int("mnm")
	if s.old == nil {
		s.setDefaults(onem2m.Object{{Name: "mt", Value: onem2m.IntValue(0)}, {Name: "csy", Value: onem2m.IntValue(1)}})
		if err := checkSpecialization(s); err != nil {
			return err
		}
	} else if has, _ := s.attrs.Int("cnm"); given.Has("mnm") && limit < has {
		return onem2m.Errorf(onem2m.MaxNumberOfMemberExceeded, "mnm", "the group has %d members", has)
	}
	if !given.Has("mid") {
		return nil
	}
	g := newEnlistment(k, r, s)
	list, _ := given.Texts("mid")
	if err := g.read(list); err != nil {
		return err
	}
	if n := int64(len(g.entries)); n > limit || n > maxMembers {
		return onem2m.Errorf(onem2m.MaxNumberOfMemberExceeded, "mid", "more than %d members", min(limit, maxMembers))
	}
	if err := g.settle(); err != nil {
		return err
	}
	g.write()
	return nil
}

// checkSpecialization: specializationType narrows mgmtObj and flexContainer only.
func checkSpecialization(s *subject) error {
	spty, ok := s.attrs.Object("spty")
	if !ok {
		return nil
	}
	mt, _ := s.attrs.Int("mt")
	switch ty := onem2m.ResourceType(mt); {
	case ty == onem2m.TypeMgmtObj && spty.Has("mgd"), ty == onem2m.TypeFlexContainer && spty.Has("cnd"):
		return nil
	}
	return onem2m.Errorf(onem2m.BadRequest, "spty", "a specialization goes with member type mgmtObj (mgd) or flexContainer (cnd)")
}

// enlistment is the list of members that a CREATE or UPDATE of a group gives,
// on its way into the group.
type enlistment struct {
	k       *call
	r       store.Reader
	s       *subject
	kind    memberKind
	before  []string // members that the group has already, as written
	entries []entry
	pending bool // the type of some member can't be found out now
}

type entry struct {
	text   string
	t      target
	found  bool
	remote bool
}

// memberKind is the type that a group asks of its members, or that a member has.
type memberKind struct {
	ty   onem2m.ResourceType
	spty string // value of cnd or mgd; "" if it doesn't matter
}

func newEnlistment(k *call, r store.Reader, s *subject) *enlistment {
	g := &enlistment{k: k, r: r, s: s, kind: groupKind(s.attrs)}
	if s.old != nil {
		g.before, _ = attributes(s.old).Texts("mid")
	}
	return g
}

// groupKind is the type that a group with these attributes asks of its members.
func groupKind(attrs onem2m.Object) memberKind {
	mt, _ := attrs.Int("mt")
	kind := memberKind{ty: onem2m.ResourceType(mt)}
	if spty, ok := attrs.Object("spty"); ok {
		kind.spty = specialization(spty)
	}
	return kind
}

// specialization is what tells a mgmtObj or flexContainer apart from others.
func specialization(attrs onem2m.Object) string {
	if cnd, ok := attrs.Text("cnd"); ok {
		return cnd
	}
	if mgd, ok := attrs.Int("mgd"); ok {
		return strconv.FormatInt(mgd, 10)
	}
	return ""
}

// read parses and finds the members and leaves out those that come again,
// whatever form of their address is used (C-338).
func (g *enlistment) read(list []string) error {
	seen := make(map[string]bool, len(list))
	for _, text := range list {
		address, err := onem2m.ParseAddress(text)
		if err != nil || address.Attribute != "" {
			return onem2m.Errorf(onem2m.BadRequest, "mid", "not a resource identifier")
		}
		e := entry{text: text}
		var key string
		if e.t, key, e.remote, err = g.k.c.locate(g.r, address, g.k.now); err != nil {
			return err
		}
		e.found = e.t.rec != nil
		if !seen[key] {
			seen[key] = true
			g.entries = append(g.entries, e)
		}
	}
	return nil
}

// locate finds a member and names it so that two addresses of one resource
// give one key. What this CSE hosts and doesn't have leaves the target empty.
func (c *CSE) locate(r store.Reader, a onem2m.Address, now onem2m.Timestamp) (t target, key string, remote bool, err error) {
	path, hosted := c.hosted(a)
	if !hosted {
		if a.SP == "" {
			a.SP = c.Home.SP
		}
		return t, a.String(), true, nil
	}
	t, err = c.resolve(r, path, now)
	if err != nil {
		if onem2m.AsError(err).Code == onem2m.NotFound {
			return target{}, "?" + strings.Join(path, "/"), false, nil
		}
		return target{}, "", false, err
	}
	key = strconv.FormatInt(t.rec.ID, 36)
	if t.virtual != "" {
		key += "/" + t.virtual + "/" + strings.Join(t.rest, "/")
	}
	return t, key, false, nil
}

// settle holds every member against memberType and does with those that differ
// what consistencyStrategy says (C-339 … C-342).
func (g *enlistment) settle() error {
	strategy, _ := g.s.attrs.Int("csy")
	kept := g.entries[:0]
	for _, e := range g.entries {
		fits, err := g.fits(&e)
		if err != nil {
			return err
		}
		switch {
		case fits:
			kept = append(kept, e)
		case strategy == abandonGroup:
			return onem2m.Errorf(onem2m.GroupMemberTypeInconsistent, "mid", "a member is of another type than mt")
		case strategy == setMixed:
			g.kind = memberKind{ty: typeMixed}
			g.s.set("mt", onem2m.IntValue(0))
			g.s.set("mtv", onem2m.BoolValue(true))
			g.s.attrs.Delete("spty")
			kept = append(kept, e)
			g.touch("mt", "spty", "mtv")
		}
	}
	g.entries = kept
	return nil
}

// fits reports whether a member may be in the group. One that was in it before
// may be gone: the group keeps it until somebody takes it out.
func (g *enlistment) fits(e *entry) (bool, error) {
	switch {
	case e.remote:
		return g.fitsFar(g.s.far[e.text], slices.Contains(g.before, e.text))
	case !e.found && slices.Contains(g.before, e.text):
		return true, nil
	case !e.found:
		return false, noMember()
	}
	if g.kind.ty == typeMixed && !g.k.c.MaskExistence {
		return true, nil // nothing is asked about it
	}
	readable, err := g.k.permitted(g.r, e.t.rec, onem2m.Retrieve, access.Retrieve)
	if err != nil {
		return false, err
	}
	if !readable && g.k.c.MaskExistence && !g.k.from.Authenticated {
		seen, err := g.k.permitted(g.r, e.t.rec, onem2m.Retrieve, access.Discover)
		if err != nil {
			return false, err
		}
		if !seen {
			return false, noMember() // C-063
		}
	}
	if g.kind.ty == typeMixed {
		return true, nil
	}
	if !readable { // the privilege to discover a member doesn't tell its type (C-340)
		return false, onem2m.Errorf(onem2m.ReceiverHasNoPrivilege, "mid", "the type of a member can't be read for lack of privilege")
	}
	return g.kind.takes(kindOf(e.t)), nil
}

// takes reports whether a group that asks for this type takes a member of that.
func (want memberKind) takes(is memberKind) bool {
	return is.ty == want.ty && (want.spty == "" || is.spty == want.spty)
}

func noMember() error {
	return onem2m.Errorf(onem2m.NotFound, "mid", "a member doesn't exist")
}

// kindOf is the type of a member: of a sub-group what that asks of its members,
// of another virtual resource its own.
func kindOf(t target) memberKind {
	switch {
	case t.virtual == "":
		return memberKind{ty: t.rec.Type, spty: specialization(attributes(t.rec))}
	case t.virtual == fanOutPoint:
		if len(t.rest) > 0 {
			return memberKind{} // whatever stands there below each member
		}
		return groupKind(attributes(t.rec))
	}
	return memberKind{ty: virtualType(t.virtual)}
}

// write puts the settled list into the group.
func (g *enlistment) write() {
	texts := make([]string, 0, len(g.entries))
	for _, e := range g.entries {
		texts = append(texts, e.text)
	}
	g.s.set("mid", onem2m.TextsValue(texts))
	g.s.set("cnm", onem2m.IntValue(int64(len(texts))))
	g.touch("cnm")
	if g.kind.ty != typeMixed {
		g.s.set("mtv", onem2m.BoolValue(!g.pending))
		g.touch("mtv")
	}
}

// touch names attributes that the UPDATE changes besides those it was asked to.
func (g *enlistment) touch(names ...string) {
	if g.s.old == nil {
		return
	}
	for _, name := range names {
		if !slices.Contains(g.s.touched, name) {
			g.s.touched = append(slices.Clip(g.s.touched), name)
		}
	}
}
