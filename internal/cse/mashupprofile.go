package cse

import (
	"slices"

	"bulwark/internal/rdf"
	"bulwark/internal/semantics"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxMashups bounds the instances of one profile: each is touched when that goes.
const maxMashups = 1000

func mashupProfileProcedures() *procedures {
	return &procedures{check: checkMashupProfile, verify: drafts, remove: removeMashupProfile}
}

// checkMashupProfile runs the rules of TS-0004 clause 7.4.49: the descriptors are
// RDF/XML, the member filter is a query (C-438).
func checkMashupProfile(k *call, _ store.Reader, s *subject) error {
	if list, _ := k.draft.attrs.Texts("miid"); len(list) > maxMashups {
		return onem2m.Errorf(onem2m.BadRequest, "miid", "more than %d instances", maxMashups)
	}
	if s.drafted.current(s) {
		return nil
	}
	for _, name := range []string{"iptd", "uptd", "fucd"} {
		if _, err := k.rdfXML(s.attrs, name); err != nil {
			return err
		}
	}
	filter, _ := s.attrs.Text("mbft")
	if _, err := semantics.ParseQuery(filter, k.now.Time()); err != nil {
		return invalidQuery("mbft", err)
	}
	s.drafted = &drafted{old: s.old}
	return nil
}

// rdfXML reads an attribute that holds RDF/XML in base64; nil if it isn't there.
func (k *call) rdfXML(attrs onem2m.Object, name string) (*rdf.Graph, error) {
	text, ok := attrs.Text(name)
	if !ok {
		return nil, nil
	}
	g, err := semantics.Decode(semantics.FormatRDFXML, k.c.documentBase(""), text)
	if err != nil {
		return nil, &onem2m.Error{Code: onem2m.BadRequest, Subject: name, Text: reason(err), Cause: err}
	}
	return g, nil
}

// removeMashupProfile takes the profile out of its instances (clause 7.4.49.2.4).
func removeMashupProfile(c *CSE, tx store.Tx, rec *store.Record) error {
	list, _ := attributes(rec).Texts("miid")
	for _, id := range list[:min(len(list), maxMashups)] {
		instance, err := tx.ByRI(id)
		if err != nil {
			if err = unlessMissing(err); err != nil {
				return err
			}
			continue
		}
		if instance.Type != onem2m.TypeSemanticMashupInstance {
			continue
		}
		if of, _ := attributes(instance).Text("mjid"); !c.leadsTo(tx, of, rec) {
			continue
		}
		if err := c.amend(tx, instance, c.Home.ID(), onem2m.Object{{Name: "mjid", Value: onem2m.NullValue()}}); err != nil {
			return err
		}
	}
	return nil
}

// leadsTo reports whether an address is that of a resource of this CSE.
func (c *CSE) leadsTo(r store.Reader, address string, rec *store.Record) bool {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return false
	}
	t, _, _, err := c.locate(r, a, onem2m.TimestampOf(c.Now()))
	return err == nil && t.rec != nil && t.virtual == "" && t.rec.ID == rec.ID
}

// profileOf finds the profile of a mashup; nil if there is none any more.
func (c *CSE) profileOf(r store.Reader, instance *store.Record) *store.Record {
	id, ok := attributes(instance).Text("mjid")
	if !ok {
		return nil
	}
	a, err := onem2m.ParseAddress(id)
	if err != nil {
		return nil
	}
	t, _, _, err := c.locate(r, a, onem2m.TimestampOf(c.Now()))
	if err != nil || t.rec == nil || t.virtual != "" || t.rec.Type != onem2m.TypeSemanticMashupJobProfile {
		return nil
	}
	return t.rec
}

// noteMashup enters an instance into the smiID of its profile, or takes it out.
func (c *CSE) noteMashup(tx store.Tx, profile *store.Record, ri string, there bool) error {
	list, _ := attributes(profile).Texts("miid")
	at := slices.Index(list, ri)
	switch {
	case there == (at >= 0):
		return nil
	case there:
		if len(list) >= maxMashups {
			return onem2m.Errorf(onem2m.BadRequest, "mjid", "the profile has %d instances", len(list))
		}
		list = append(slices.Clip(list), ri)
	default:
		list = slices.Delete(slices.Clone(list), at, at+1)
	}
	value := onem2m.TextsValue(list)
	if len(list) == 0 {
		value = onem2m.NullValue() // a list of one or more
	}
	return c.amend(tx, profile, c.Home.ID(), onem2m.Object{{Name: "miid", Value: value}})
}
