package cse

import (
	"context"
	"errors"

	"bulwark/access"
	"bulwark/internal/rdf"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// job is one mashup with everything that its profile asks for.
type job struct {
	*descriptions
	function *semantics.Function
	input    *rdf.Graph
	xml      bool
}

// newJob reads the profile and the input parameters of an instance.
func (k *call) newJob(r store.Reader, profile *store.Record, attrs onem2m.Object) (*job, error) {
	j := &job{descriptions: k.descriptions(r, access.Retrieve)}
	var err error
	if j.input, err = k.rdfXML(attrs, "jpin"); err != nil {
		return nil, err
	}
	asked, err := k.rdfXML(attributes(profile), "iptd")
	if err != nil {
		return nil, err
	}
	if asked != nil && (j.input == nil || semantics.Provides(j.input, asked) != nil) {
		return nil, onem2m.Errorf(onem2m.BadRequest, "jpin", "an input parameter that the profile asks for is missing")
	}
	output, err := k.rdfXML(attributes(profile), "uptd")
	if err != nil {
		return nil, err
	}
	j.xml = output != nil && semantics.WantsXML(output)
	function, err := k.rdfXML(attributes(profile), "fucd")
	if err != nil {
		return nil, err
	}
	if function == nil {
		function = rdf.NewGraph()
	}
	if j.function, err = semantics.ReadFunction(function, k.now.Time()); err != nil {
		return nil, onem2m.Errorf(onem2m.NotImplemented, "mjid", "the profile has no function that this version carries out")
	}
	return j, nil
}

// represent makes the value of mashupMember: addresses, or also values.
func (j *job) represent(members []ingredient, attrs onem2m.Object) (onem2m.Object, error) {
	stored, _ := attrs.Int("mst")
	list := []byte{'['}
	for i, one := range members {
		o, err := j.show(one, stored == storeValues)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = o.Append(list)
	}
	return onem2m.Object{{Name: "msm", Value: append(list, ']')}}, nil
}

// compute collects the latest data of the members and applies the function.
func (j *job) compute(ctx context.Context, attrs onem2m.Object) (*mashupResult, error) {
	list, err := j.k.namedMembers(j.r, attrs)
	if err != nil {
		return nil, err
	}
	members := make([]semantics.Member, 0, len(list))
	for _, one := range list {
		m, err := j.collect(one)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	res, err := j.function.Apply(ctx, members, j.input)
	switch {
	case errors.Is(err, semantics.ErrTooLarge):
		return nil, tooWide()
	case err != nil:
		return nil, j.k.unfinished(ctx, err)
	}
	if j.xml {
		return &mashupResult{format: "application/xml", text: string(res.XML())}, nil
	}
	text, err := resultText(res)
	return &mashupResult{format: "application/json", text: text}, err
}

// collect reads the data of one member: its latest value, if it is of a type
// that has one, and its descriptions.
func (j *job) collect(one ingredient) (semantics.Member, error) {
	if one.rec == nil {
		return j.told(one)
	}
	rec := one.rec
	m := semantics.Member{IRI: j.k.c.documentBase(rec.RI)}
	var err error
	if m.Value, m.HasValue, err = j.value(rec); err != nil {
		return m, err
	}
	if !m.HasValue && hasValues(rec.Type) {
		return m, noMashupMember()
	}
	return m, j.each(rec, func(smd *store.Record) (bool, error) {
		if d := j.read(smd); d != nil {
			m.Descriptions = append(m.Descriptions, d)
		}
		return true, nil
	})
}

func hasValues(ty onem2m.ResourceType) bool {
	switch ty {
	case onem2m.TypeContainer, onem2m.TypeContentInstance, onem2m.TypeTimeSeries, onem2m.TypeTimeSeriesInstance:
		return true
	}
	return false
}

// value is the latest number in a resource.
func (j *job) value(rec *store.Record) (v float64, ok bool, err error) {
	if !hasValues(rec.Type) {
		return 0, false, nil
	}
	if p := j.k.c.types[rec.Type]; p.instances != 0 {
		if rec, err = j.r.Edge(rec.ID, p.instances, true, j.k.now); err != nil {
			return 0, false, unlessMissing(err)
		}
	}
	seen, err := j.seen(rec)
	if err != nil || !seen {
		return 0, false, err
	}
	v, ok = numberIn(rec.Attributes)
	return v, ok, nil
}
