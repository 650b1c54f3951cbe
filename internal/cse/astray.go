package cse

import "bulwark/onem2m"

// astray reports whether an answer is that of a CSE on the way to host which, for
// the time being, knows no way or doesn't know who asks: a registration there has
// to come about again. It says nothing about what the request is for.
func (c *CSE) astray(res *onem2m.Response, host onem2m.ID) bool {
	switch res.Code {
	case onem2m.NotFound, onem2m.OriginatorNotAuthenticated, onem2m.SecurityAssociationRequired:
	default:
		return false
	}
	if res.From == "" || host.Stem() != "" {
		return false // it isn't told who answers, or where the target is
	}
	who, _, err := c.Home.ParseID(res.From)
	return err == nil && who != host && who.Registrar() != host
}

// noteOutcome leaves in the audit trail what became of a request that was passed
// on, unless it was carried out: the CSE on which it was refused has the reason.
func (k *call) noteOutcome(hop onem2m.ID, res *onem2m.Response, err error) {
	if k.c.Auditor == nil || err == nil && (res == nil || res.Code.Success()) {
		return
	}
	k.noteFailure(hop, res, err)
}

// noteFailure is noteOutcome for what the trail has to keep: apart, because an
// Audit is large, and mostly none is made.
func (k *call) noteFailure(hop onem2m.ID, res *onem2m.Response, err error) {
	var a Audit
	if err != nil {
		e := onem2m.AsError(err)
		reason := "next hop " + string(hop) + ": " + e.Error()
		a = k.audited(k.from.ID, "transit", e.Code, reason)
	} else {
		a = k.audited(k.from.ID, "transit", res.Code, "next hop "+string(hop)+": the answer of "+res.From)
	}
	a.Time, a.Note = k.c.Now(), true
	k.c.Auditor.Decision(a)
}
