package cse

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// consultationProcedures are those of <dynamicAuthorizationConsultation>, which
// says whom to ask when no policy permits a request (C-264). As long as no
// resource can link to it, nobody is asked: daci is refused with 5001.
func consultationProcedures() *procedures {
	return &procedures{check: checkConsultation}
}

// maxConsultationPoints bounds dynamicAuthorizationPoA: they are tried in turn
// while a request waits.
const maxConsultationPoints = 16

// checkConsultation: there is somebody to ask.
func checkConsultation(_ *call, _ store.Reader, s *subject) error {
	points, _ := s.attrs.Texts("dap")
	switch {
	case len(points) == 0:
		return onem2m.Errorf(onem2m.BadRequest, "dap", "at least one point of access is needed")
	case len(points) > maxConsultationPoints:
		return onem2m.Errorf(onem2m.BadRequest, "dap", "more than %d points of access", maxConsultationPoints)
	}
	return nil
}
