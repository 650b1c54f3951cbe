package onem2m

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// contentQuery is a parsed contentFilterQuery in jsonpath syntax (TS-0001 annex
// J.2): an OR of ANDs of comparisons.
type contentQuery [][]contentComparison

// contentComparison compares what a path leads to with a literal; without an
// operator it tests that the path leads anywhere.
type contentComparison struct {
	path     []contentStep
	operator string // "", EQ, NE, GT, LT, GE, LE, MATCH
	literal  jsontext.Value
	pattern  *regexp.Regexp // of MATCH
}

// contentStep is a member name, or an index if name is "".
type contentStep struct {
	name  string
	index int
}

// Limits of a content query.
const (
	maxContentQuery = 2048 // octets
	maxContentIndex = 1_000_000
)

// parseContentQuery reads the subset of C-172: paths that begin with $, steps
// .name and [n], EQ NE GT LT GE LE MATCH with a literal, AND and OR, of which
// AND binds closer. Errors are 4000 of cfq.
func parseContentQuery(s string) (contentQuery, error) {
	bad := Errorf(BadRequest, "cfq", "the query is not in the supported subset of jsonpath")
	if len(s) > maxContentQuery {
		return nil, Errorf(BadRequest, "cfq", "the query is longer than %d octets", maxContentQuery)
	}
	words, ok := splitContentQuery(s)
	if !ok || len(words) == 0 {
		return nil, bad
	}
	query := contentQuery{nil}
	for {
		var c contentComparison
		if c, words, ok = parseComparison(words); !ok {
			return nil, bad
		}
		last := len(query) - 1
		query[last] = append(query[last], c)
		if len(words) == 0 {
			return query, nil
		}
		switch words[0] {
		case "AND":
		case "OR":
			query = append(query, nil)
		default:
			return nil, bad
		}
		words = words[1:]
	}
}

// splitContentQuery splits at spaces outside quotes.
func splitContentQuery(s string) (words []string, ok bool) {
	for i := 0; i < len(s); {
		if s[i] == ' ' {
			i++
			continue
		}
		start := i
		for i < len(s) && s[i] != ' ' {
			if s[i] != '"' && s[i] != '\'' {
				i++
				continue
			}
			quote := s[i]
			for i++; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return nil, false
			}
			i++
		}
		words = append(words, s[start:i])
	}
	return words, true
}

func parseComparison(words []string) (c contentComparison, rest []string, ok bool) {
	if len(words) == 0 {
		return c, nil, false
	}
	if c.path, ok = parseContentPath(words[0]); !ok {
		return c, nil, false
	}
	words = words[1:]
	if len(words) == 0 || words[0] == "AND" || words[0] == "OR" {
		return c, words, true
	}
	switch words[0] {
	case "EQ", "NE", "GT", "LT", "GE", "LE", "MATCH":
		c.operator = words[0]
	default:
		return c, nil, false
	}
	if len(words) < 2 {
		return c, nil, false
	}
	if c.literal, ok = parseContentLiteral(words[1]); !ok {
		return c, nil, false
	}
	if c.operator == "MATCH" {
		s, isText := TextOf(c.literal)
		pattern, err := regexp.Compile(s)
		if !isText || err != nil {
			return c, nil, false
		}
		c.pattern = pattern
	}
	return c, words[2:], true
}

func parseContentPath(s string) (steps []contentStep, ok bool) {
	s, ok = strings.CutPrefix(s, "$")
	if !ok {
		return nil, false
	}
	for s != "" {
		switch s[0] {
		case '.':
			end := strings.IndexAny(s[1:], ".[") + 1
			if end == 0 {
				end = len(s)
			}
			if end == 1 || strings.ContainsAny(s[1:end], `"'()*?@$]`) {
				return nil, false
			}
			steps = append(steps, contentStep{name: s[1:end]})
			s = s[end:]
		case '[':
			inner, rest, closed := strings.Cut(s[1:], "]")
			n, err := strconv.ParseUint(inner, 10, 31)
			if !closed || err != nil || n > maxContentIndex {
				return nil, false
			}
			steps = append(steps, contentStep{index: int(n)})
			s = rest
		default:
			return nil, false
		}
	}
	return steps, true
}

// parseContentLiteral reads a quoted string, a number, true, false or null.
func parseContentLiteral(s string) (jsontext.Value, bool) {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		inner := strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`)
		return TextValue(inner), true
	}
	v := jsontext.Value(s)
	if !v.IsValid() || v.Compact() != nil || v.Kind() == '{' || v.Kind() == '[' {
		return nil, false
	}
	return v, true
}

// match evaluates the query on the content attribute of an instance: JSON, or
// a string that holds JSON. Anything else never matches.
func (q contentQuery) match(content jsontext.Value) bool {
	if b, ok := text(content); ok {
		content = append(jsontext.Value(nil), b...)
		if content.Compact() != nil {
			return false
		}
	}
	if len(content) == 0 {
		return false
	}
	for _, all := range q {
		matched := true
		for _, c := range all {
			matched = matched && c.match(content)
		}
		if matched {
			return true
		}
	}
	return false
}

func (c *contentComparison) match(content jsontext.Value) bool {
	v := content
	for _, step := range c.path {
		if v = step.from(v); v == nil {
			return false
		}
	}
	switch c.operator {
	case "":
		return true
	case "MATCH":
		s, ok := TextOf(v)
		return ok && c.pattern.MatchString(s)
	case "NE":
		order, comparable := compareScalars(v, c.literal)
		return !comparable || order != 0
	}
	order, comparable := compareScalars(v, c.literal)
	if !comparable {
		return false
	}
	switch c.operator {
	case "EQ":
		return order == 0
	case "GT":
		return order > 0
	case "LT":
		return order < 0
	case "GE":
		return order >= 0
	}
	return order <= 0
}

// from returns what the step leads to, or nil.
func (s contentStep) from(v jsontext.Value) (found jsontext.Value) {
	if s.name == "" {
		at := 0
		EachItem(v, func(item jsontext.Value) bool {
			if at == s.index {
				found = item
			}
			at++
			return found == nil
		})
		return found
	}
	EachPair(v, func(name, value jsontext.Value) bool {
		if n, ok := text(name); ok && string(n) == s.name {
			found = value
		}
		return found == nil
	})
	return found
}

// compareScalars orders two JSON scalars of one kind; booleans and null are
// only equal or not (order 1).
func compareScalars(a, b jsontext.Value) (order int, comparable bool) {
	switch {
	case a.Kind() == '"' && b.Kind() == '"':
		s, _ := TextOf(a)
		t, _ := TextOf(b)
		return strings.Compare(s, t), true
	case a.Kind() == '0' && b.Kind() == '0':
		return compareNumbers(string(a), string(b)), true
	case a.Kind() == '{' || a.Kind() == '[':
		return 0, false
	case string(a) == string(b):
		return 0, true
	}
	return 1, a.Kind() == b.Kind()
}

// compareNumbers compares two JSON numbers by value, integers of 64 bits
// exactly.
func compareNumbers(a, b string) int {
	m, okM := IntOf([]byte(a))
	n, okN := IntOf([]byte(b))
	if okM && okN {
		return cmp.Compare(m, n)
	}
	// A number beyond the range becomes infinite, which orders it rightly.
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y)
}
