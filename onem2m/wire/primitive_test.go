package wire_test

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

func TestDecodeRequest_C459_ReadsEveryParameter(t *testing.T) {
	t.Parallel()
	in := `{"op":2,"to":"cse-in/app","fr":"Capp01","rqi":"0","ty":4,"pc":{"m2m:cin":{"con":"x"}},"rids":["a@b.example"],` +
		`"ot":"20260301T101500","rqet":"5000","rset":7000,"oet":"PT1S","rt":{"rtv":2,"nu":[]},"rp":"PT1H","rcn":4,"ec":100,"da":false,` +
		`"gid":"g","grtm":["m"],"fc":{"lbl":["a"],"fu":1,"lim":3},"drt":2,"tkns":["t"],"tids":["i"],"ltids":["l"],"tqi":true,` +
		`"aus":["s"],"asi":true,"auri":false,"sqi":true,"rvi":"3","vsi":""}`
	want := &onem2m.Request{
		Operation: onem2m.Retrieve, To: "cse-in/app", From: "Capp01", HasFrom: true, RequestID: "0", Type: new(int64(4)),
		Content: &onem2m.Content{Name: "m2m:cin", Value: jsontext.Value(`{"con":"x"}`)}, RoleIDs: []string{"a@b.example"},
		OriginatingTimestamp: "20260301T101500", RequestExpiration: "5000", ResultExpiration: "7000", ExecutionTime: "PT1S",
		ResponseType: new(int64(2)), HasNotifyURIs: true, NotificationURIs: []string{}, ResultPersistence: "PT1H",
		ResultContent: new(int64(4)), EventCategory: new(int64(100)), DeliveryAggregate: new(false), GroupRequestID: "g",
		GroupTargets: []string{"m"}, Filter: &onem2m.FilterCriteria{Labels: []string{"a"}, FilterUsage: new(int64(1)), Limit: new(int64(3))},
		DesiredIDType: new(int64(2)), Tokens: []string{"t"}, TokenIDs: []string{"i"}, LocalTokenIDs: []string{"l"}, TokenRequest: new(true),
		AuthorSigns: []string{"s"}, AuthorSignReq: new(true), AuthorRelation: new(false), SemanticQuery: new(true),
		Release: "3", VendorInformation: new(""),
	}
	got, err := wire.DecodeRequest([]byte(in), wire.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	again, err := wire.DecodeRequest(wire.EncodeRequest(got), wire.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRequest_C040_TheAttributeListOfARetrieveIsAParameter(t *testing.T) {
	t.Parallel()
	r, err := wire.DecodeRequest([]byte(`{"op":2,"to":"a","rqi":"1","pc":{"m2m:atrl":["mni","cni"]}}`), wire.Limits{})
	if err != nil || r.Content != nil || len(r.Attributes) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := string(wire.EncodeRequest(r)); got != `{"op":2,"to":"a","rqi":"1","pc":{"m2m:atrl":["mni","cni"]}}` {
		t.Error(got)
	}
}

func TestDecodeRequest_RefusesAndNamesTheParameter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, in, subject string
		code            onem2m.StatusCode
	}{
		{"C-459", `[]`, "", 4000},
		{"C-459", `{"m2m:rqp":{"op":2}}`, "m2m:rqp", 4000},
		{"C-033", `{"rqi":"1","zzz":1}`, "zzz", 4000},
		{"C-033 A-190", `{"rqi":"1","prpi":"x"}`, "prpi", 5001},
		{"C-462", `{"op":"2"}`, "op", 4000},
		{"C-462", `{"op":6}`, "op", 4000},
		{"C-470", `{"rqi":1}`, "rqi", 4000},
		{"C-470", `{"ty":"3"}`, "ty", 4000},
		{"C-031", `{"ty":1.5}`, "ty", 4000},
		{"C-462", `{"da":"true"}`, "da", 4000},
		{"C-461", `{"rids":"a"}`, "rids", 4000},
		{"C-036", `{"rt":{"rtv":9}}`, "rtv", 4000},
		{"C-036", `{"rt":3}`, "rt", 4000},
		{"C-036", `{"rt":{"nu":[]}}`, "rtv", 4000},
		{"C-464", `{"rt":{"rtv":3,"zzz":1}}`, "zzz", 4000},
		{"C-460", `{"pc":{}}`, "pc", 4000},
		{"C-460", `{"pc":"x"}`, "pc", 4000},
		{"C-036", `{"fc":{"lim":-1}}`, "lim", 4000},
		{"C-040", `{"op":2,"pc":{"m2m:atrl":[]}}`, "atrl", 4000},
		{"C-465", `{"op":2,"op":3}`, "op", 4000},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.in, func(t *testing.T) {
			t.Parallel()
			_, err := wire.DecodeRequest([]byte(tt.in), wire.Limits{})
			var e *onem2m.Error
			if !errors.As(err, &e) || e.Code != tt.code {
				t.Fatalf("%v, want %d about %s", err, tt.code, tt.subject)
			}
			if e.Subject != tt.subject && tt.subject != "m2m:rqp" {
				t.Errorf("%v, want it to be about %s", err, tt.subject)
			}
		})
	}
}

