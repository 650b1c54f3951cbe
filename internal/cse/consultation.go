package cse

import (
	"bulwark/internal/dynauth"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// consultationProcedures are those of <dynamicAuthorizationConsultation>, which
// says whom to ask when no policy permits a request (C-264).
func consultationProcedures() *procedures {
	return &procedures{check: checkConsultation}
}

// checkConsultation: there is somebody to ask.
func checkConsultation(k *call, r store.Reader, s *subject) error {
	if err := k.checkReserved(r, s, []link{k.c.consult}); err != nil {
		return err
	}
	points, _ := s.attrs.Texts("dap")
	switch {
	case len(points) == 0:
		return onem2m.Errorf(onem2m.BadRequest, "dap", "at least one point of access is needed")
	case len(points) > dynauth.MaxPoints:
		return onem2m.Errorf(onem2m.BadRequest, "dap", "more than %d points of access", dynauth.MaxPoints)
	}
	return nil
}

// referral is what such a resource says.
type referral struct {
	name     string // address or resource-ID, for people
	enabled  bool
	points   []string
	lifetime string // dal, "" for none
}

// referralOf reads the attributes of one, nil if they can't be those of one.
func referralOf(name string, attrs onem2m.Object) *referral {
	u := &referral{name: name}
	u.enabled, _ = attrs.Bool("dae")
	u.points, _ = attrs.Texts("dap")
	u.lifetime, _ = attrs.Text("dal")
	if len(u.points) == 0 || len(u.points) > dynauth.MaxPoints {
		return nil
	}
	return u
}

// checkConsultations: the entries of dynamicAuthorizationConsultationIDs are
// addresses. What doesn't exist, or not yet, is passed over when somebody is to
// be asked. An UPDATE binds them to those that exist, see leads.
func (k *call) checkConsultations(r store.Reader, s *subject) error {
	list, ok := k.draft.attrs.Texts("daci")
	if !ok {
		return nil
	}
	if len(list) > maxLinks {
		return onem2m.Errorf(onem2m.BadRequest, "daci", "more than %d consultations", maxLinks)
	}
	for _, text := range list {
		if address, err := onem2m.ParseAddress(text); err != nil || address.Attribute != "" {
			return onem2m.Errorf(onem2m.BadRequest, "daci", "not a resource identifier")
		}
	}
	if s.old == nil || k.draft.info.Kind.Announced() {
		return nil
	}
	if bound, changed := k.c.boundLinks(r, s.old, list, k.now); changed {
		s.attrs.Set("daci", onem2m.TextsValue(bound))
	}
	return nil
}

// referrals returns the consultations that govern a resource: of its own
// dynamicAuthorizationConsultationIDs, or where these lead to none of the nearest
// ancestor whose do, as far as these count for it, or else the one of the
// configuration. One that is disabled governs too, and nobody is asked
// . A policy has none.
func (c *CSE) referrals(r store.Reader, target *store.Record, now onem2m.Timestamp, lacking *missed) ([]*referral, error) {
	for rec := target; rec.Type != onem2m.TypeAccessControlPolicy && rec.Type != onem2m.TypePollingChannel; {
		var found []*referral
		links := c.guard(rec).consults
		for i := range links {
			u, err := c.linkedReferral(r, &links[i], rec, now, lacking)
			if err != nil {
				return nil, err
			}
			if u != nil {
				found = append(found, u)
			}
		}
		if len(lacking.list) > 0 {
			return found, nil
		}
		if rec != target {
			var err error
			if found, err = c.inherited(r, found, rec, target, now); err != nil {
				return nil, err
			}
		}
		if len(found) > 0 {
			return found, nil
		}
		if rec.Type == onem2m.TypeCSEBase {
			u, err := c.linkedReferral(r, &c.consult, rec, now, lacking)
			if u != nil {
				found = append(found, u)
			}
			return found, err
		}
		parent, err := r.ByID(rec.Parent)
		if err != nil {
			return nil, missing(err)
		}
		rec = parent
	}
	return nil, nil
}

// linkedReferral reads one entry of rec. What can't be read is none, and neither is
// what has taken the place of another one.
func (c *CSE) linkedReferral(r store.Reader, l *link, rec *store.Record, now onem2m.Timestamp, lacking *missed) (*referral, error) {
	switch {
	case !l.valid:
		return nil, nil
	case !l.address.Local(c.Home):
		f, known := c.foreign(l.address, now)
		if !known {
			lacking.add(c.foreignKey(l.address))
		}
		if f == nil {
			return nil, nil
		}
		return f.referral, nil
	}
	t, err := c.resolve(r, l.address.Path, now)
	if err != nil || t.virtual != "" || t.rec.Type != onem2m.TypeDynamicAuthorizationConsultation {
		return nil, nil //nolint:nilerr // it is passed over (A-139)
	}
	if meant, err := c.meansConsultation(r, l, t.rec, rec, now); !meant {
		return nil, err
	}
	return referralOf(l.text, attributes(t.rec)), nil
}

// meansConsultation reports whether an entry of rec is meant for the consultation
// that it is resolved to, and not for one that had its place before (see leads). One
// that came later counts if who has made it may choose for rec whom to ask.
func (c *CSE) meansConsultation(r store.Reader, l *link, consultation, rec *store.Record, now onem2m.Timestamp) (bool, error) {
	if l.leads(consultation) || consultation.Origin == c.admin {
		return true, nil
	}
	return c.decidesAbout(r, consultation.Origin, rec, now)
}
