package onem2m

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Geometry types, m2m:geometryType.
const (
	geometryPoint = iota + 1
	geometryLine
	geometryPolygon
	geometryMultiPoint
	geometryMultiLine
	geometryMultiPolygon
)

// maxNumbers bounds a geometry: comparing two takes time in the product of
// their sizes at worst, for every resource that a query looks at.
const maxNumbers = 3000

// checkGeometry checks a checked m2m:geoCoordinates: the coordinates are a JSON
// array inside a string whose shape fits the type (C-430).
func checkGeometry(v jsontext.Value, subject string) *Error {
	o, err := ParseObject(v)
	if err != nil {
		return Errorf(BadRequest, subject, "the value must be an object")
	}
	kind, _ := o.Int("typ")
	coordinates, _ := o.Text("crd")
	if !ValidGeometry(kind, coordinates) {
		return Errorf(BadRequest, subject, "the coordinates don't fit the geometry")
	}
	return nil
}

// ValidGeometry reports whether coordinates is a JSON array of the shape that
// a geometry of this m2m:geometryType has: a position is two or three numbers,
// a line two positions or more, a ring of a polygon four or more of which the
// last equals the first. A polygon without holes may be its ring alone, as
// clients write it. It has at most 3,000 numbers.
func ValidGeometry(kind int64, coordinates string) bool {
	v := jsontext.Value(coordinates)
	if !v.IsValid() || v.Compact() != nil || bytes.Count(v, []byte{','}) > maxNumbers {
		return false
	}
	switch kind {
	case geometryPoint:
		return isPosition(v)
	case geometryLine:
		return isArray(v, 2, isPosition)
	case geometryMultiPoint:
		return isArray(v, 1, isPosition)
	case geometryPolygon:
		return isPolygon(v)
	case geometryMultiLine:
		return isArray(v, 1, func(line jsontext.Value) bool { return isArray(line, 2, isPosition) })
	case geometryMultiPolygon:
		return isArray(v, 1, isPolygon)
	}
	return false
}

func isPosition(v jsontext.Value) bool {
	list, err := ParseList(v)
	return err == nil && len(list) <= 3 && isArray(v, 2, func(n jsontext.Value) bool { return n.Kind() == '0' })
}

func isPolygon(v jsontext.Value) bool { return isRing(v) || isArray(v, 1, isRing) }

func isRing(v jsontext.Value) bool {
	list, err := ParseList(v)
	return err == nil && isArray(v, 4, isPosition) && bytes.Equal(list[0], list[len(list)-1])
}

// isArray reports whether v is an array of low or more elements that all
// satisfy the condition.
func isArray(v jsontext.Value, low int, satisfies func(jsontext.Value) bool) bool {
	n, all := 0, true
	array := EachItem(v, func(item jsontext.Value) bool {
		n++
		all = satisfies(item)
		return all
	})
	return array && all && n >= low
}
