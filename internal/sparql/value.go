package sparql

import (
	"cmp"
	"errors"
	"math"
	"strings"
	"time"

	"bulwark/internal/rdf"
)

// errType is the error of an expression (section 17.2): a filter drops the row, BIND leaves the variable unbound.
var errType = errors.New("type error in an expression")

func isTypeError(err error) bool { return errors.Is(err, errType) }

func truth(value bool) rdf.Term {
	if value {
		return rdf.NewLiteral("true", rdf.Boolean)
	}
	return rdf.NewLiteral("false", rdf.Boolean)
}

// boolean returns the value of an xsd:boolean.
func boolean(t rdf.Term) (value, ok bool) {
	if t.Kind != rdf.Literal || t.Datatype != rdf.Boolean {
		return false, false
	}
	switch t.Value {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	default:
		return false, false
	}
}

// effective is the effective boolean value (section 17.2.2).
func effective(t rdf.Term) (bool, error) {
	if t.Kind != rdf.Literal {
		return false, errType
	}
	if t.Datatype == rdf.Boolean {
		value, _ := boolean(t)
		return value, nil
	}
	if t.Datatype == rdf.String || t.Datatype == rdf.LangString {
		return t.Value != "", nil
	}
	if n, ok := numeric(t); ok {
		f := n.approximate()
		if n.rank <= decimal {
			return n.exact.Sign() != 0, nil
		}
		return f != 0 && !math.IsNaN(f), nil
	}
	if isNumericType(t.Datatype) {
		return false, nil
	}
	return false, errType
}

// isNumericType tells whether literals of the datatype would be numbers if their text were right.
func isNumericType(datatype string) bool {
	_, exact := numeric(rdf.NewLiteral("1", datatype))
	return exact
}

// moment returns the value of an xsd:dateTime or xsd:date. Without a zone it is taken as UTC.
func moment(t rdf.Term) (time.Time, bool) {
	var layouts []string
	switch {
	case t.Kind != rdf.Literal:
	case t.Datatype == rdf.DateTime:
		layouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05"}
	case t.Datatype == rdf.Date:
		layouts = []string{"2006-01-02Z07:00", "2006-01-02"}
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, t.Value); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// compareValues orders two values of one type that has an order: numbers, strings, truth values, dates. NaN is in no order.
func compareValues(a, b rdf.Term) (order int, ordered bool, err error) {
	if x, ok := numeric(a); ok {
		if y, ok := numeric(b); ok {
			order, ordered = x.compare(y)
			return order, ordered, nil
		}
		return 0, false, errType
	}
	if a.Kind != rdf.Literal || b.Kind != rdf.Literal || a.Datatype != b.Datatype {
		return 0, false, errType
	}
	switch a.Datatype {
	case rdf.String:
		return strings.Compare(a.Value, b.Value), true, nil
	case rdf.Boolean:
		x, ok := boolean(a)
		y, also := boolean(b)
		if !ok || !also {
			return 0, false, errType
		}
		return cmp.Compare(truth(x).Value, truth(y).Value), true, nil
	case rdf.DateTime, rdf.Date:
		x, ok := moment(a)
		y, also := moment(b)
		if !ok || !also {
			return 0, false, errType
		}
		return x.Compare(y), true, nil
	default:
		return 0, false, errType
	}
}

// relate applies a comparison (section 17.3).
func relate(operator string, a, b rdf.Term) (bool, error) {
	switch operator {
	case "=":
		return equal(a, b)
	case "!=":
		same, err := equal(a, b)
		return !same, err
	}
	order, ordered, err := compareValues(a, b)
	if err != nil || !ordered {
		return false, err
	}
	switch operator {
	case "<":
		return order < 0, nil
	case ">":
		return order > 0, nil
	case "<=":
		return order <= 0, nil
	default:
		return order >= 0, nil
	}
}

// equal is the operator =: by value where the types are known, otherwise by term. Two literals of which one is of an unknown type, or has no value,
// may or may not be equal, which is an error (RDFterm-equal, section 17.4.1.7). Values of different known types are different.
func equal(a, b rdf.Term) (bool, error) {
	order, ordered, err := compareValues(a, b)
	switch {
	case err == nil:
		return ordered && order == 0, nil
	case a == b:
		return true, nil
	case a.Kind == rdf.Literal && b.Kind == rdf.Literal && (!hasValue(a) || !hasValue(b)):
		return false, errType
	default:
		return false, nil
	}
}

// hasValue tells whether the value of a literal is known.
func hasValue(t rdf.Term) bool {
	if t.Datatype == rdf.String || t.Datatype == rdf.LangString {
		return true
	}
	_, number := numeric(t)
	_, flag := boolean(t)
	_, date := moment(t)
	return number || flag || date
}

// compareTerms is the order of ORDER BY (section 15.1): unbound, blank nodes, IRIs, literals; where values have no order, by their text.
func compareTerms(a, b rdf.Term) int {
	place := func(t rdf.Term) int {
		switch t.Kind {
		case rdf.Blank:
			return 1
		case rdf.IRI:
			return 2
		case rdf.Literal:
			return 3
		default:
			return 0
		}
	}
	if c := cmp.Compare(place(a), place(b)); c != 0 || a == b {
		return c
	}
	if a.Kind == rdf.Literal {
		if c := cmp.Compare(class(a), class(b)); c != 0 {
			return c
		}
		if order, ordered, err := compareValues(a, b); err == nil && ordered && order != 0 {
			return order
		}
	}
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Datatype, b.Datatype), strings.Compare(a.Language, b.Language))
}

// class groups literals whose values can be compared, so that the order of ORDER BY is total.
func class(t rdf.Term) string {
	if n, ok := numeric(t); ok {
		if n.rank >= float && math.IsNaN(n.float) {
			return "0"
		}
		return "1"
	}
	if isText(t) {
		return "2"
	}
	if !hasValue(t) {
		return "9" + t.Datatype
	}
	return "3" + t.Datatype
}

// convert casts a term to a datatype (section 17.5).
func convert(t rdf.Term, datatype string) (rdf.Term, error) {
	if datatype == rdf.String && t.Kind != rdf.Blank {
		return rdf.NewString(t.Value), nil
	}
	if t.Kind != rdf.Literal || t.Datatype == rdf.LangString {
		return rdf.Term{}, errType
	}
	target := rdf.NewLiteral(strings.TrimSpace(t.Value), datatype)
	n, isNumber := numeric(t)
	flag, isFlag := boolean(t)
	switch datatype {
	case rdf.Boolean:
		if isNumber {
			value, err := effective(t)
			return truth(value), err
		}
		value, ok := boolean(target)
		if !ok {
			return rdf.Term{}, errType
		}
		return truth(value), nil
	case rdf.Integer, rdf.Decimal, rdf.Float, rdf.Double:
		if isFlag {
			n, isNumber = numeric(rdf.NewLiteral(map[bool]string{true: "1", false: "0"}[flag], rdf.Integer))
		}
		if isNumber {
			return n.to(datatype)
		}
		if _, ok := numeric(target); ok && t.Datatype == rdf.String {
			return target, nil
		}
	case rdf.DateTime, rdf.Date:
		if _, ok := moment(target); ok && (t.Datatype == rdf.String || t.Datatype == datatype) {
			return target, nil
		}
		if at, ok := moment(t); ok && datatype == rdf.DateTime {
			return rdf.NewLiteral(at.Format("2006-01-02T15:04:05"), datatype), nil
		}
	}
	return rdf.Term{}, errType
}
