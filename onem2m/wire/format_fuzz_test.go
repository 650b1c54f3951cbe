package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

func canonicalize(v *[]byte) error {
	value := jsontext.Value(*v)
	err := value.Canonicalize()
	*v = value
	return err
}

func encode(t interface{ Fatal(...any) }, v any) jsontext.Value {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is read can be written in every format, and JSON and CBOR of it are read
// as the same again.
func fuzzFormat(f *testing.F, format wire.Format) {
	f.Fuzz(func(t *testing.T, b []byte, create bool) {
		op := onem2m.Update
		if create {
			op = onem2m.Create
		}
		content, err := wire.Codec{}.DecodeContent(format, b, op, wire.Limits{})
		if err != nil {
			if e := onem2m.AsError(err); e.Code != onem2m.BadRequest {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, other := range []wire.Format{wire.JSON, wire.CBOR} {
			text, err := wire.Codec{}.AppendContent(nil, other, content)
			if err != nil {
				if onem2m.AsError(err).Code == onem2m.NotAcceptable {
					continue
				}
				t.Fatal(err)
			}
			if _, err := (wire.Codec{}).DecodeContent(other, text, op, wire.Limits{Size: 1 << 24}); err != nil {
				t.Fatalf("%s of %q can't be read: %v", other.Name(), content.Append(nil), err)
			}
		}
		_, _ = wire.Codec{}.AppendContent(nil, wire.XML, content)
	})
}

func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		`<m2m:ae xmlns:m2m="http://www.onem2m.org/xml/protocols" rn="a"><api>N1</api><lbl>a b</lbl><rr>true</rr></m2m:ae>`,
		`<m2m:acp><pv><acr><acor>C1</acor><acop>63</acop></acr></pv></m2m:acp>`, `<m2m:sgn><nev><rep><m2m:cin><con/></m2m:cin></rep></nev></m2m:sgn>`,
		`<m2m:rrl><rrf nm="a" typ="3">x</rrf></m2m:rrl>`, `<!DOCTYPE a>`, `<a:b xmlns:a="m2m"/>`, `<m2m:rqp><fc><atr><nm>a</nm></atr></fc></m2m:rqp>`,
	} {
		f.Add([]byte(seed), true)
	}
	fuzzFormat(f, wire.XML)
}

func FuzzCBOR(f *testing.F) {
	for _, seed := range []string{
		"\xa1\x67m2m:cnt\xa2\x62rn\x61a\x63mni\x19\x01\xf4", "\xbf\x67m2m:cnt\xbf\x62rn\x7f\x61a\x61b\xff\xff\xff", "\xa1\x47m2m:cnt\xa1\x61x\xfb\x3f\xf0\x00\x00\x00\x00\x00\x01",
		"\xa1\x61a\x9f\x01\xff",
	} {
		f.Add([]byte(seed), false)
	}
	fuzzFormat(f, wire.CBOR)
}
