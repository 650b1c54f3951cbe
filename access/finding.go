package access

import (
	"fmt"
	"strings"
	"time"

	"bulwark/onem2m"
)

// Finding is something in a valid policy that its author should look at.
type Finding struct {
	Rule int // index in acr
	Text string
}

// Findings looks for rules that open more than an operator is likely to want,
// and for rules and parts of rules that can't match any more at the time now.
// It decides nothing: what it reports is still in force.
func (p *Policy) Findings(now time.Time) []Finding {
	var out []Finding
	if p == nil {
		return nil
	}
	for k := range p.rules {
		r := &p.rules[k]
		report := func(format string, args ...any) {
			out = append(out, Finding{Rule: k, Text: fmt.Sprintf(format, args...)})
		}
		r.reportOpen(report)
		r.reportOriginators(p.home, report)
		r.reportContexts(now, report)
		r.reportDetails(report)
		r.reportAttributes(report)
	}
	return out
}

type reporter func(format string, args ...any)

// reportOpen looks for rules that let everybody in.
func (r *rule) reportOpen(report reporter) {
	if !r.originators.anyone {
		return
	}
	who := "anybody, also without authentication,"
	if r.authenticated {
		who = "every authenticated originator"
	} else {
		report(`"all" without acaf accepts originators that nobody has authenticated`)
	}
	if writing := r.privileges & (Create | Update | Delete); writing != 0 {
		report("%s may %v", who, writing)
	}
}

// reportOriginators looks for entries that match nobody.
func (r *rule) reportOriginators(home onem2m.Home, report reporter) {
	live := false
	for _, entry := range r.originators.written {
		one := newOriginators(home, []string{entry})
		switch {
		case one.empty():
			report("originator %q matches nobody", entry)
		case len(one.patterns) > 0 && strings.Contains(entry, "@"):
			report("originator %q matches nobody: there are no wildcards in a Role-ID", entry)
		case entry != "all" && strings.EqualFold(entry, "all"):
			report(`originator %q is not the keyword "all", which is in lower case`, entry)
			live = true // as the address of a group
		default:
			live = true
		}
	}
	if !live {
		report("no originator can match, so the rule grants nothing")
	}
}

// empty reports whether no query can match.
func (o *originators) empty() bool {
	return !o.anyone && len(o.domains)+len(o.entities)+len(o.patterns)+len(o.roles)+len(o.groups) == 0
}

// reportContexts looks for windows that are over and addresses that can't be.
func (r *rule) reportContexts(now time.Time, report reporter) {
	live := len(r.contexts) == 0
	for i := range r.contexts {
		c := &r.contexts[i]
		timely := len(c.windows) == 0
		for _, w := range c.windows {
			if _, ok := w.Next(now); ok {
				timely = true
				continue
			}
			report("context %d: window %q has no time from now on", i, w)
		}
		reachable := c.addresses == nil
		if !reachable {
			reachable = c.addresses.report(i, report)
		}
		live = live || timely && reachable
	}
	if !live {
		report("no context can hold any more, so the rule grants nothing")
	}
}

// report returns whether any address can match.
func (a *addresses) report(i int, report reporter) bool {
	live := false
	for _, p := range a.prefixes {
		switch {
		case p.Addr().Is4In6():
			report("context %d: %v never matches, write an IPv4-mapped address as an IPv4 one", i, p)
		case p.Bits() == 0:
			report("context %d: %v is every address of its family", i, p)
			live = true
		default:
			live = true
		}
		if p.IsValid() && p.Masked().Addr() != p.Addr() {
			report("context %d: %v has bits behind the prefix, which count for nothing", i, p)
		}
	}
	if len(a.prefixes) == 0 {
		report("context %d: acip without an address matches nothing", i)
	}
	return live
}

// reportAttributes looks for limits that leave nothing.
func (r *rule) reportAttributes(report reporter) {
	if r.attributes == nil {
		return
	}
	if useless := r.privileges & (Notify | Discover); useless != 0 {
		report("aca: %v isn't granted on single attributes, so the rule doesn't grant it", useless)
	}
}

// reportDetails looks for acod that can't match or don't matter.
func (r *rule) reportDetails(report reporter) {
	if len(r.details) > 0 && r.privileges&Create == 0 {
		report("acod restricts CREATE only, which the rule doesn't grant")
	}
	for i := range r.details {
		d := &r.details[i]
		switch {
		case d.parent == onem2m.TypeMgmtObj && !d.specialization.HasMgmtDefinition:
			report("acod %d: a management object has no cnd, compare mgd", i)
		case d.parent == onem2m.TypeFlexContainer && d.specialization.HasMgmtDefinition:
			report("acod %d: a flexContainer has no mgd, compare cnd", i)
		}
	}
}
