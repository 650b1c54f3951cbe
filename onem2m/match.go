package onem2m

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Candidate is a resource as a filter sees it. Methods are called as needed;
// most filters look at one or two of them.
type Candidate interface {
	Created() Timestamp
	Modified() Timestamp
	Expires() Timestamp      // 0 if the resource never expires
	StateTag() (int64, bool) // false if the resource has none
	Size() (int64, bool)     // contentSize; false if the resource has none
	Labels() []string        // may be empty
	Type() ResourceType
	ContentType() (string, bool) // contentInfo; false if the resource has none
	Attribute(name string) jsontext.Value
	Parent() Candidate // nil at the top
	// EachChild calls fn for the children until it returns false.
	EachChild(fn func(Candidate) bool) error
	// Described reports whether a semantic description of the resource satisfies
	// one of the queries of a semanticsFilter.
	Described(queries []string) (bool, error)
}

// Matcher is a filter made ready to be tried on many candidates. It may be
// used by several goroutines.
type Matcher struct {
	operation int64
	tests     []test // one for each condition that the filter has
}

// test tells whether one condition holds.
type test func(Candidate) (bool, error)

// Compile checks the filter as Check does and makes it ready.
func (f *FilterCriteria) Compile() (*Matcher, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	m := &Matcher{operation: FilterAnd}
	if f.FilterOperation != nil {
		m.operation = *f.FilterOperation
	}
	m.addBounds(f)
	m.addOwn(f)
	m.addGeometry(f)
	m.addRelatives(f)
	if len(f.SemanticsFilter) > 0 { // last: it costs most
		m.tests = append(m.tests, func(c Candidate) (bool, error) { return c.Described(f.SemanticsFilter) })
	}
	return m, nil
}

// Match reports whether the candidate satisfies the filter; see Matcher.Match.
// For many candidates, Compile once.
func (f *FilterCriteria) Match(c Candidate) (bool, error) {
	m, err := f.Compile()
	if err != nil {
		return false, err
	}
	return m.Match(c)
}

// Match reports whether the candidate satisfies the conditions of the filter:
// values of one condition are alternatives, conditions are joined by
// filterOperation (C-157). A filter without conditions matches everything. An
// error comes from EachChild or Described.
func (m *Matcher) Match(c Candidate) (bool, error) {
	if len(m.tests) == 0 {
		return true, nil
	}
	matched := 0
	for _, holds := range m.tests {
		ok, err := holds(c)
		switch {
		case err != nil:
			return false, err
		case ok && m.operation == FilterOr:
			return true, nil
		case ok:
			matched++
		case m.operation == FilterAnd:
			return false, nil
		}
	}
	switch m.operation {
	case FilterOr:
		return false, nil
	case FilterXor:
		return matched%2 == 1, nil
	}
	return true, nil
}

// addBounds adds the comparisons with times and numbers. Before, below and
// smaller are strict, the others inclusive (C-158). A resource without the
// attribute doesn't match (C-159).
func (m *Matcher) addBounds(f *FilterCriteria) {
	before := func(v *Timestamp, of func(Candidate) Timestamp) {
		if v != nil {
			m.add(func(c Candidate) bool { t := of(c); return t != 0 && t < *v })
		}
	}
	since := func(v *Timestamp, of func(Candidate) Timestamp) {
		if v != nil {
			m.add(func(c Candidate) bool { t := of(c); return t != 0 && t >= *v })
		}
	}
	below := func(v *int64, of func(Candidate) (int64, bool)) {
		if v != nil {
			m.add(func(c Candidate) bool { n, ok := of(c); return ok && n < *v })
		}
	}
	from := func(v *int64, of func(Candidate) (int64, bool)) {
		if v != nil {
			m.add(func(c Candidate) bool { n, ok := of(c); return ok && n >= *v })
		}
	}
	before(f.CreatedBefore, Candidate.Created)
	since(f.CreatedAfter, Candidate.Created)
	since(f.ModifiedSince, Candidate.Modified)
	before(f.UnmodifiedSince, Candidate.Modified)
	before(f.ExpireBefore, Candidate.Expires)
	since(f.ExpireAfter, Candidate.Expires)
	below(f.StateTagSmaller, Candidate.StateTag)
	from(f.StateTagBigger, Candidate.StateTag)
	from(f.SizeAbove, Candidate.Size)
	below(f.SizeBelow, Candidate.Size)
}

func (m *Matcher) add(holds func(Candidate) bool) {
	m.tests = append(m.tests, func(c Candidate) (bool, error) { return holds(c), nil })
}

