package cse

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// guard is what a record itself says about access to it.
type guard struct {
	linked   bool          // acpi is present
	links    []link        // the entries of acpi
	owner    access.Source // default policy
	pv, pvs  *access.Policy
	consults []link // the entries of daci
	readable bool   // of an <accessControlPolicy>: both sets compile

	delegates *delegates // of an <accessControlPolicy>: whom else it has asked; mostly nil
}

type link struct {
	text    string
	address onem2m.Address
	valid   bool
	below   int64 // surrogate of the resource that has the link, see leads; 0: it may lead to any policy
}

// guard returns what access to rec depends on, computed once per version.
func (c *CSE) guard(rec *store.Record) *guard {
	return rec.Derive(store.FacetAccess, func(rec *store.Record) any {
		g := &guard{}
		attrs := attributes(rec)
		owner := c.ownerOf(rec)
		if rec.Type == onem2m.TypeRequest {
			g.owner = c.requestPolicy(rec)
		} else if owner != "" {
			g.owner = access.Source{Name: "default policy: the creator", Policy: access.Owner(owner)}
		}
		if rec.Type == onem2m.TypeAccessControlPolicy {
			var err1, err2 error
			g.pv, err1 = access.Compile(c.Home, attrs.Get("pv"), "pv")
			g.pvs, err2 = access.Compile(c.Home, attrs.Get("pvs"), "pvs")
			g.readable = err1 == nil && err2 == nil // what can't be read grants nothing
			g.delegates = c.delegatesIn(c.Home, attrs)
			return g
		}
		if rec.Type == onem2m.TypeAccessControlPolicyAnnc {
			c.guardCopied(g, attrs)
			return g
		}
		if list, ok := attrs.Texts("acpi"); ok {
			g.linked = true
			g.links = linksTo(list)
			if info := c.infoOf(rec); info == nil || !info.Kind.Announced() {
				bindLinks(g.links, rec)
			}
		}
		if list, ok := attrs.Texts("daci"); ok {
			g.consults = linksTo(list)
			if info := c.infoOf(rec); info == nil || !info.Kind.Announced() {
				bindLinks(g.consults, rec)
			}
		}
		return g
	}).(*guard)
}

// ownerOf is whom a resource belongs to that links to no policy.
func (c *CSE) ownerOf(rec *store.Record) onem2m.ID {
	if custodian, ok := attributes(rec).Text("cstn"); ok {
		return c.custodian(custodian) // takes the creator's place (C-096)
	}
	if rec.Type == onem2m.TypeAEAnnc {
		return cmp.Or(c.announcer(attributes(rec)), rec.Origin) // the AE may have moved
	}
	return rec.Origin
}

// custodian reads an entity's identifier; one that can't be read is nobody.
func (c *CSE) custodian(text string) onem2m.ID {
	id, _, err := c.Home.ParseID(text)
	if err != nil {
		return ""
	}
	return id
}

// policies collects the rule sets that govern rec (A-40 … A-51). With self it
// returns the selfPrivileges instead, which decide about acpi.
func (c *CSE) policies(r store.Reader, rec *store.Record, who onem2m.ID, self bool, now onem2m.Timestamp, dst []access.Source) ([]access.Source, error) {
	for {
		if !self && c.dynamic.any() {
			dst = c.dynamicSources(r, rec, now, dst)
		}
		switch {
		case rec.Type == onem2m.TypeCSEBase:
			return append(dst, c.baseSources(r, who, now)...), nil
		case rec.Type == onem2m.TypeAccessControlPolicy:
			if g := c.guard(rec); g.readable {
				dst = append(dst, access.Source{Name: "selfPrivileges of " + rec.RI, Policy: g.pvs})
			}
			return dst, nil
		case rec.Type == onem2m.TypeAccessControlPolicyAnnc:
			if g := c.guard(rec); g.owner.Policy != nil {
				dst = append(dst, g.owner)
			}
			if source, ok := c.copiedRules(rec, "selfPrivileges of "+rec.RI, true, now); ok {
				dst = append(dst, source)
			}
			return dst, nil
		case rec.Type == onem2m.TypePollingChannel:
			owner, err := c.pollOwner(r, rec)
			if err == nil && owner != "" { // whatever the policies above it say
				dst = append(dst, access.Source{Name: "the owner of the polling channel", Policy: access.Owner(owner)})
			}
			return dst, err
		}
		info := c.infoOf(rec)
		if info != nil && info.Has("acpi") {
			g := c.guard(rec)
			if !g.linked {
				if g.owner.Policy != nil {
					dst = append(dst, g.owner)
				}
				return dst, nil
			}
			if info.Kind.Announced() && g.owner.Policy != nil {
				dst = append(dst, g.owner) // the CSE of the original, whatever it has linked to
			}
			for i := range g.links {
				source, ok := access.Source{}, false
				if info.Kind.Announced() {
					source, ok = c.announcedPolicy(r, &g.links[i], self, now)
				}
				if !ok {
					source, ok = c.linkedPolicy(r, &g.links[i], self, now)
				}
				if ok {
					dst = append(dst, source)
				}
			}
			return dst, nil
		}
		parent, err := r.ByID(rec.Parent) // no acpi by type: the parent's policies
		if err != nil {
			return dst, missing(err)
		}
		rec = parent
	}
}

