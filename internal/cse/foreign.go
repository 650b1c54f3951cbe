package cse

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/announcement"
	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// What decisions about access need and other CSEs host, policies and groups
// above all, is retrieved as this CSE and kept for a moment (A-52, A-66,
// A policy that is withdrawn elsewhere counts here until its CSE notifies
// this one, see copywatch.go, and foreignLife longer at the most. What can't be had,
// or read, grants nothing.
const (
	maxForeign      = 512              // copies
	maxForeignSize  = 128 << 10        // octets of one: far more than a policy with hundreds of rules
	foreignLife     = 30 * time.Second // how long a copy counts, whatever is heard of it
	foreignPause    = 5 * time.Second  // how long nobody asks again for what couldn't be had
	foreignPatience = 3 * time.Second  // how long a request waits for an answer
)

// foreign is a resource of another CSE as decisions need it.
type foreign struct {
	pv, pvs *access.Policy // of an <accessControlPolicy>
	group   *roster        // of a <group>
	entity  onem2m.ID      // whom an <AE> stands for

	set       jsontext.Value // privileges of an <accessControlPolicy>, valid everywhere
	delegates *delegates     // and whom it has asked; mostly nil
	referral  *referral      // of a <dynamicAuthorizationConsultation>

	roles, tokens []onem2m.Object // of a repository

	contract bool // a <serviceSubscribedNode> of the IN-CSE names this CSE
	rules    []*appRule
}

func newForeign() *federation.Copies[foreign] {
	return federation.NewCopies[foreign](maxForeign, foreignLife, foreignPause)
}

// foreignKey is one name for a resource of another CSE.
func (c *CSE) foreignKey(a onem2m.Address) string {
	if a.SP == "" {
		a.SP = c.Home.SP
	}
	return a.String()
}

// foreign returns what is known of a resource of another CSE: nil if it can't
// be had, and known is false if it has to be asked for. What lies behind a CSE
// that has gone can't be had from that moment on.
func (c *CSE) foreign(a onem2m.Address, now onem2m.Timestamp) (f *foreign, known bool) {
	if c.Carrier == nil || a.CSE == "" || len(a.Path) == 0 || a.Attribute != "" {
		return nil, true
	}
	if _, err := c.peers.Next(a.Host(c.Home), federation.Arrival{}, now); err != nil {
		return nil, true
	}
	return c.copies.Get(c.foreignKey(a), now)
}

// foreignPolicy is linkedPolicy for a policy of another CSE. One that has to be
// asked for is a source without policy, which grants nothing.
func (c *CSE) foreignPolicy(l *link, self bool, now onem2m.Timestamp) (access.Source, bool) {
	f, known := c.foreign(l.address, now)
	switch {
	case !known:
		return access.Source{Name: l.text}, true
	case f == nil:
		return access.Source{}, false
	case self:
		return access.Source{Name: l.text, Policy: f.pvs}, f.pvs != nil
	}
	return access.Source{Name: l.text, Policy: f.pv}, f.pv != nil
}

// readForeign reads the representation of a resource of another CSE. Identifiers
// in it are relative to that.
func (c *CSE) readForeign(host onem2m.ID, content *onem2m.Content) (*foreign, error) {
	if content == nil || len(content.Value) > maxForeignSize {
		return nil, fmt.Errorf("no representation of at most %d octets", maxForeignSize)
	}
	attrs, err := onem2m.ParseObject(content.Value)
	if err != nil {
		return nil, err
	}
	there := onem2m.Home{SP: host.SP(), CSE: host.SPRelative()}
	f := &foreign{}
	switch content.Name {
	case "m2m:acp":
		if f.set, err = widenRules(there, attrs.Get("pv")); err != nil {
			return nil, err
		}
		if f.pv, err = access.Compile(there, f.set, "pv"); err == nil {
			f.pvs, err = foreignRules(there, attrs.Get("pvs"), "pvs")
		}
		f.delegates = c.delegatesIn(there, attrs)
		return f, err
	case "m2m:grp":
		list, _ := attrs.Texts("mid")
		f.group = c.newRoster(there, list)
		return f, nil
	case "m2m:ae":
		aei, _ := attrs.Text("aei")
		f.entity, _, err = there.ParseID(aei)
		if at := f.entity.Registrar(); err == nil && at != "" && at != host {
			err = fmt.Errorf("%s isn't an AE of %s", f.entity, host) // which can't speak for others
		}
		return f, err
	case "m2m:dac":
		f.referral = foreignReferral(there, attrs)
		return f, nil
	}
	return nil, fmt.Errorf("%s says nothing about access", content.Name)
}

