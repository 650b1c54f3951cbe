package wire

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

// DecodeResponse reads a response primitive in JSON, without a wrapper
// (C-459). Members that it doesn't know are passed over: a peer of a later
// release may send them. What was read so far is returned with an error.
func DecodeResponse(b []byte, limits Limits) (*onem2m.Response, error) {
	r := &onem2m.Response{}
	v, err := canonical(b, limits)
	if err != nil {
		return r, err
	}
	if err := eachParameter(v, func(m onem2m.Member) error { return setResponse(r, m) }); err != nil {
		return r, err
	}
	if r.Code == 0 {
		return r, onem2m.Errorf(onem2m.BadRequest, "rsc", "the response status code is missing")
	}
	return r, nil
}

// highestCode is above every class of response status codes.
const highestCode = 9999

func setResponse(r *onem2m.Response, m onem2m.Member) (err error) {
	switch m.Name {
	case "rsc":
		n, ok := onem2m.IntOf(m.Value)
		if !ok || n < 1000 || n > highestCode {
			return onem2m.Errorf(onem2m.BadRequest, "rsc", "the value must be a response status code")
		}
		r.Code = onem2m.StatusCode(n)
	case "rqi":
		return setText(&r.RequestID, m)
	case "pc":
		r.Content, err = contentOf(m.Value)
		return err
	case "to":
		return setText(&r.To, m)
	case "fr":
		return setText(&r.From, m)
	case "ot":
		return setTime(&r.OriginatingTimestamp, m)
	case "rset":
		return setTime(&r.ResultExpiration, m)
	case "ec":
		return setNumber(&r.EventCategory, m)
	case "rvi":
		return setText(&r.Release, m)
	case "vsi":
		var s string
		err = setText(&s, m)
		r.VendorInformation = &s
		return err
	case "cnst":
		return setSmall(&r.ContentStatus, m)
	case "cnot":
		return setSmall(&r.ContentOffset, m)
	default:
		return setSecurity(r, m)
	}
	return nil
}

// setSecurity takes the parameters of dynamic authorization.
func setSecurity(r *onem2m.Response, m onem2m.Member) error {
	switch m.Name {
	case "ati":
		r.AssignedTokenIDs = m.Value
	case "tqf":
		r.TokenRequestInfo = m.Value
	case "asri":
		return setFlag(&r.AuthorSignRequest, m)
	}
	return nil
}

// EncodeResponse writes a response primitive in canonical JSON.
func EncodeResponse(r *onem2m.Response) []byte {
	return AppendResponse(make([]byte, 0, sizeAround(r.Content)), r)
}

// AppendResponse writes a response primitive in canonical JSON to dst.
func AppendResponse(dst []byte, r *onem2m.Response) []byte {
	w := writer{append(dst, '{')}
	w.number("rsc", int64(r.Code))
	w.text("rqi", r.RequestID)
	if r.Content != nil {
		w.name("pc")
		w.b = r.Content.Append(w.b)
	}
	w.text("to", r.To)
	w.text("fr", r.From)
	w.text("ot", r.OriginatingTimestamp)
	w.text("rset", r.ResultExpiration)
	w.numberIf("ec", r.EventCategory)
	if r.ContentStatus != 0 {
		w.number("cnst", int64(r.ContentStatus))
	}
	if r.ContentOffset != 0 {
		w.number("cnot", int64(r.ContentOffset))
	}
	if r.AssignedTokenIDs != nil {
		w.value("ati", r.AssignedTokenIDs)
	}
	if r.TokenRequestInfo != nil {
		w.value("tqf", r.TokenRequestInfo)
	}
	w.flag("asri", r.AuthorSignRequest)
	w.text("rvi", r.Release)
	if r.VendorInformation != nil {
		w.quoted("vsi", *r.VendorInformation)
	}
	return append(w.b, '}')
}

func setSmall(into *int, m onem2m.Member) error {
	n, ok := onem2m.IntOf(m.Value)
	if !ok || n < 0 || n > 1<<31-1 {
		return onem2m.Errorf(onem2m.BadRequest, m.Name, "the value must be an integer that is not negative")
	}
	*into = int(n)
	return nil
}

// sizeAround is what a primitive with a content usually takes, in octets.
func sizeAround(content *onem2m.Content) int {
	const parameters = 256
	if content == nil {
		return parameters
	}
	return parameters + len(content.Name) + len(content.Value)
}

// writer appends members to an object that is open.
type writer struct{ b []byte }

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) value(name string, v jsontext.Value) {
	w.name(name)
	w.b = append(w.b, v...)
}

func (w *writer) text(name, s string) {
	if s != "" {
		w.quoted(name, s)
	}
}

func (w *writer) quoted(name, s string) {
	w.name(name)
	w.b = onem2m.AppendText(w.b, s)
}

func (w *writer) list(name string, list []string) {
	if len(list) > 0 {
		w.value(name, onem2m.TextsValue(list))
	}
}

func (w *writer) number(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) numberIf(name string, n *int64) {
	if n != nil {
		w.number(name, *n)
	}
}

func (w *writer) flag(name string, b *bool) {
	if b != nil {
		w.value(name, onem2m.BoolValue(*b))
	}
}
