package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/onem2m"
)

// The parts of a rule that can fail.
const (
	PartPolicy         = "policy" // the policy as a whole grants nothing
	PartAuthentication = "authentication"
	PartOriginators    = "originators"
	PartOperations     = "operations"
	PartContexts       = "contexts"
	PartObjectDetails  = "object details"
	PartAttributes     = "attributes"
)

// Reason says in words why a rule matched, or one part by which it did not.
type Reason struct {
	Source  string // name of the source
	Rule    int    // index in acr, -1 for the policy as a whole
	Part    string // one of the Part constants, "" for a rule that matches
	Text    string
	Permits bool
}

// Explain asks every rule of every source, without stopping at a permit, and
// gives one reason for a rule that matches and one for each part of a rule
// that fails. The texts quote policies and are for operators, never for
// originators. Times are printed as compared, in UTC.
func Explain(q *Query, sources []Source) []Reason {
	var out []Reason
	for _, source := range sources {
		whole := Reason{Source: source.Name, Rule: -1, Part: PartPolicy}
		switch {
		case source.Policy == nil:
			whole.Text = "the policy could not be read, so it grants nothing"
			out = append(out, whole)
		case source.Policy.Len() == 0:
			whole.Text = "the policy has no rules"
			out = append(out, whole)
		default:
			for k := range source.Policy.rules {
				for _, reason := range source.Policy.explainRule(k, q) {
					reason.Source, reason.Rule = source.Name, k
					out = append(out, reason)
				}
			}
		}
	}
	return out
}

func (p *Policy) explainRule(k int, q *Query) []Reason {
	r := &p.rules[k]
	var failed []Reason
	fail := func(part, text string) { failed = append(failed, Reason{Part: part, Text: text}) }
	who := q.Originator.In(q.Home)
	if q.Originator == "" {
		who = "the originator without an identifier"
	}
	if !r.acceptsAuthentication(q) {
		fail(PartAuthentication, who+" is not authenticated, which the rule demands")
	}
	entry, found := r.originators.matching(p.home, q)
	if !found {
		fail(PartOriginators, fmt.Sprintf("%s is not among %s", who, quoteSome(r.originators.written)))
	}
	if !r.grantsPrivilege(q) {
		fail(PartOperations, fmt.Sprintf("%v is not in %d (%v)", q.Privilege, r.privileges, r.privileges))
	}
	if !r.acceptsContext(q) {
		fail(PartContexts, explainContexts(r.contexts, q))
	}
	if !r.acceptsObject(q) {
		fail(PartObjectDetails, explainDetails(r.details, q))
	}
	if len(failed) > 0 {
		return failed
	}
	text := fmt.Sprintf("%s matches %q, %v is in %d", who, entry, q.Privilege, r.privileges)
	if r.attributes != nil {
		return []Reason{{Part: PartAttributes, Text: fmt.Sprintf("%s, but only for requests that name, change or show nothing but %s", text, quoteSome(r.attributes))}}
	}
	if r.authenticated {
		text += ", the originator is authenticated"
	}
	if i := slices.IndexFunc(r.contexts, func(c context) bool { return c.accepts(q) }); i >= 0 {
		text += fmt.Sprintf(", context %d holds at %s from %s", i, formatTime(q), formatAddress(q))
	}
	return []Reason{{Permits: true, Text: text}}
}

// matching returns the entry that matches, as written.
func (o *originators) matching(home onem2m.Home, q *Query) (string, bool) {
	for _, entry := range o.written {
		one := newOriginators(home, []string{entry})
		if one.matchesEntity(q) || one.matchesGroup(q) {
			return entry, true
		}
	}
	return "", false
}

func explainContexts(contexts []context, q *Query) string {
	var texts []string
	for i := range contexts {
		texts = append(texts, fmt.Sprintf("context %d: %s", i, contexts[i].explain(q)))
	}
	return strings.Join(texts, "; ")
}

// explain returns why the context doesn't hold, or "".
func (c *context) explain(q *Query) string {
	var why []string
	if !c.acceptsTime(q) {
		var windows []string
		for _, w := range c.windows {
			windows = append(windows, w.String())
		}
		why = append(why, fmt.Sprintf("time %s is outside %s", formatTime(q), quoteSome(windows)))
	}
	if !c.acceptsAddress(q) {
		var prefixes []string
		for _, p := range c.addresses.prefixes {
			prefixes = append(prefixes, p.String())
		}
		why = append(why, fmt.Sprintf("%s is outside %s", formatAddress(q), quoteSome(prefixes)))
	}
	if !c.acceptsLocation(q) {
		why = append(why, c.region.explain(q.Location))
	}
	return strings.Join(why, ", ")
}

func (r *region) explain(l *Location) string {
	switch {
	case l == nil, r.countries != nil && l.Country == "", r.countries == nil && !l.HasPosition:
		return "the location is unknown"
	case r.countries != nil:
		return fmt.Sprintf("country %q is not among %s", l.Country, quoteSome(r.countries))
	}
	return fmt.Sprintf("%.0f m from the centre, uncertain by %.0f m, is not within %.0f m",
		r.distance(l), l.Uncertainty, r.radius)
}

func explainDetails(all []details, q *Query) string {
	var texts []string
	for i := range all {
		d, why := &all[i], []string{}
		if d.parent != 0 && d.parent != q.TargetType {
			why = append(why, fmt.Sprintf("parent type %d is not %d", q.TargetType, d.parent))
		}
		if !d.specialization.accepts(&q.Specialization) {
			why = append(why, "another specialization than "+d.specialization.describe())
		}
		if !slices.Contains(d.children, q.ChildType) {
			why = append(why, fmt.Sprintf("child type %d is not in %v", q.ChildType, d.children))
		}
		texts = append(texts, fmt.Sprintf("acod %d: %s", i, strings.Join(why, ", ")))
	}
	return strings.Join(texts, "; ")
}

func (s *Specialization) describe() string {
	if s.HasMgmtDefinition {
		return "mgd " + strconv.FormatInt(s.MgmtDefinition, 10)
	}
	return "cnd " + strconv.Quote(s.ContainerDefinition)
}

// formatTime writes the compared time with the weekday.
func formatTime(q *Query) string { return q.Time.UTC().Format("15:04:05 Mon 2006-01-02") + " UTC" }

func formatAddress(q *Query) string {
	if !q.IP.IsValid() {
		return "an unknown address"
	}
	return plainAddress(q.IP).String()
}

// shown is how many entries of a long list a reason quotes.
const shown = 5

func quoteSome(entries []string) string {
	if len(entries) == 0 {
		return "nothing"
	}
	var quoted []string
	for _, e := range entries[:min(len(entries), shown)] {
		quoted = append(quoted, strconv.Quote(e))
	}
	text := strings.Join(quoted, ", ")
	if more := len(entries) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// String names the privileges, "RETRIEVE+DISCOVERY".
func (p Privilege) String() string {
	names := [...]string{"CREATE", "RETRIEVE", "UPDATE", "DELETE", "NOTIFY", "DISCOVERY"}
	var out []string
	for i, name := range names {
		if p>>i&1 == 1 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return "no operation"
	}
	return strings.Join(out, "+")
}
