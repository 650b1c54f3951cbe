package distributed

import (
	"net/netip"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/access"
	"bulwark/onem2m"
)

// reader reads the attributes of a question. The first thing that is wrong is
// the error; the rest reads as nothing.
type reader struct {
	info *onem2m.TypeInfo
	o    onem2m.Object
	err  *onem2m.Error
}

// newReader begins with an object that may have these attributes alone, each of
// the type that the resource type gives it.
func newReader(kind Kind, o onem2m.Object, allowed ...string) *reader {
	r := &reader{info: onem2m.TypeByNumber(kind.Type()), o: o}
	for _, m := range o {
		switch {
		case !slices.Contains(allowed, m.Name):
			r.fail(m.Name, "not part of what a "+kind.String()+" is asked")
		case m.Name == "fu": // its type in the tables is that of all filter criteria (C-29)
		case r.info.Attribute(m.Name).CheckValue(m.Value) != nil: // its text may repeat a token
			r.fail(m.Name, "not of its type")
		}
	}
	return r
}

func (r *reader) fail(name, text string) {
	if r.err == nil {
		r.err = onem2m.Errorf(onem2m.BadRequest, name, "%s", text)
	}
}

func (r *reader) end() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// need makes attributes mandatory.
func (r *reader) need(names ...string) {
	for _, name := range names {
		if !r.o.Has(name) {
			r.fail(name, "it is needed")
		}
	}
}

func (r *reader) text(name string) string {
	s, _ := r.o.Text(name)
	if s == "" && r.o.Has(name) {
		r.fail(name, "it is empty")
	}
	return s
}

func (r *reader) number(name string) int64 {
	n, _ := r.o.Int(name)
	return n
}

func (r *reader) texts(name string, limit int) []string {
	list, _ := r.o.Texts(name)
	if len(list) > limit {
		r.fail(name, "too many")
	}
	return list
}

func (r *reader) time(name string) onem2m.Timestamp {
	t, _ := r.o.Time(name)
	return t
}

// usage reads filterUsage as the number, or inside filter criteria (C-29).
func (r *reader) usage(name string) int64 {
	if !r.o.Has(name) {
		return 0
	}
	n, ok := r.o.Int(name)
	if !ok {
		criteria, _ := r.o.Object(name)
		if n, ok = criteria.Int("fu"); len(criteria) != 1 {
			ok = false
		}
	}
	if !ok || n < 1 || n > 3 {
		r.fail(name, "1 to 3")
		return 0
	}
	return n
}

// place reads a m2m:locationRegion. Of several countries none is the one.
func (r *reader) place(name string) *access.Location {
	region, ok := r.o.Object(name)
	if !ok || r.err != nil {
		return nil
	}
	if countries, ok := region.Texts("accc"); ok {
		if len(countries) != 1 {
			return nil
		}
		return &access.Location{Country: countries[0]}
	}
	var circle []float64
	if json.Unmarshal(region.Get("accr"), &circle) != nil || len(circle) != 3 ||
		circle[0] < -90 || circle[0] > 90 || circle[1] < -180 || circle[1] > 180 || circle[2] < 0 {
		r.fail(name, "no latitude, longitude and radius in metres")
		return nil
	}
	return &access.Location{Latitude: circle[0], Longitude: circle[1], Uncertainty: circle[2], HasPosition: true}
}

// address reads a m2m:ipAddress.
func (r *reader) address(name string) netip.Addr {
	o, ok := r.o.Object(name)
	if !ok || r.err != nil {
		return netip.Addr{}
	}
	text, ok := o.Text("ip4")
	if !ok {
		text, _ = o.Text("ip6")
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || len(o) != 1 || ip.Zone() != "" {
		r.fail(name, "not one IP address")
		return netip.Addr{}
	}
	return ip.Unmap()
}
