package wire

import (
	"testing"

	"bulwark/onem2m"
)

func TestCodec_E12_E13_SecurityInformationInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"m2m:seci":{"sit":3}}`,
		`{"m2m:seci":{"sit":5,"epo":"a..b.c.d"}}`,
		`{"m2m:seci":{"sit":6,"eckm":"FgMB/w=="}}`,
		`{"m2m:seci":{"sit":4,"ero":{"esri":"U1","esrv":"xdf436f5b0b1eb79086ac236a75085601","esrx":"20160715T130000","esks":[1],"espa":[12,11,10]}}}`,
	} {
		content, err := DecodeContent([]byte(text), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []Format{JSON, CBOR, XML} {
			out, err := Codec{}.AppendContent(nil, f, content)
			if err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
			again, err := Codec{}.DecodeContent(f, out, onem2m.Notify, Limits{})
			if err != nil || again.Name != content.Name {
				t.Fatalf("%s %q: %v", f.Name(), out, err)
			}
			a, err1 := onem2m.SecurityInfoOf(content)
			b, err2 := onem2m.SecurityInfoOf(again)
			canonical := func(c *onem2m.Content) string {
				v := c.Value.Clone()
				if err := v.Canonicalize(); err != nil { // members have no order
					t.Fatal(err)
				}
				return string(v)
			}
			if err1 != nil || err2 != nil || canonical(a.Content()) != canonical(b.Content()) {
				t.Errorf("%s: %s became %s (%v, %v)", f.Name(), text, again.Append(nil), err1, err2)
			}
		}
	}
}
