package esprim

import (
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// inner is an inner request as it has been read.
type inner struct {
	request *onem2m.Request
	fault   error // of a parameter: it is a request, but a malformed one
	format  wire.Format
}

// readRequest reads an inner request, whatever its serialization: the content
// type is a hint that nobody has to give (E-56). It reports false for a plaintext
// that is no request primitive: a response that was sent back, for one (E-79). Of
// that the request identifier is returned if it has one.
func readRequest(codec wire.Codec, plain []byte) (in inner, rqi string, ok bool) {
	format, ok := wire.FormatOf(plain)
	if !ok {
		return inner{}, "", false
	}
	value := jsontext.Value(plain)
	if format != wire.JSON { // which is checked as it is read
		var err error
		if value, err = codec.DecodePrimitive(format, plain, wire.RequestRoot, wire.Limits{}); err != nil {
			return inner{}, "", false
		}
	}
	req, err := wire.DecodeRequest(value, wire.Limits{})
	if err == nil {
		return inner{request: req, format: format}, req.RequestID, req.Operation != 0
	}
	value, bad := wire.Canonical(value, wire.Limits{})
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
	return inner{request: req, fault: err, format: format}, rqi, true
}

// readResponse reads an inner response.
func readResponse(codec wire.Codec, plain []byte) (*onem2m.Response, error) {
	format, ok := wire.FormatOf(plain)
	if !ok {
		return nil, ErrDiscarded
	}
	value := jsontext.Value(plain)
	if format != wire.JSON {
		var err error
		if value, err = codec.DecodePrimitive(format, plain, wire.ResponseRoot, wire.Limits{}); err != nil {
			return nil, err
		}
	}
	return wire.DecodeResponse(value, wire.Limits{})
}
