package wsb

import (
	"bytes"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// subprotocols are the names of the serializations, in the order in which this
// side prefers them (TS-0020 clause 6.2.2.9).
var subprotocols = []string{"oneM2M.json", "oneM2M.cbor", "oneM2M.xml"}

// serialization is how the messages of one connection are written.
type serialization struct {
	format wire.Format
	codec  wire.Codec
	limits wire.Limits
}

// formatOf returns the format behind the name of a subprotocol.
func formatOf(subprotocol string) (wire.Format, bool) {
	switch subprotocol {
	case "oneM2M.json":
		return wire.JSON, true
	case "oneM2M.cbor":
		return wire.CBOR, true
	case "oneM2M.xml":
		return wire.XML, true
	}
	return 0, false
}

// kind is the type of frame that the format goes in (B-89).
func (s *serialization) kind() websocket.MessageType {
	if s.format == wire.CBOR {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}

// request appends a request primitive to dst.
func (s *serialization) request(dst []byte, r *onem2m.Request) ([]byte, error) {
	if s.format == wire.JSON {
		return wire.AppendRequest(dst, r), nil
	}
	return s.codec.AppendPrimitive(dst, s.format, wire.RequestRoot, wire.EncodeRequest(r))
}

// response appends a response primitive to dst.
func (s *serialization) response(dst []byte, r *onem2m.Response) ([]byte, error) {
	if s.format == wire.JSON {
		return wire.AppendResponse(dst, r), nil
	}
	return s.codec.AppendPrimitive(dst, s.format, wire.ResponseRoot, wire.EncodeResponse(r))
}

// content is what a message is.
type content uint8

const (
	neither content = iota
	aRequest
	aResponse
)

// open tells what a message is and returns it as JSON. A request is told by its
// op, a response by its rsc; with both or none of them it is neither (B-88). An
// error says that it isn't in the format.
func (s *serialization) open(b []byte) (content, []byte, error) {
	switch s.format {
	case wire.JSON:
		return told(b), b, nil
	case wire.XML:
		is, root := aRequest, wire.RequestRoot
		if rootOf(b) == "rsp" {
			is, root = aResponse, wire.ResponseRoot
		}
		v, err := s.codec.DecodePrimitive(wire.XML, b, root, s.limits) // which holds the root against it
		if err != nil {
			return neither, nil, err
		}
		return is, v, nil
	case wire.CBOR:
		v, err := s.codec.DecodePrimitive(wire.CBOR, b, wire.RequestRoot, s.limits)
		if err != nil {
			return neither, nil, err
		}
		return told(v), v, nil
	}
	return neither, nil, onem2m.Errorf(onem2m.BadRequest, "", "unknown format")
}

// rootOf is the local name of the first element of a document, "" if there is
// none at its beginning. It looks no further.
func rootOf(b []byte) string {
	for {
		at := bytes.IndexByte(b, '<')
		if at < 0 || at+1 == len(b) {
			return ""
		}
		b = b[at+1:]
		if bytes.HasPrefix(b, []byte("!--")) {
			_, b, _ = bytes.Cut(b, []byte("-->"))
			continue
		}
		if b[0] == '?' || b[0] == '!' {
			continue
		}
		name := b[:min(len(b), maxRoot)]
		if end := bytes.IndexAny(name, " \t\r\n/>"); end >= 0 {
			name = name[:end]
		}
		return string(name[bytes.IndexByte(name, ':')+1:])
	}
}

// maxRoot is longer than the names of the roots with a prefix that anybody uses.
const maxRoot = 256

// told looks for the members op and rsc in the text of an object.
func told(b []byte) content {
	op, rsc := bytes.Contains(b, []byte(`"op"`)), bytes.Contains(b, []byte(`"rsc"`))
	switch {
	case op == rsc, bytes.Contains(b, []byte(`\u`)): // the names may be spelled otherwise
		return members(b)
	case op: // the other one is nowhere, not even in a content
		return aRequest
	}
	return aResponse
}

// members is told for a text that has both somewhere.
func members(b []byte) content {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if d.PeekKind() != '{' {
		return neither
	}
	_, _ = d.ReadToken() // the brace
	is := neither
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return neither
		}
		found := neither
		switch name.String() {
		case "op":
			found = aRequest
		case "rsc":
			found = aResponse
		}
		if found != neither && is != neither {
			return neither
		}
		is = max(is, found)
		if err := d.SkipValue(); err != nil {
			return neither
		}
	}
	return is
}
