package wsb

import (
	"testing"

	"bulwark/onem2m/wire"
)

// FuzzMessage: whatever comes is told to be a request, a response or neither,
// without a panic, and what is one is never told to be the other.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"op":1,"to":"x","fr":"y","rqi":"1","pc":{"m2m:ae":{"rsc":"a"}},"ty":2}`,
		`{"rsc":2000,"rqi":"1","pc":{"m2m:cin":{"op":1}}}`,
		`{"op":2,"rsc":2000}`, `{}`, `[]`, ``, `{"op`, `{"op":{"rsc":`, "\xa1bop\x01", "<m2m:rqp xmlns:m2m=\"http://www.onem2m.org/xml/protocols\"><op>2</op></m2m:rqp>",
	} {
		for format := range 3 {
			f.Add(uint8(format), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, format uint8, b []byte) {
		s := serialization{format: wire.Format(format % 3), limits: wire.Limits{Size: 1 << 16, Depth: 16}}
		is, text, err := s.open(b)
		if err != nil || s.format == wire.XML {
			return
		}
		req, badRequest := wire.DecodeRequest(text, s.limits)
		res, badResponse := wire.DecodeResponse(text, s.limits)
		if badRequest == nil && req.Operation != 0 && is != aRequest {
			t.Errorf("%q is a request, and told to be %d", text, is)
		}
		if badResponse == nil && badRequest != nil && res.Code != 0 && is == aRequest {
			t.Errorf("%q is a response, and told to be a request", text)
		}
	})
}