// linkedPolicy reads one entry of acpi. What can't be read contributes no rule
//
func (c *CSE) linkedPolicy(r store.Reader, l *link, self bool, now onem2m.Timestamp) (access.Source, bool) {
	if !l.valid {
		return access.Source{}, false
	}
	if !l.address.Local(c.Home) {
		return c.foreignPolicy(l, self, now)
	}
	t, err := c.resolve(r, l.address.Path, now)
	if err == nil && t.virtual == "" && t.rec.Type == onem2m.TypeAccessControlPolicyAnnc {
		return c.copiedRules(t.rec, l.text, self, now)
	}
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeAccessControlPolicy || !l.leads(t.rec) {
		return access.Source{}, false
	}
	g := c.guard(t.rec)
	if !g.readable {
		return access.Source{}, false
	}
	if self {
		return access.Source{Name: l.text, Policy: g.pvs}, true
	}
	return access.Source{Name: l.text, Policy: g.pv}, true
}

// Built-in policy of <CSEBase>: every AE and CSE registered here may look at it
// and put policies below it, and a CSE a <delivery>, which gives it nothing
// that its requests wouldn't get one by one; an AE makes none (C-193). NOTIFY isn't
// among it: this version serves no notification to the CSE itself.
const registeredRules = `{"acr":[{"acor":["all"],"acop":34},{"acor":["all"],"acop":1,"acod":[{"chty":[1,6,26]}]}]}`

func (c *CSE) compileBasePolicy() (err error) {
	c.registered, err = access.Compile(c.Home, jsontext.Value(registeredRules), "privileges")
	if err != nil {
		return fmt.Errorf("built-in policy: %w", err)
	}
	if len(c.BasePolicy) > 0 {
		c.basePolicy, err = access.Compile(c.Home, c.BasePolicy, "privileges")
		if err != nil {
			return fmt.Errorf("base policy: %w", err)
		}
	}
	return nil
}

func (c *CSE) baseSources(r store.Reader, who onem2m.ID, now onem2m.Timestamp) []access.Source {
	if c.basePolicy != nil {
		return []access.Source{{Name: "configured policy of <CSEBase>", Policy: c.basePolicy}}
	}
	reg := c.registry(r, now)
	if reg.AERegistered(who) || reg.CSERegistered(who) {
		return []access.Source{{Name: "built-in policy of <CSEBase>", Policy: c.registered}}
	}
	return nil
}

// query describes the request for the decision engine. What it returns is good
// until the next call: one request makes one decision at a time.
func (k *call) query(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege) *access.Query {
	q := &k.question
	k.groups = groups{snapshot: snapshot{c: k.c, r: r, now: k.now}, missed: &k.missed}
	*q = access.Query{
		Home: k.c.Home, Groups: &k.groups, Originator: k.from.ID, Authenticated: k.from.Authenticated,
		Operation: op, Privilege: privilege, TargetType: rec.Type, ChildType: k.ty,
		Time: k.now.Time(), Location: k.c.Locate(k.from.ID), Roles: k.grants.roles,
	}
	if op == onem2m.Create { // C-11
		q.Specialization.ContainerDefinition, _ = k.draft.raw.Text("cnd")
		q.Specialization.MgmtDefinition, q.Specialization.HasMgmtDefinition = k.draft.raw.Int("mgd")
	}
	if !k.from.Forwarded { // over Mcc the address is that of a CSE
		q.IP = k.assoc.Source
	}
	return q
}

// isAdmin reports whether the originator is the administrator, proven.
func (k *call) isAdmin() bool { return k.from.ID == k.c.admin && k.from.Authenticated }

