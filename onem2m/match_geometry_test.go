package onem2m_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// placed is a candidate with a location.
type placed struct {
	onem2m.Candidate
	loc string
}

func (p placed) Attribute(name string) jsontext.Value {
	if name == "loc" && p.loc != "" {
		return jsontext.Value(p.loc)
	}
	return nil
}

func TestMatch_C431_GeographicQuery(t *testing.T) {
	t.Parallel()
	const square = `{"typ":3,"crd":"[[[0,0],[1,0],[1,1],[0,1],[0,0]]]"}`
	for _, tt := range []struct {
		name, query, loc string
		want             bool
	}{
		{"within the location", "gmty=1&gsf=1&geom=[0.5,0.5]", square, true},
		{"not within it", "gmty=1&gsf=1&geom=[2,0.5]", square, false},
		{"contains it", "gmty=3&gsf=2&geom=[[-1,-1],[2,-1],[2,2],[-1,2],[-1,-1]]", square, true},
		{"doesn't contain it", "gmty=1&gsf=2&geom=[0.5,0.5]", square, false},
		{"intersects it", "gmty=2&gsf=3&geom=[[0.5,0.5],[5,5]]", square, true},
		{"no location", "gmty=1&gsf=3&geom=[0.5,0.5]", "", false},
		{"a location that crosses itself", "gmty=1&gsf=3&geom=[0.5,0.5]", `{"typ":3,"crd":"[[0,0],[1,1],[1,0],[0,1],[0,0]]"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var req onem2m.Request
			if err := onem2m.ParseQuery(fields(tt.query), &req); err != nil {
				t.Fatal(err)
			}
			if got, err := req.Filter.Match(placed{loc: tt.loc}); err != nil || got != tt.want {
				t.Errorf("got %t, %v, want %t", got, err, tt.want)
			}
		})
	}
}
