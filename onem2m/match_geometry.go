package onem2m

import "bulwark/onem2m/geo"

// addGeometry adds the geographic query: the geometry of the filter is within,
// contains or intersects the location of the resource. A resource without a
// location doesn't match, nor does one whose location is no geometry (C-431).
func (m *Matcher) addGeometry(f *FilterCriteria) {
	if !f.hasGeometry() {
		return
	}
	place, err := geo.Parse(geo.Kind(*f.GeometryType), f.Geometry) // Check has parsed it
	if err != nil {
		m.add(func(Candidate) bool { return false })
		return
	}
	function := geo.Function(*f.GeoSpatialFunction)
	m.add(func(c Candidate) bool {
		loc, err := ParseObject(c.Attribute("loc"))
		if err != nil {
			return false
		}
		kind, _ := loc.Int("typ")
		coordinates, _ := loc.Text("crd")
		shape, err := geo.Parse(geo.Kind(kind), coordinates)
		if err != nil {
			return false
		}
		ok, err := place.Is(function, shape)
		return err == nil && ok
	})
}
