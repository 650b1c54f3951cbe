package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestPrimitiveProfile_IsHeldAgainstTheTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	for name, tt := range map[string]struct {
		body string
		code onem2m.StatusCode
	}{
		"additions and deletions":        {`"idl":["Capp01"],"ops":[1],"adds":[{"nm":"lbl","val":["a"]},{"nm":"rcn","val":1}],"dels":["et"],"appl":[1]`, 2001},
		"for types that have it":         {`"idl":["Capp01"],"rtys":[3],"adds":[{"nm":"mni","val":5}]`, 2001},
		"for a type that hasn't":         {`"idl":["Capp01"],"rtys":[3,9],"adds":[{"nm":"mni","val":5}]`, 4000},
		"no IDList":                      {`"adds":[{"nm":"lbl","val":["a"]}]`, 4000},
		"added and taken out":            {`"idl":["Capp01"],"adds":[{"nm":"lbl","val":["a"]}],"dels":["lbl"]`, 4000},
		"adds the originator":            {`"idl":["Capp01"],"adds":[{"nm":"fr","val":"CAdmin"}]`, 4000},
		"takes the operation out":        {`"idl":["Capp01"],"dels":["op"]`, 4000},
		"a name that nothing has":        {`"idl":["Capp01"],"adds":[{"nm":"nothing","val":1}]`, 4000},
		"a value of another type":        {`"idl":["Capp01"],"adds":[{"nm":"mni","val":"many"}]`, 4000},
		"a value that isn't simple":      {`"idl":["Capp01"],"adds":[{"nm":"enc","val":{"net":[1]}}]`, 4000},
		"an operation that there is not": {`"idl":["Capp01"],"ops":[9]`, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			w.must(tt.code, ask{op: "C62", to: "cse-in/app", from: "Capp01", rvi: "4", body: `{"m2m:prp":{` + tt.body + `}}`})
		})
	}
	w.must(onem2m.Created, ask{op: "C62", to: "cse-in/app", from: "Capp01", rvi: "4", body: `{"m2m:prp":{"rn":"p","idl":["Capp01"],"adds":[{"nm":"lbl","val":["a"]}]}}`})
	w.must(4000, ask{op: "U", to: "cse-in/app/p", from: "Capp01", rvi: "4", body: `{"m2m:prp":{"dels":["lbl"]}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/p", from: "Capp01", rvi: "4", body: `{"m2m:prp":{"dels":["et"]}}`})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/p", from: "Capp01", rvi: "4"})
}
