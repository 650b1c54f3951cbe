package cse

import (
	"fmt"
	"testing"

	"bulwark/onem2m"
)

func TestCriteria_C448_CompareValuesOfOneKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value     string
		operator  int
		threshold string
		want      bool
	}{
		{`3`, isEqual, `3`, true},
		{`3`, isEqual, `3.0`, true},
		{`3`, isNotEqual, `3`, false},
		{`9007199254740993`, isGreater, `9007199254740992`, true},
		{`2.5`, isLess, `3`, true},
		{`3`, isAtLeast, `3`, true},
		{`4`, isAtMost, `3`, false},
		{`10`, isGreater, `9`, true},
		{`"b"`, isGreater, `"a"`, true},
		{`"a"`, isEqual, `"a"`, true},
		{`"3"`, isEqual, `3`, false},
		{`"3"`, isNotEqual, `3`, false},
		{`true`, isEqual, `true`, true},
		{`true`, isEqual, `false`, false},
		{`true`, isNotEqual, `false`, true},
		{`true`, isGreater, `false`, false},
		{`["a"]`, isEqual, `["a"]`, true},
		{`["a"]`, isNotEqual, `["b"]`, true},
		{`["b"]`, isGreater, `["a"]`, false},
		{`3`, 9, `3`, false},
	} {
		t.Run(fmt.Sprintf("C-448 %s %d %s", tt.value, tt.operator, tt.threshold), func(t *testing.T) {
			attrs := onem2m.Object{{Name: "x", Value: []byte(tt.value)}}
			criteria := onem2m.Object{{Name: "sbjt", Value: []byte(`"x"`)}, {Name: "optr", Value: onem2m.IntValue(int64(tt.operator))}, {Name: "thld", Value: []byte(tt.threshold)}}
			if got := satisfied(attrs, criteria); got != tt.want {
				t.Errorf("got %t", got)
			}
			if satisfied(nil, criteria) {
				t.Error("satisfied by nothing")
			}
		})
	}
}
