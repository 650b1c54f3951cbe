package esprim

import (
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// inner is an inner request as it has been read.
type inner struct {
	request *onem2m.Request
	fault   error // of a parameter: it is a request, but a malformed one
}

// readRequest reads an inner request. It reports false for a plaintext that is
// no request primitive: a response that was sent back, for one (E-79). Of that
// the request identifier is returned if it has one.
func readRequest(plain []byte) (in inner, rqi string, ok bool) {
	req, err := wire.DecodeRequest(plain, wire.Limits{})
	if err == nil {
		return inner{request: req}, req.RequestID, req.Operation != 0
	}
	value, bad := wire.Canonical(plain, wire.Limits{})
	if bad != nil {
		return inner{}, "", false
	}
	o, bad := onem2m.ParseObject(value)
	if bad != nil {
		return inner{}, "", false
	}
	rqi, _ = o.Text("rqi")
	if _, op := o.Int("op"); !op || o.Has("rsc") {
		return inner{}, rqi, false
	}
	req.RequestID = rqi
	req.From, req.HasFrom = o.Text("fr")
	return inner{request: req, fault: err}, rqi, true
}
