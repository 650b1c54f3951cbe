package cmdh

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"bulwark/onem2m"
)

// The values of m2m:mgmtDefinition of the parts of a policy.
const (
	DefinitionPolicy     int64 = 1011
	DefinitionActive     int64 = 1012
	DefinitionDefaults   int64 = 1013
	DefinitionDefault    int64 = 1014
	DefinitionParameters int64 = 1015
	DefinitionLimits     int64 = 1016
	DefinitionAccess     int64 = 1017
	DefinitionAccessRule int64 = 1018
	DefinitionBuffer     int64 = 1019
)

// Part reports whether a definition is that of a part of a policy, or chooses one.
func Part(definition int64) bool {
	return definition >= DefinitionPolicy && definition <= DefinitionBuffer
}

// Add reads one part of a policy from the attributes of its resource and takes
// it into p. Parts of an [cmdhNetworkAccessRules] are read by ReadAccess. What
// can't be read is left out, which for a limit of networks or buffers means that
// nothing is allowed by it.
func (p *Policy) Add(home onem2m.Home, definition int64, attrs onem2m.Object) {
	switch definition {
	case DefinitionDefault:
		d := Default{Condition: readCondition(home, attrs)}
		d.Category, _ = attrs.Int("dev")
		p.Categories = append(p.Categories, d)
	case DefinitionParameters:
		p.Parameters = append(p.Parameters, readParameters(attrs))
	case DefinitionLimits:
		p.Limits = append(p.Limits, readLimits(home, attrs))
	case DefinitionBuffer:
		r := Room{}
		r.Categories, _ = attrs.Ints("aec")
		r.Size, _ = attrs.Int("mbfs")
		r.Priority, _ = attrs.Int("sgp")
		p.Buffers = append(p.Buffers, r)
	}
}

func readCondition(home onem2m.Home, attrs onem2m.Object) Condition {
	c := Condition{Contextual: attrs.Has("rct") || attrs.Has("rch")}
	c.Order, _ = attrs.Int("od")
	c.Origin, _ = attrs.Texts("ror")
	for _, text := range c.Origin {
		if id, _, err := home.ParseID(text); err == nil && id.Stem() != "" {
			c.ids = append(c.ids, id)
		}
	}
	return c
}

func readParameters(attrs onem2m.Object) Parameters {
	s := Parameters{}
	s.Categories, _ = attrs.Ints("aec")
	s.RequestExpiration, _ = attrs.Int("dqet")
	s.ResultExpiration, _ = attrs.Int("dset")
	s.Execution, _ = attrs.Int("doet")
	s.Persistence, _ = attrs.Int("drp")
	s.Aggregate, _ = attrs.Bool("dda")
	return s
}

func readLimits(home onem2m.Home, attrs onem2m.Object) Limits {
	l := Limits{Condition: readCondition(home, attrs)}
	l.Categories, _ = attrs.Ints("lec")
	l.RequestExpiration = readSpan(attrs, "lqet")
	l.ResultExpiration = readSpan(attrs, "lset")
	l.Execution = readSpan(attrs, "loet")
	l.Persistence = readSpan(attrs, "lrp")
	if err := json.Unmarshal(attrs.Get("lda"), &l.Aggregate); err != nil {
		l.Aggregate = nil
	}
	return l
}

func readSpan(attrs onem2m.Object, name string) Span {
	list, _ := attrs.Ints(name)
	if len(list) != 2 {
		return Span{Min: 1} // holds nothing
	}
	return Span{Min: list[0], Max: list[1]}
}

// ReadAccess reads an [cmdhNetworkAccessRules] with its rules.
func ReadAccess(attrs onem2m.Object, rules []AccessRule) AccessRules {
	a := AccessRules{Rules: rules}
	a.Categories, _ = attrs.Ints("aecs")
	return a
}

// ReadAccessRule reads a [cmdhNwAccessRule]. The entries are those of the
// <schedule> that it links to.
func ReadAccessRule(attrs onem2m.Object, schedule []*onem2m.Schedule) AccessRule {
	r := AccessRule{Schedule: schedule, Conditional: attrs.Has("ohc")}
	r.Networks, _ = attrs.Texts("ttn")
	r.MinVolume, _ = attrs.Int("mrv")
	spread, _ := attrs.Int("swt")
	r.Spreading = milliseconds(spread)
	parameters, _ := attrs.Object("bop")
	sets, ok := parameters.Objects("bops")
	if one, is := parameters.Object("bops"); is && !ok {
		sets = []onem2m.Object{one}
	}
	for _, o := range sets {
		b := BackOff{}
		b.Action, _ = o.Int("nwa")
		for name, at := range map[string]*time.Duration{
			"ibt": &b.Initial, "abt": &b.Additional, "mbt": &b.Maximum, "rbt": &b.Random,
		} {
			ms, _ := o.Int(name)
			*at = milliseconds(ms)
		}
		r.BackOff = append(r.BackOff, b)
	}
	return r
}

// milliseconds makes a duration, of at most a hundred years.
func milliseconds(ms int64) time.Duration {
	const century = int64(100 * 365 * 24 * time.Hour / time.Millisecond)
	return time.Duration(max(0, min(ms, century))) * time.Millisecond
}

// Vet checks the values of one part of a policy that the attribute tables leave
// open. It fails with 4000.
func Vet(definition int64, attrs onem2m.Object) error {
	if definition == DefinitionBuffer {
		if n, _ := attrs.Int("sgp"); n > 10 {
			return onem2m.Errorf(onem2m.BadRequest, "sgp", "a storage priority is from 1 to 10")
		}
	}
	if definition != DefinitionLimits {
		return nil
	}
	for _, name := range []string{"lqet", "lset", "loet", "lrp"} {
		list, given := attrs.Ints(name)
		if !given {
			continue
		}
		if len(list) != 2 || list[0] < Unlimited || list[1] < Unlimited || list[1] != Unlimited && list[0] > list[1] {
			return onem2m.Errorf(onem2m.BadRequest, name, "the least and the greatest number of milliseconds, or -1 for no end")
		}
	}
	return nil
}

// Categories returns the Event Categories that a part is for, if it is of a kind
// of which each category has one at most; name is the attribute.
func Categories(definition int64, attrs onem2m.Object) (name string, categories []int64) {
	switch definition {
	case DefinitionParameters, DefinitionBuffer:
		name = "aec"
	case DefinitionAccess:
		name = "aecs"
	default:
		return "", nil
	}
	categories, _ = attrs.Ints(name)
	return name, slices.Compact(slices.Sorted(slices.Values(categories)))
}
