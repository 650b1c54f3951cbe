package geo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/peterstace/simplefeatures/geom"
)

// Kind is a value of m2m:geometryType.
type Kind int64

// The kinds of geometry.
const (
	Point Kind = iota + 1
	LineString
	Polygon
	MultiPoint
	MultiLineString
	MultiPolygon
)

// Function is a value of m2m:geoSpatialFunctionType.
type Function int64

// The spatial functions.
const (
	Within Function = iota + 1
	Contains
	Intersects
)

// Shape is a geometry in the plane of its coordinates. It is immutable.
type Shape struct{ geometry geom.Geometry }

// names are the types of RFC 7946 by kind, with the depth of nested arrays.
var names = [...]struct {
	name  string
	depth int
}{
	Point: {"Point", 1}, LineString: {"LineString", 2}, Polygon: {"Polygon", 3},
	MultiPoint: {"MultiPoint", 2}, MultiLineString: {"MultiLineString", 3}, MultiPolygon: {"MultiPolygon", 4},
}

// Parse reads a geometry from its coordinates, a JSON array as in RFC 7946. A
// polygon without holes may be written as its ring alone, as clients do. A
// polygon that crosses itself is an error.
func Parse(kind Kind, coordinates string) (Shape, error) {
	if kind < Point || kind > MultiPolygon {
		return Shape{}, fmt.Errorf("geometry type %d", kind)
	}
	if areal := kind == Polygon || kind == MultiPolygon; areal && depth(coordinates) == names[kind].depth-1 {
		var err error
		if coordinates, err = wrapRings(kind, coordinates); err != nil {
			return Shape{}, err
		}
	}
	g, err := geom.UnmarshalGeoJSON([]byte(`{"type":"` + names[kind].name + `","coordinates":` + coordinates + `}`))
	if err != nil {
		return Shape{}, fmt.Errorf("geometry: %w", err)
	}
	if g.IsEmpty() {
		return Shape{}, errors.New("an empty geometry")
	}
	return Shape{geometry: g}, nil
}

// depth counts how many arrays enclose the first number.
func depth(coordinates string) int {
	n := 0
	for i := range len(coordinates) {
		switch coordinates[i] {
		case '[':
			n++
		case ' ', '\t', '\r', '\n':
		default:
			return n
		}
	}
	return n
}

// wrapRings makes polygons of bare rings.
func wrapRings(kind Kind, coordinates string) (string, error) {
	if kind == Polygon {
		return "[" + coordinates + "]", nil
	}
	var b strings.Builder
	level := 0
	for i := range len(coordinates) {
		switch c := coordinates[i]; c {
		case '[':
			if level++; level == 2 {
				b.WriteByte('[')
			}
			b.WriteByte(c)
		case ']':
			b.WriteByte(c)
			if level == 2 {
				b.WriteByte(']')
			}
			if level--; level < 0 {
				return "", errors.New("brackets that don't match")
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// Is reports whether s stands in the relation to other that the function
// names: s is within other, contains it, or has a point in common with it. As
// in OGC Simple Features, a shape isn't within another if it only touches its
// boundary.
func (s Shape) Is(f Function, other Shape) (bool, error) {
	switch f {
	case Within:
		return geom.Within(s.geometry, other.geometry)
	case Contains:
		return geom.Contains(s.geometry, other.geometry)
	case Intersects:
		return geom.Intersects(s.geometry, other.geometry), nil
	}
	return false, fmt.Errorf("spatial function %d", f)
}
