package cse

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:evalCriteriaOperator.
const (
	isEqual = 1 + iota
	isNotEqual
	isGreater
	isLess
	isAtLeast
	isAtMost
)

// checkCriteria: the attribute is one of the resource, the operator fits its
// type and so does the threshold (C-448).
func (k *call) checkCriteria(rec *store.Record, criteria onem2m.Object) error {
	subject, _ := criteria.Text("sbjt")
	attribute := k.c.infoOf(rec).Attribute(subject)
	if attribute == nil || slices.Contains(k.c.types[rec.Type].private, subject) {
		return onem2m.Errorf(onem2m.BadRequest, "sbjt", "no attribute of the resource")
	}
	operator, _ := criteria.Int("optr")
	if operator != isEqual && operator != isNotEqual && !ordered(attribute) {
		return onem2m.Errorf(onem2m.BadRequest, "optr", "the values of the attribute have no order")
	}
	if attribute.Type.Check(criteria.Get("thld"), "thld") != nil {
		return onem2m.Errorf(onem2m.BadRequest, "thld", "no value of the attribute")
	}
	return nil
}

// ordered reports whether one value of an attribute can be less than another.
func ordered(a *onem2m.Attribute) bool {
	if a.List {
		return false
	}
	switch a.Type.Syntax {
	case onem2m.SyntaxInteger, onem2m.SyntaxNumber, onem2m.SyntaxTimestamp, onem2m.SyntaxString, onem2m.SyntaxToken,
		onem2m.SyntaxLabel, onem2m.SyntaxScalar, onem2m.SyntaxAny:
		return true
	default:
		return false
	}
}

// satisfied reports whether a representation meets the criteria. What isn't
// there, or is of another kind than the threshold, meets none.
func satisfied(attrs, criteria onem2m.Object) bool {
	subject, _ := criteria.Text("sbjt")
	value, threshold := attrs.Get(subject), criteria.Get("thld")
	if value == nil || threshold == nil || value.Kind() != threshold.Kind() && !bothBoolean(value, threshold) {
		return false
	}
	operator, _ := criteria.Int("optr")
	order, known := compareValues(value, threshold)
	if !known {
		same := slices.Equal(value, threshold)
		return operator == isEqual && same || operator == isNotEqual && !same
	}
	switch operator {
	case isEqual:
		return order == 0
	case isNotEqual:
		return order != 0
	case isGreater:
		return order > 0
	case isLess:
		return order < 0
	case isAtLeast:
		return order >= 0
	case isAtMost:
		return order <= 0
	}
	return false
}

// bothBoolean: true and false are of two kinds in JSON.
func bothBoolean(a, b jsontext.Value) bool {
	_, left := onem2m.BoolOf(a)
	_, right := onem2m.BoolOf(b)
	return left && right
}

// compareValues orders two numbers or two strings; known is false for others.
func compareValues(a, b jsontext.Value) (order int, known bool) {
	switch a.Kind() {
	case '0':
		x, whole := onem2m.IntOf(a)
		y, also := onem2m.IntOf(b)
		if whole && also { // floating point would lose digits
			return cmp.Compare(x, y), true
		}
		f, err := strconv.ParseFloat(string(a), 64)
		if err != nil {
			return 0, false
		}
		g, err := strconv.ParseFloat(string(b), 64)
		return cmp.Compare(f, g), err == nil
	case '"':
		x, _ := onem2m.TextOf(a)
		y, _ := onem2m.TextOf(b)
		return cmp.Compare(x, y), true
	default:
		return 0, false
	}
}

// readable finds a resource here that the originator may RETRIEVE. One that is
// out of reach and one that isn't there are answered alike.
func (k *call) readable(r store.Reader, id, name string) (*store.Record, error) {
	refusal := onem2m.Errorf(onem2m.BadRequest, name, "no resource of this CSE that the originator may retrieve")
	address, err := onem2m.ParseAddress(id)
	if err != nil || address.Attribute != "" {
		return nil, refusal
	}
	path, ok := k.c.hosted(address)
	if !ok {
		return nil, refusal
	}
	t, err := k.c.resolve(r, path, k.now)
	if err != nil {
		if err = unlessMissing(err); err == nil {
			err = refusal
		}
		return nil, err
	}
	if t.virtual != "" || k.c.types[t.rec.Type] == nil {
		return nil, refusal
	}
	ok, err = k.permitted(r, t.rec, onem2m.Retrieve, access.Retrieve)
	if err == nil && !ok {
		err = refusal
	}
	if err != nil {
		return nil, err
	}
	return t.rec, nil
}