// addOwn adds the conditions on the candidate itself.
func (m *Matcher) addOwn(f *FilterCriteria) {
	for _, has := range alternatives(f.Types, f.Labels, f.Attributes) {
		m.add(has)
	}
	if len(f.ContentTypes) > 0 {
		m.add(func(c Candidate) bool { return hasContentType(c, f.ContentTypes) })
	}
	var queries []labelsQuery
	for _, expression := range f.LabelsQuery {
		if q, err := parseLabelsQuery(expression); err == nil { // Check has parsed them all
			queries = append(queries, q)
		}
	}
	if len(queries) > 0 {
		m.add(func(c Candidate) bool {
			labels := c.Labels()
			return slices.ContainsFunc(queries, func(q labelsQuery) bool { return q.match(labels) })
		})
	}
	if q, err := parseContentQuery(f.ContentFilterQuery); err == nil && f.ContentFilterQuery != "" {
		m.add(func(c Candidate) bool { return c.Type() == TypeContentInstance && q.match(c.Attribute("con")) })
	}
}

// addRelatives adds the conditions on the parent, which select children, and
// those on any child, which select parents (C-163).
func (m *Matcher) addRelatives(f *FilterCriteria) {
	for _, has := range alternatives(f.ParentTypes, f.ParentLabels, f.ParentAttributes) {
		m.add(func(c Candidate) bool {
			parent := c.Parent()
			return parent != nil && has(parent)
		})
	}
	for _, has := range alternatives(f.ChildTypes, f.ChildLabels, f.ChildAttributes) {
		m.tests = append(m.tests, func(c Candidate) (found bool, err error) {
			err = c.EachChild(func(child Candidate) bool {
				found = has(child)
				return !found
			})
			return found, err
		})
	}
}

// alternatives returns one condition for the types, one for the labels and one
// for each attribute name: the tag of an attribute condition is the name.
func alternatives(types []ResourceType, labels []string, attributes []AttributeCondition) []func(Candidate) bool {
	var list []func(Candidate) bool
	if len(types) > 0 {
		list = append(list, func(c Candidate) bool { return hasType(c, types) })
	}
	if len(labels) > 0 {
		list = append(list, func(c Candidate) bool { return hasLabel(c, labels) })
	}
	var names []string
	for _, a := range attributes {
		if slices.Contains(names, a.Name) {
			continue
		}
		names = append(names, a.Name)
		list = append(list, func(c Candidate) bool { return hasAttribute(c, a.Name, attributes) })
	}
	return list
}

func hasType(c Candidate, types []ResourceType) bool { return slices.Contains(types, c.Type()) }

func hasLabel(c Candidate, labels []string) bool {
	return slices.ContainsFunc(c.Labels(), func(label string) bool { return slices.Contains(labels, label) })
}

// hasContentType compares the media type part of contentInfo.
func hasContentType(c Candidate, types []string) bool {
	info, ok := c.ContentType()
	media, _, _ := strings.Cut(info, ":")
	return ok && slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, media) })
}

// hasAttribute reports whether the attribute has one of the values wanted of it.
func hasAttribute(c Candidate, name string, wanted []AttributeCondition) bool {
	v := c.Attribute(name)
	return slices.ContainsFunc(wanted, func(w AttributeCondition) bool { return w.Name == name && matchAttribute(v, w.Value) })
}

// matchAttribute compares a JSON value with the text of a condition: strings
// with * for any characters, numbers and booleans by value, a list if any of
// its members matches (C-161, C-162).
func matchAttribute(v jsontext.Value, wanted string) bool {
	if len(v) == 0 {
		return false
	}
	switch v[0] {
	case '"':
		s, ok := TextOf(v)
		return ok && matchWildcard(s, wanted)
	case '[':
		found := false
		EachItem(v, func(item jsontext.Value) bool {
			found = item[0] != '[' && matchAttribute(item, wanted)
			return !found
		})
		return found
	case 't':
		return wanted == "true" || wanted == "1"
	case 'f':
		return wanted == "false" || wanted == "0"
	case '{', 'n':
		return false
	}
	if n := jsontext.Value(wanted); n.IsValid() && n.Kind() == '0' {
		return compareNumbers(string(v), strings.TrimSpace(wanted)) == 0
	}
	return matchWildcard(string(v), wanted)
}

// matchWildcard reports whether s fits the pattern, in which * stands for any
// characters. It takes time in the product of the lengths at worst.
func matchWildcard(s, pattern string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, more, another := strings.Cut(rest, "*")
		if !another {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], more
	}
}
