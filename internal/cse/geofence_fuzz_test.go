package cse

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m/geo"
)

// Whatever an attribute or an instance holds, it is a geometry that can be
// compared or none.
func FuzzGeofence(f *testing.F) {
	for _, seed := range []string{
		square, squareQuoted, here, there, `[[0,0],[1,0],[1,1]]`, `[]`, `[[]]`, `[[[]]]`, `null`, `7`, `""`, `"["`,
		`{"typ":3,"crd":"[[0,0],[1,0],[1,1],[0,0]]"}`, `{"type":"Polygon"}`, `{"type":"Point","coordinates":[1e400,0]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[9,9],[9,0],[0,9]]]}`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, area, position string) {
		if !jsontext.Value(area).IsValid() || !jsontext.Value(position).IsValid() {
			t.Skip("no JSON: it would have been refused before")
		}
		a, err := readArea(jsontext.Value(area))
		if err != nil {
			return
		}
		p, err := readPosition(jsontext.Value(position))
		if err != nil {
			return
		}
		if _, err := p.Is(geo.Intersects, a); err != nil {
			t.Errorf("%s and %s: %v", area, position, err)
		}
	})
}
