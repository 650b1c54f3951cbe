package rdf

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/rdf/scan"
)

// value makes a literal of a value object (JSON-LD 1.1 API section 8.2.2).
func (j jsonld) value(o map[string]any, value any) (Term, error) {
	datatype, _ := o["@type"].(string)
	if datatype == "@json" {
		return canonicalJSON(value)
	}
	if language, ok := o["@language"].(string); ok {
		text, isText := value.(string)
		if !isText || !IsLanguage(language) {
			return Term{}, scan.Fail(0, "%q is no language, or its value is no string", language)
		}
		return NewLang(text, language), nil
	}
	if datatype != "" {
		iri, err := j.iri(0, datatype)
		if err != nil {
			return Term{}, err
		}
		datatype = iri.Value
	}
	switch v := value.(type) {
	case string:
		return NewLiteral(v, datatype), nil
	case bool:
		return NewLiteral(strconv.FormatBool(v), orType(datatype, Boolean)), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e21 && datatype != Double {
			return NewLiteral(strconv.FormatFloat(v, 'f', 0, 64), orType(datatype, Integer)), nil
		}
		return NewLiteral(canonicalDouble(v), orType(datatype, Double)), nil
	default:
		return Term{}, scan.Fail(0, "a value is no string, number or truth value")
	}
}

func orType(datatype, native string) string {
	if datatype == "" {
		return native
	}
	return datatype
}

// canonicalDouble writes a number as XML Schema does: 2.5E0.
func canonicalDouble(v float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// canonicalJSON makes a literal of any JSON value, in the form of RFC 8785.
func canonicalJSON(value any) (Term, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Term{}, scan.Fail(0, "%s", err.Error())
	}
	raw := jsontext.Value(text)
	if err := raw.Canonicalize(); err != nil {
		return Term{}, scan.Fail(0, "%s", err.Error())
	}
	return NewLiteral(string(raw), JSON), nil
}
