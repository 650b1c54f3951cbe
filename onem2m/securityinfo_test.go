package onem2m

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestSecurityInfo_E08_E09(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     SecurityInfo
		subject  string // of a refusal
	}{
		{name: "type 3 has nothing else", in: `{"sit":3}`, want: SecurityInfo{SIT: 3}},
		{name: "type 5 has an object", in: `{"epo":"a..b.c.d","sit":5}`, want: SecurityInfo{SIT: 5, ESPrimObject: jsontext.Value(`"a..b.c.d"`)}},
		{name: "type 1 has a request", in: `{"sit":1,"dreq":{"op":2}}`, want: SecurityInfo{SIT: 1, DasRequest: jsontext.Value(`{"op":2}`)}},
		{name: "type 8 has a response", in: `{"sit":8,"dars":{}}`, want: SecurityInfo{SIT: 8, DynAuthRelMapResponse: jsontext.Value(`{}`)}},
		{name: "E-08 no type", in: `{"epo":"a..b.c.d"}`, subject: "sit"},
		{name: "E-08 type 0", in: `{"sit":0}`, subject: "sit"},
		{name: "E-08 type 9", in: `{"sit":9}`, subject: "sit"},
		{name: "E-08 a type that is text", in: `{"sit":"3"}`, subject: "sit"},
		{name: "E-08 no object", in: `[3]`, subject: "m2m:seci"},
		{name: "E-09 a foreign member", in: `{"sit":3,"epo":"a..b.c.d"}`, subject: "m2m:seci"},
		{name: "E-09 a member without a name", in: `{"sit":3,"":1}`, subject: "m2m:seci"},
		{name: "E-09 an unknown member", in: `{"sit":5,"epo":"a..b.c.d","x":1}`, subject: "m2m:seci"},
		{name: "E-09 the member of another type", in: `{"sit":6,"epo":"a..b.c.d"}`, subject: "m2m:seci"},
		{name: "E-09 the member is missing", in: `{"sit":6}`, subject: "eckm"},
		{name: "E-09 the member is null", in: `{"sit":5,"epo":null}`, subject: "epo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := SecurityInfoOf(&Content{Name: SecurityInfoName, Value: jsontext.Value(tt.in)})
			if tt.subject != "" {
				e := AsError(err)
				if e == nil || e.Code != BadRequest || e.Subject != tt.subject {
					t.Fatalf("got %v, want 4000 about %s", err, tt.subject)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			again, err := ParseSecurityInfo(got.Content().Value)
			if err != nil || !cmp.Equal(again, got) {
				t.Errorf("written and read again: %v %v", again, err)
			}
			if PeekSecurityInfoType(got.Content()) != got.SIT {
				t.Error("the type alone is another")
			}
		})
	}
	if _, err := SecurityInfoOf(&Content{Name: "m2m:sgn", Value: jsontext.Value(`{"sit":3}`)}); err == nil {
		t.Error("a notification was taken for security information")
	}
}

func TestSecurityInfoMembers_E14(t *testing.T) {
	t.Parallel()
	info := NewESCertKEInfo([]byte{22, 3, 1, 255})
	if string(info.ESCertKEMessage) != `"FgMB/w=="` {
		t.Errorf("eckm is %s", info.ESCertKEMessage)
	}
	if message, err := info.ESCertKE(); err != nil || !bytes.Equal(message, []byte{22, 3, 1, 255}) {
		t.Errorf("read again: %v %v", message, err)
	}
	for _, bad := range []string{`"FgMB_w"`, `"FgMB/w"`, `"FgMB\n/w=="`, `"FgMB/x=="`, `""`, `7`, `"` + strings.Repeat("A", 4*MaxESCertKEMessage/3+8) + `"`} {
		if _, err := (SecurityInfo{SIT: 6, ESCertKEMessage: jsontext.Value(bad)}).ESCertKE(); AsError(err).Code != BadRequest {
			t.Errorf("%.20s was taken: %v", bad, err)
		}
	}
	if object, err := NewESPrimInfo("a..b.c.d").ESPrim(); err != nil || object != "a..b.c.d" {
		t.Errorf("epo is %q %v", object, err)
	}
	if _, err := (SecurityInfo{SIT: 5, ESPrimObject: jsontext.Value(`{}`)}).ESPrim(); AsError(err).Code != BadRequest {
		t.Errorf("an object was taken for text: %v", err)
	}
}

func TestSecurityInfoDirection_E10(t *testing.T) {
	t.Parallel()
	for sit, asks := range map[SecurityInfoType]bool{1: true, 2: false, 3: true, 4: false, 5: true, 6: true, 7: true, 8: false} {
		if sit.Asks() != asks {
			t.Errorf("type %d in a request: %t", sit, !asks)
		}
	}
}

func FuzzSecurityInfo(f *testing.F) {
	for _, s := range []string{`{"sit":3}`, `{"sit":5,"epo":"a..b.c.d"}`, `{"sit":6,"eckm":"FgMB/w=="}`, `{"sit":1,"dreq":{}}`, `{"sit":9}`, `{"":1,"sit":3}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		value := jsontext.Value(in)
		if value.Canonicalize() != nil {
			return // the codec refuses it
		}
		info, err := ParseSecurityInfo(value)
		if err != nil {
			return
		}
		again, err := ParseSecurityInfo(info.Content().Value)
		if err != nil || !cmp.Equal(again, info) {
			t.Fatalf("%q is read again as %v, %v", in, again, err)
		}
		_, _ = info.ESPrim()
		_, _ = info.ESCertKE()
	})
}