func TestDecodeRequest_C008_TheIdentifierOutlivesAnError(t *testing.T) {
	t.Parallel()
	r, err := wire.DecodeRequest([]byte(`{"zzz":1,"rqi":"abc"}`), wire.Limits{})
	if err == nil || r == nil || r.RequestID != "abc" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestResponse_C042_RoundTrip(t *testing.T) {
	t.Parallel()
	want := &onem2m.Response{
		Code: onem2m.OK, RequestID: "a b\"c", Content: &onem2m.Content{Name: "m2m:cnt", Value: jsontext.Value(`{"rn":"x"}`)},
		To: "Capp01", From: "/id-in", OriginatingTimestamp: "20260301T101500,000000", ResultExpiration: "20260301T101500,000000",
		EventCategory: new(int64(2)), ContentStatus: 1, ContentOffset: 7, Release: "3", VendorInformation: new("v"),
		AssignedTokenIDs: jsontext.Value(`{"ltia":[]}`), TokenRequestInfo: jsontext.Value(`{"uri":"x"}`), AuthorSignRequest: new(true),
	}
	got, err := wire.DecodeResponse(wire.EncodeResponse(want), wire.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := string(wire.EncodeResponse(&onem2m.Response{Code: onem2m.Deleted, RequestID: "1"})); got != `{"rsc":2002,"rqi":"1"}` {
		t.Error(got)
	}
}

func TestDecodeResponse_RefusesWhatIsNoResponse(t *testing.T) {
	t.Parallel()
	for _, in := range []string{`{}`, `{"rqi":"1"}`, `{"rsc":"2000"}`, `{"rsc":0}`, `{"rsc":123456}`, `{"rsc":2000,"cnst":-1}`, `{"rsc":2000,"pc":{}}`, `{`} {
		if r, err := wire.DecodeResponse([]byte(in), wire.Limits{}); err == nil {
			t.Errorf("%s is %+v", in, r)
		}
	}
	if r, err := wire.DecodeResponse([]byte(`{"rsc":4142,"rqi":"1","new":5}`), wire.Limits{}); err != nil || r.Code != 4142 {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"op":1,"to":"cse-in","fr":"C","rqi":"1","ty":2,"pc":{"m2m:ae":{}},"rt":{"rtv":3},"fc":{"lbl":["a"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := wire.DecodeRequest(b, wire.Limits{})
		if err != nil {
			return
		}
		out := wire.EncodeRequest(r)
		again, err := wire.DecodeRequest(out, wire.Limits{})
		if err != nil && r.Operation != 0 {
			t.Fatalf("%s: %v", out, err)
		}
		if err == nil && string(wire.EncodeRequest(again)) != string(out) {
			t.Fatalf("%s is %s", out, wire.EncodeRequest(again))
		}
	})
}
