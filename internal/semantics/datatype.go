package semantics

import (
	"math/big"
	"regexp"
	"strings"

	"bulwark/internal/rdf"
)

// lexical are the forms of literals by data type (XML Schema part 2). A data
// type that isn't here has no form to check.
var lexical = map[string]*regexp.Regexp{
	"boolean":  regexp.MustCompile(`^(true|false|1|0)$`),
	"decimal":  regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`),
	"integer":  regexp.MustCompile(`^[+-]?[0-9]+$`),
	"float":    regexp.MustCompile(`^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN)$`),
	"double":   regexp.MustCompile(`^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN)$`),
	"dateTime": regexp.MustCompile(`^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$`),
	"date":     regexp.MustCompile(`^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?$`),
	"time":     regexp.MustCompile(`^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$`),
	"duration": regexp.MustCompile(`^-?P([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?$`),
}

// base is what each data type is derived from.
var base = map[string]string{
	"integer": "decimal", "long": "integer", "int": "long", "short": "int", "byte": "short",
	"nonNegativeInteger": "integer", "positiveInteger": "nonNegativeInteger",
	"nonPositiveInteger": "integer", "negativeInteger": "nonPositiveInteger",
	"unsignedLong": "nonNegativeInteger", "unsignedInt": "unsignedLong", "unsignedShort": "unsignedInt", "unsignedByte": "unsignedShort",
	"normalizedString": "string", "token": "normalizedString", "language": "token", "Name": "token", "NCName": "Name", "NMTOKEN": "token",
	"dateTimeStamp": "dateTime", "dayTimeDuration": "duration", "yearMonthDuration": "duration",
}

// interval are the least and the greatest value of the bounded integers.
var interval = map[string][2]string{
	"long": {"-9223372036854775808", "9223372036854775807"}, "int": {"-2147483648", "2147483647"},
	"short": {"-32768", "32767"}, "byte": {"-128", "127"},
	"nonNegativeInteger": {"0", ""}, "positiveInteger": {"1", ""}, "nonPositiveInteger": {"", "0"}, "negativeInteger": {"", "-1"},
	"unsignedLong": {"0", "18446744073709551615"}, "unsignedInt": {"0", "4294967295"}, "unsignedShort": {"0", "65535"}, "unsignedByte": {"0", "255"},
}

func isDatatype(iri string) bool { return strings.HasPrefix(iri, rdf.XSD) }

// derived reports whether one data type is derived from another.
func derived(from, of string) bool {
	name, ok := strings.CutPrefix(from, rdf.XSD)
	wanted, xsd := strings.CutPrefix(of, rdf.XSD)
	if !ok || !xsd {
		return false
	}
	for ; name != ""; name = base[name] {
		if name == wanted {
			return true
		}
	}
	return false
}

// maxDigits bounds the numbers whose value is looked at.
const maxDigits = 64

// wellFormed checks the text of a literal against its data type, and those that
// this is derived from.
func wellFormed(t rdf.Term) error {
	if t.Kind != rdf.Literal || !isDatatype(t.Datatype) {
		return nil
	}
	first := strings.TrimPrefix(t.Datatype, rdf.XSD)
	text := strings.TrimSpace(t.Value)
	for name := first; name != ""; name = base[name] {
		if form := lexical[name]; form != nil && !form.MatchString(text) {
			return inconsistent("%s is no %s", t, first)
		}
		bounds, bounded := interval[name]
		if !bounded {
			continue
		}
		if n, ok := new(big.Int).SetString(text, 10); len(text) > maxDigits || !ok || outside(n, bounds) {
			return inconsistent("%s is no %s", t, first)
		}
	}
	return nil
}

func outside(n *big.Int, bounds [2]string) bool {
	for i, text := range bounds {
		edge, ok := new(big.Int).SetString(text, 10)
		if ok && (i == 0 && n.Cmp(edge) < 0 || i == 1 && n.Cmp(edge) > 0) {
			return true
		}
	}
	return false
}
