package cse

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/identity"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/onem2m/geo"
)

// Values of m2m:geofenceEventCriteria.
const (
	fenceEntering = iota + 1
	fenceLeaving
	fenceInside
	fenceOutside
)

// fence is what a <locationPolicy> watches for.
type fence struct {
	area  geo.Shape
	event int64
}

// fenceOf returns the fence of a policy, nil if it has none; computed once per
// version.
func fenceOf(policy *store.Record) *fence {
	return policy.Derive(store.FacetType, func(rec *store.Record) any {
		attrs := attributes(rec)
		kind, _ := attrs.Int("lit")
		event, wanted := attrs.Int("gec")
		if kind != geofenceEvent || !wanted {
			return (*fence)(nil)
		}
		area, err := readArea(attrs.Get("gta"))
		if err != nil {
			return (*fence)(nil) // none was given
		}
		return &fence{area: area, event: event}
	}).(*fence)
}

// evaluateFence looks at a new instance of a container that belongs to a
// <locationPolicy>: if it is a position, and the event that the policy watches
// for has happened, the number of the event is the next instance (C-428). What
// was before the first position counts as inside.
func evaluateFence(k *call, tx store.Tx, s *subject) error {
	link, ok := attributes(s.parent).Text("li")
	if !ok {
		return nil
	}
	policy, err := tx.ByRI(link)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	f := fenceOf(policy)
	if f == nil {
		return nil
	}
	position, err := readPosition(s.attrs.Get("con"))
	if err != nil {
		return nil //nolint:nilerr // an instance may be anything, an event among other things
	}
	inside, err := position.Is(geo.Intersects, f.area)
	if err != nil {
		return err
	}
	event, err := passage(tx, policy.ID, inside)
	if err != nil || event != f.event {
		return err
	}
	return k.c.putEvent(tx, s.parent.ID, event, k.now)
}

// passage notes where the latest position is and returns what has happened
// since the one before.
func passage(tx store.Tx, policy int64, inside bool) (int64, error) {
	name := outsideName(policy)
	_, err := tx.Setting(name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	switch was := err != nil; {
	case was && inside:
		return fenceInside, nil
	case was:
		return fenceLeaving, tx.SetSetting(name, []byte{1})
	case inside:
		return fenceEntering, tx.SetSetting(name, nil)
	}
	return fenceOutside, nil
}

// putEvent makes the instance that tells of an event; it is the CSE's own.
func (c *CSE) putEvent(tx store.Tx, container, event int64, now onem2m.Timestamp) error {
	parent, err := tx.ByID(container)
	if err != nil {
		return err
	}
	k := &call{c: c, now: now, from: identity.Originator{ID: c.Home.ID()}}
	s := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeContentInstance), parent: parent, origin: parent.Origin,
		et: parent.Expires, attrs: onem2m.Object{{Name: "con", Value: onem2m.IntValue(event)}},
	}
	_, err = k.performCreate(tx, c.types[onem2m.TypeContentInstance], s)
	return err
}

var errNoGeometry = errors.New("not the geometry that is expected")

// readPosition reads a point: a GeoJSON object, or the m2m:geoCoordinates of
// Release 4, either of them as it is or inside a string.
func readPosition(v jsontext.Value) (geo.Shape, error) {
	coordinates, err := readGeometry(v, "Point", geo.Point)
	if err != nil || !onem2m.ValidGeometry(int64(geo.Point), string(coordinates)) {
		return geo.Shape{}, errNoGeometry
	}
	return geo.Parse(geo.Point, string(coordinates))
}

// readArea reads a polygon like readPosition a point. It may also be the bare
// list of its corners, as TS-0001 clause 9.6.10 describes it, and a ring needn't
// end with its first corner.
func readArea(v jsontext.Value) (geo.Shape, error) {
	coordinates, err := readGeometry(v, "Polygon", geo.Polygon)
	if err != nil {
		return geo.Shape{}, err
	}
	text, err := closeRings(coordinates)
	if err != nil || !onem2m.ValidGeometry(int64(geo.Polygon), text) {
		return geo.Shape{}, errNoGeometry
	}
	return geo.Parse(geo.Polygon, text)
}

// readGeometry finds the coordinates in a geometry of one kind.
func readGeometry(v jsontext.Value, name string, kind geo.Kind) (jsontext.Value, error) {
	if text, ok := onem2m.TextOf(v); ok {
		v = jsontext.Value(text)
		if !v.IsValid() {
			return nil, errNoGeometry
		}
		if err := v.Compact(); err != nil {
			return nil, errNoGeometry
		}
	}
	if v.Kind() == '[' {
		return v, nil
	}
	o, err := onem2m.ParseObject(v)
	if err != nil {
		return nil, errNoGeometry
	}
	if ty, _ := o.Text("type"); ty == name {
		return o.Get("coordinates"), nil
	}
	if ty, _ := o.Int("typ"); ty == int64(kind) {
		text, _ := o.Text("crd")
		return jsontext.Value(text), nil
	}
	return nil, errNoGeometry
}

// closeRings lets every ring of a polygon end where it begins.
func closeRings(coordinates jsontext.Value) (string, error) {
	rings, err := onem2m.ParseList(coordinates)
	if err != nil || len(rings) == 0 {
		return "", errNoGeometry
	}
	first, err := onem2m.ParseList(rings[0])
	if err != nil || len(first) == 0 {
		return "", errNoGeometry
	}
	if first[0].Kind() == '0' {
		rings = []jsontext.Value{coordinates} // a list of corners
	}
	b := []byte{'['}
	for i, ring := range rings {
		corners, err := onem2m.ParseList(ring)
		if err != nil || len(corners) == 0 {
			return "", errNoGeometry
		}
		if !bytes.Equal(corners[0], corners[len(corners)-1]) {
			corners = append(corners, corners[0])
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = append(b, bytes.Join(plain(corners), []byte{','})...)
		b = append(b, ']')
	}
	return string(append(b, ']')), nil
}

func plain(list []jsontext.Value) [][]byte {
	out := make([][]byte, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
