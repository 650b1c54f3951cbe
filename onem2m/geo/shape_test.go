package geo_test

import (
	"testing"

	"bulwark/onem2m/geo"
)

const (
	square = `[[[0,0],[1,0],[1,1],[0,1],[0,0]]]`
	ring   = `[[0.0, 0.0],[1,0],[1,1],[0,1],[0,0]]`
)

func TestShape_C431(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		a     geo.Kind
		first string
		is    geo.Function
		b     geo.Kind
		other string
		want  bool
	}{
		{"a point in a square", geo.Point, `[0.5,0.5]`, geo.Within, geo.Polygon, square, true},
		{"a point in a bare ring", geo.Point, `[0.5,0.5]`, geo.Within, geo.Polygon, ring, true},
		{"a point on the edge isn't within", geo.Point, `[0,0.5]`, geo.Within, geo.Polygon, square, false},
		{"but it has it in common", geo.Point, `[0,0.5]`, geo.Intersects, geo.Polygon, square, true},
		{"a point outside", geo.Point, `[2,2]`, geo.Intersects, geo.Polygon, square, false},
		{"a square contains a line", geo.Polygon, square, geo.Contains, geo.LineString, `[[0.1,0.1],[0.2,0.2]]`, true},
		{"a line doesn't contain a square", geo.LineString, `[[0.1,0.1],[0.2,0.2]]`, geo.Contains, geo.Polygon, square, false},
		{"lines that cross", geo.LineString, `[[0,0],[2,2]]`, geo.Intersects, geo.MultiLineString, `[[[0,2],[2,0]],[[5,5],[6,6]]]`, true},
		{"points of which one is outside", geo.MultiPoint, `[[0.5,0.5],[3,3]]`, geo.Within, geo.Polygon, square, false},
		{"several polygons", geo.MultiPolygon, `[` + square + `]`, geo.Intersects, geo.Point, `[0.5,0.5]`, true},
		{"several bare rings", geo.MultiPolygon, `[` + ring + `,[[5,5],[6,5],[6,6],[5,5]]]`, geo.Contains, geo.Point, `[5.9,5.5]`, true},
		{"a hole", geo.Point, `[0.5,0.5]`, geo.Within, geo.Polygon, `[[[0,0],[1,0],[1,1],[0,1],[0,0]],[[0.4,0.4],[0.6,0.4],[0.6,0.6],[0.4,0.6],[0.4,0.4]]]`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := geo.Parse(tt.a, tt.first)
			if err != nil {
				t.Fatal(err)
			}
			b, err := geo.Parse(tt.b, tt.other)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := a.Is(tt.is, b); err != nil || got != tt.want {
				t.Errorf("got %t, %v, want %t", got, err, tt.want)
			}
		})
	}
}

func TestParse_C430_RefusesWhatIsNoGeometry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind geo.Kind
		text string
	}{
		{0, `[1,2]`},
		{7, `[1,2]`},
		{geo.Point, `1`},
		{geo.Point, `[]`},
		{geo.Point, `[1e999,2]`},
		{geo.Polygon, `[[0,0],[1,1],[1,0],[0,1],[0,0]]`}, // crosses itself
		{geo.MultiPolygon, `[[[0,0]]]]]`},
		{geo.MultiPolygon, `[]`},
	} {
		if _, err := geo.Parse(tt.kind, tt.text); err == nil {
			t.Errorf("%d %s is taken for a geometry", tt.kind, tt.text)
		}
	}
	if _, err := (geo.Shape{}).Is(9, geo.Shape{}); err == nil {
		t.Error("spatial function 9 is taken for one")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`[1,2]`, square, ring, `[[1,2],[3,4]]`, `[`, `]`} {
		f.Add(int64(geo.Polygon), s)
		f.Add(int64(geo.MultiPolygon), s)
		f.Add(int64(geo.Point), s)
	}
	place, err := geo.Parse(geo.Polygon, square)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, kind int64, s string) {
		if len(s) > 4096 {
			return
		}
		shape, err := geo.Parse(geo.Kind(kind), s)
		if err != nil {
			return
		}
		for fn := geo.Within; fn <= geo.Intersects; fn++ {
			_, _ = shape.Is(fn, place) // whatever it says, it must not panic
		}
	})
}