// foreignReferral reads a consultation of the CSE there. A point of access of it
// that names a resource is one of that CSE, whatever has the same name here; one
// that can't be made valid everywhere is none.
func foreignReferral(there onem2m.Home, attrs onem2m.Object) *referral {
	u := referralOf("a consultation of "+string(there.ID()), attrs)
	if u == nil {
		return nil
	}
	points := make([]string, 0, len(u.points))
	for _, point := range u.points {
		switch {
		case strings.Contains(point, ":"), strings.HasPrefix(point, "//"):
		case point == "":
			continue
		case strings.HasPrefix(point, "/"):
			point = there.SP + point
		default:
			point = string(there.ID()) + "/" + point
		}
		points = append(points, point)
	}
	if u.points = points; len(points) == 0 {
		return nil
	}
	return u
}

// foreignRules compiles a set of rules of another CSE: a group that they name
// is one of that.
func foreignRules(there onem2m.Home, set jsontext.Value, name string) (*access.Policy, error) {
	wide, err := widenRules(there, set)
	if err != nil {
		return nil, err
	}
	return access.Compile(there, wide, name)
}

// widenRules makes the names in a set of rules of the CSE there valid everywhere.
func widenRules(there onem2m.Home, set jsontext.Value) (jsontext.Value, error) {
	return announcement.Rules(set, func(list []string) []string { return widenEntries(there, list) })
}

// widenEntries makes the entries that are addresses relative to a CSE valid
// everywhere; entities are widened when the rule is compiled.
func widenEntries(there onem2m.Home, list []string) []string {
	wide := make([]string, len(list))
	for i, entry := range list {
		switch {
		case strings.HasPrefix(entry, "//"):
		case strings.HasPrefix(entry, "/"):
			entry = there.SP + entry
		case entry == "all", strings.ContainsAny(entry, "@*"):
		case strings.Contains(entry, "/"), !strings.HasPrefix(entry, "C") && !strings.HasPrefix(entry, "S"):
			entry = there.SP + there.CSE + "/" + entry
		}
		wide[i] = entry
	}
	return wide
}

// identity returns whom the resource at an address of another CSE stands for.
func (g *groups) identity(a onem2m.Address) onem2m.ID {
	f, known := g.c.foreign(a, g.now)
	if !known {
		g.miss(g.c.foreignKey(a))
	}
	if f == nil {
		return ""
	}
	return f.entity
}

// foreignGroup returns the members of a group of another CSE, or nil.
func (g *groups) foreignGroup(a onem2m.Address) *roster {
	if a.Entity(g.c.Home) != "" {
		return nil // names an entity: nobody is asked whether it might be a group as well
	}
	f, known := g.c.foreign(a, g.now)
	if !known {
		g.miss(g.c.foreignKey(a))
	}
	if f == nil {
		return nil
	}
	return f.group
}

func (g *groups) miss(address string) {
	if g.missed != nil {
		g.missed.add(address)
	}
}

// missPolicies notes the policies among the sources of a refusal that have to
// be asked for.
func (k *call) missPolicies(sources []access.Source) {
	for i := range sources {
		if sources[i].Policy != nil {
			continue
		}
		if a, err := onem2m.ParseAddress(sources[i].Name); err == nil && !a.Local(k.c.Home) {
			k.missed.add(k.c.foreignKey(a))
		}
	}
}
