package onem2m

import (
	"slices"
	"strings"
)

// labelsQuery is one expression of a labelsQuery (TS-0004 clause 7.3.3.17.16).
type labelsQuery struct {
	operator string // "" present, "NT", "EQ", "NE", "IN", "NI"
	key      string
	values   []string
}

// maxLabelsQuery bounds one expression in octets; labels are short texts.
const maxLabelsQuery = 2048

// parseLabelsQuery reads key, NT key, key:value, key EQ value, key NE value,
// key IN (v1, v2) or key NI (v1, v2) (C-171). Errors are 4000 of lbq.
func parseLabelsQuery(s string) (labelsQuery, error) {
	bad := Errorf(BadRequest, "lbq", "the expression is none of: key, NT key, key:value, key EQ value, key NE value, key IN (v1, v2), key NI (v1, v2)")
	s = strings.Trim(s, " ")
	if s == "" || len(s) > maxLabelsQuery || hasControl([]byte(s)) {
		return labelsQuery{}, bad
	}
	first, rest, more := strings.Cut(s, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case first == "NT" && rest != "" && !strings.Contains(rest, " "):
		return labelsQuery{operator: "NT", key: rest}, nil
	case isLabelsOperator(first):
		return labelsQuery{}, bad
	case !more:
		key, value, pair := strings.Cut(first, ":")
		switch {
		case key == "" || pair && value == "":
			return labelsQuery{}, bad
		case pair:
			return labelsQuery{operator: "EQ", key: key, values: []string{value}}, nil
		}
		return labelsQuery{key: key}, nil
	}
	operator, operand, _ := strings.Cut(rest, " ")
	operand = strings.TrimLeft(operand, " ")
	q := labelsQuery{operator: operator, key: first}
	switch operator {
	case "EQ", "NE":
		q.values = []string{operand}
	case "IN", "NI":
		inner, opened := strings.CutPrefix(operand, "(")
		inner, closed := strings.CutSuffix(inner, ")")
		if !opened || !closed {
			return labelsQuery{}, bad
		}
		for value := range strings.SplitSeq(inner, ",") {
			q.values = append(q.values, strings.Trim(value, " "))
		}
	default:
		return labelsQuery{}, bad
	}
	if slices.Contains(q.values, "") {
		return labelsQuery{}, bad
	}
	return q, nil
}

func isLabelsOperator(s string) bool {
	switch s {
	case "NT", "EQ", "NE", "IN", "NI":
		return true
	}
	return false
}

// match evaluates the expression on the labels of a resource.
func (q labelsQuery) match(labels []string) bool {
	hasKey, hasValue := false, false
	for _, label := range labels {
		key, value, pair := strings.Cut(label, ":")
		if key != q.key {
			continue
		}
		hasKey = true
		hasValue = hasValue || pair && slices.Contains(q.values, value)
	}
	switch q.operator {
	case "NT":
		return !hasKey
	case "EQ", "IN":
		return hasValue
	case "NE", "NI":
		return hasKey && !hasValue
	}
	return hasKey
}
