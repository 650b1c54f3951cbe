package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestPrimitive_E57_InEveryFormat(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"op":2,"to":"/id-in/-/lamp","fr":"/id-mn/Cx","rqi":"r","rvi":"3"}`,
		`{"op":1,"to":"x","fr":"Ca","rqi":"r","ty":4,"pc":{"m2m:cin":{"con":"42","lbl":["a","b"]}},"rvi":"3"}`,
		`{"op":3,"to":"x","fr":"Ca","rqi":"r","pc":{"m2m:cnt":{"lbl":null,"mni":5}}}`,
		`{"op":5,"to":"x","fr":"Ca","rqi":"r","pc":{"m2m:sgn":{"sur":"/id-in/s","nev":{"net":1}}}}`,
	} {
		want, err := DecodeRequest([]byte(text), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []Format{JSON, CBOR, XML} {
			out, err := Codec{}.AppendPrimitive(nil, f, RequestRoot, EncodeRequest(want))
			if err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
			if found, ok := FormatOf(out); !ok || found != f {
				t.Errorf("%s is taken for %s", f.Name(), found.Name())
			}
			value, err := Codec{}.DecodePrimitive(f, out, RequestRoot, Limits{})
			if err != nil {
				t.Fatalf("%s %q: %v", f.Name(), out, err)
			}
			got, err := DecodeRequest(value, Limits{})
			if err != nil {
				t.Fatalf("%s %s: %v", f.Name(), value, err)
			}
			if f != JSON && want.Content != nil { // members have no order
				for _, r := range []*onem2m.Request{got, want} {
					if err := r.Content.Value.Canonicalize(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s: %s", f.Name(), text, diff)
			}
			if f == XML {
				if _, err := (Codec{}).DecodePrimitive(f, out, ResponseRoot, Limits{}); err == nil {
					t.Error("a request was taken for a response")
				}
			}
		}
	}
	for _, text := range []string{"", "   ", "[1]", "x", "\x00"} {
		if f, ok := FormatOf([]byte(text)); ok {
			t.Errorf("%q is taken for %s", text, f.Name())
		}
	}
}