// permitted decides about one resource without leaving a trace: for discovery
// candidates and children of a result. A token that fails counts for nothing
// here: to refuse the whole would tell that there is something more.
func (k *call) permitted(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege) (bool, error) {
	if k.isAdmin() {
		return true, nil
	}
	if !k.grants.read {
		if err := k.readRoles(r); err != nil {
			return false, err
		}
	}
	var buf [8]access.Source
	sources, err := k.c.policies(r, rec, k.from.ID, false, k.now, buf[:0])
	if err != nil {
		return false, err
	}
	before := len(k.missed.list)
	if access.Decide(k.query(r, rec, op, privilege), sources).Permit {
		k.missed.list = k.missed.list[:before]
		return true, nil
	}
	if k.missPolicies(sources); !k.bringsTokens() && !k.granted() {
		return false, nil
	}
	tokens := k.allTokens(r, rec)
	if len(tokens) == 0 {
		return false, nil
	}
	if err := k.nameTarget(r, rec); err != nil {
		return false, err
	}
	return access.DecideWithTokens(&k.question, sources, tokens).Permit, nil
}

// authorize makes the access decision for the target of the request (row 20).
// It returns 4103 unless some rule permits; an error while deciding is a deny.
func (k *call) authorize(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege) error {
	return k.decide(r, rec, op, privilege, false)
}

// authorizeSelf decides an UPDATE of acpi by selfPrivileges.
func (k *call) authorizeSelf(r store.Reader, rec *store.Record) error {
	return k.decide(r, rec, onem2m.Update, access.Update, true)
}

func (k *call) decide(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege, self bool) error {
	if k.isAdmin() {
		k.audit("admin", "", 0, "")
		return nil
	}
	var buf [8]access.Source
	sources, err := k.c.policies(r, rec, k.from.ID, self, k.now, buf[:0])
	return k.judge(r, rec, op, privilege, self, sources, err)
}

// judge decides by the rule sets that were collected, or that could not be: by
// them alone with the roles that are claimed, and where they deny by the tokens
// of the request (decision 12). With self they are selfPrivileges.
func (k *call) judge(r store.Reader, rec *store.Record, op onem2m.Operation, privilege access.Privilege, self bool, sources []access.Source, err error) error {
	if err != nil {
		k.audit("static", "", onem2m.OriginatorHasNoPrivilege, "the policies can't be read: "+err.Error())
		return k.denied(op)
	}
	if err := k.readRoles(r); err != nil {
		e := onem2m.AsError(err)
		k.audit("static", "", e.Code, e.Debug())
		return err
	}
	before := len(k.missed.list)
	d := access.Decide(k.query(r, rec, op, privilege), sources)
	if d.Permit {
		k.missed.list = k.missed.list[:before]
		if k.c.Auditor != nil {
			k.audit(stageOf(d.Source), d.Source+" rule "+strconv.Itoa(d.Rule+1), 0, "")
		}
		return nil
	}
	if k.missPolicies(sources); k.uninformed() {
		return k.denied(op) // for now: it is decided again, see enquiring
	}
	if k.partly(&k.question, rec, sources) {
		k.audit("static", "rules for single attributes", 0, "")
		return nil
	}
	if k.bringsTokens() || k.granted() {
		return k.judgeByTokens(r, rec, op, self, sources)
	}
	return k.escalate(r, rec, op, self, sources, "static", fmt.Sprintf("no rule of %d policies permits %s on %s", len(sources), op, rec.RI))
}

// judgeElsewhere is the last stage: the points of other CSEs that the policies
// name. done is false where there are none; a change of acpi is for
// selfPrivileges alone.
func (k *call) judgeElsewhere(r store.Reader, rec *store.Record, op onem2m.Operation, self bool, sources []access.Source) (done bool, err error) {
	if self {
		return false, nil
	}
	out := k.delegate(r, rec, sources)
	switch {
	case out.permit:
		k.audit("distributed", out.rule, 0, out.reason)
		return true, nil
	case k.uninformed():
		return true, k.denied(op) // for now, as in judge
	case out.reason != "":
		k.audit("distributed", "", onem2m.OriginatorHasNoPrivilege, out.reason)
		return true, k.denied(op)
	}
	return false, nil
}

func (k *call) denied(op onem2m.Operation) error {
	if k.c.MaskExistence && !k.from.Authenticated {
		return notFound() // C-063
	}
	return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "the originator has no %s privilege", op)
}
