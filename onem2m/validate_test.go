package onem2m_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// object reads an object of canonical JSON.
func object(t testing.TB, text string) onem2m.Object {
	t.Helper()
	o, err := onem2m.ParseObject(jsontext.Value(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

// wantBadRequest checks that err is 4000 and names the subject.
func wantBadRequest(t *testing.T, err error, subject string) {
	t.Helper()
	var e *onem2m.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want 4000 about %s", err, subject)
	}
	if e.Code != onem2m.BadRequest || e.Subject != subject {
		t.Errorf("error %v, want 4000 about %s", err, subject)
	}
}

func TestValidateCreate_Accepts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, name string
		ty       onem2m.ResourceType
		in, want string // want is in if empty
	}{
		{"C-094", "a container without anything", onem2m.TypeContainer, `{}`, ""},
		{"C-463", "attributes in the order of the tables", onem2m.TypeContainer, `{"mni":10,"lbl":["a"],"rn":"x"}`, `{"rn":"x","lbl":["a"],"mni":10}`},
		{"C-093", "null for the creator", onem2m.TypeContainer, `{"cr":null}`, ""},
		{"C-273", "null for the creator of a subscription", onem2m.TypeSubscription, `{"cr":null,"nu":["/id-in/Cabc"]}`, ""},
		{"C-014", "labels twice, with colon, with space", onem2m.TypeContainer, `{"lbl":["a","a","tag:blue","a b","50%"]}`, ""},
		{"C-472", "content is a string", onem2m.TypeContentInstance, `{"con":"x"}`, ""},
		{"C-472", "content is an object with null inside", onem2m.TypeContentInstance, `{"con":{"a":[null,1.5]}}`, ""},
		{"C-472", "content is the empty string", onem2m.TypeContentInstance, `{"con":""}`, ""},
		{"C-245", "content information", onem2m.TypeContentInstance, `{"cnf":"application/json:0","con":"{}"}`, ""},
		{"C-245", "content information with security", onem2m.TypeContentInstance, `{"cnf":"text/plain:1:0","con":"aGk="}`, ""},
		{"C-461", "an AE", onem2m.TypeAE, `{"api":"Nx","poa":["https://ae.example:8443"],"rr":true,"csz":["json"],"srv":["3","4"]}`, ""},
		{"C-200", "an AE of Release 1 without srv", onem2m.TypeAE, `{"api":"Nx","rr":false}`, ""},
		{"C-031", "a policy with an empty rule set", onem2m.TypeAccessControlPolicy, `{"pv":{},"pvs":{"acr":[{"acor":["Cabc"],"acop":63}]}}`, ""},
		{
			"C-031", "a policy with contexts", onem2m.TypeAccessControlPolicy,
			`{"pv":{"acr":[{"acor":["all"],"acop":2,"acco":[{"actw":["* * 6-21 * * 1-5 *"],"acip":{"ipv4":["192.0.2.0/24"],"ipv6":["2001:db8::/32"]},"aclr":{"accc":["DE"]}}],"acaf":true,"acod":[{"ty":3,"chty":[4,23]}]}]},"pvs":{"acr":[{"acor":["Cabc"],"acop":63,"acco":[],"acod":[]}]}}`, "",
		},
		{"C-464", "a subscription with everything", onem2m.TypeSubscription, `{"enc":{"net":[1,2,3],"atr":["mni"],"chty":[4],"om":[{"ops":3,"or":"Cabc"}],"stb":0,"sts":1},"exc":3,"nu":["http://a.example/n","/id-in/Cabc"],"bn":{"num":3,"dur":"PT30S"},"rl":{"mnn":1,"tww":"PT1S"},"nct":1,"nec":100}`, ""},
		{"C-012", "milliseconds as a number and a timestamp", onem2m.TypeContentInstance, `{"con":"x","dgt":"20260301T101500"}`, ""},
		{"C-430", "a location", onem2m.TypeContainer, `{"loc":{"typ":3,"crd":"[[[0,0],[0,1],[1,1],[0,0]]]"}}`, ""},
		{"C-013", "a group", onem2m.TypeGroup, `{"mt":3,"mnm":10,"mid":["cse-in/a","/id-mn/x"],"csy":1}`, ""},
		{"C-461", "a group without members yet", onem2m.TypeGroup, `{"mnm":10,"mid":[]}`, ""},
		{"C-031", "a schedule", onem2m.TypeSchedule, `{"se":{"sce":["* 0-5 2,6,10 * * * *"]}}`, ""},
		{"C-031", "numbers at the end of their range", onem2m.TypeContainer, `{"mni":0,"mbs":9223372036854775807}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := onem2m.TypeByNumber(tt.ty).ValidateCreate(object(t, tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				tt.want = tt.in
			}
			if diff := cmp.Diff(tt.want, string(got.Append(nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateCreate_RefusesAndNamesTheAttribute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, name    string
		ty          onem2m.ResourceType
		in, subject string
	}{
		{"C-461", "a string for a list", onem2m.TypeContainer, `{"lbl":"kitchen"}`, "lbl"},
		{"C-462", "a string for an integer", onem2m.TypeContainer, `{"mni":"10"}`, "mni"},
		{"C-462", "a negative number", onem2m.TypeContainer, `{"mni":-1}`, "mni"},
		{"C-462", "a fraction", onem2m.TypeContainer, `{"mni":10.5}`, "mni"},
		{"C-462", "a fraction of nothing", onem2m.TypeContainer, `{"mni":10.0}`, "mni"},
		{"C-462", "an exponent", onem2m.TypeContainer, `{"mni":1e2}`, "mni"},
		{"C-462", "a number beyond 64 bits", onem2m.TypeContainer, `{"mni":9223372036854775808}`, "mni"},
		{"C-462", "minus nothing", onem2m.TypeContainer, `{"mni":-0}`, "mni"},
		{"C-462", "a boolean for an integer", onem2m.TypeContainer, `{"mni":true}`, "mni"},
		{"C-462", "a word for a boolean", onem2m.TypeContainer, `{"disr":"true"}`, "disr"},
		{"C-462", "a number for a boolean", onem2m.TypeContainer, `{"disr":1}`, "disr"},
		{"C-462", "an object for a string", onem2m.TypeContainer, `{"or":{}}`, "or"},
		{"C-462", "a number in a list of strings", onem2m.TypeContainer, `{"lbl":["a",1]}`, "lbl"},
		{"C-031", "an unknown attribute", onem2m.TypeContainer, `{"colour":"red"}`, "colour"},
		{"C-458", "a long name", onem2m.TypeContainer, `{"labels":["a"]}`, "labels"},
		{"C-003", "a resourceID", onem2m.TypeContainer, `{"ri":"myid"}`, "ri"},
		{"C-031", "an assigned attribute", onem2m.TypeContainer, `{"cni":0}`, "cni"},
		{"C-011", "a time in words", onem2m.TypeContainer, `{"et":"tomorrow"}`, "et"},
		{"C-031", "an AE without App-ID", onem2m.TypeAE, `{"rr":true}`, "api"},
		{"C-031", "an AE without reachability", onem2m.TypeAE, `{"api":"Nx"}`, "rr"},
		{"C-098", "an empty list of labels", onem2m.TypeContainer, `{"lbl":[]}`, "lbl"},
		{"C-098", "an empty list of policies", onem2m.TypeContainer, `{"acpi":[]}`, "acpi"},
		{"C-098", "an empty list of points of access", onem2m.TypeAE, `{"api":"Nx","rr":true,"poa":[]}`, "poa"},
		{"C-098", "an empty list of releases", onem2m.TypeAE, `{"api":"Nx","rr":true,"srv":[]}`, "srv"},
		{"C-461", "an unknown release", onem2m.TypeAE, `{"api":"Nx","rr":true,"srv":["17"]}`, "srv"},
		{"C-093", "another creator", onem2m.TypeContainer, `{"cr":"Cread01"}`, "cr"},
		{"C-093", "a creator for a type that has none", onem2m.TypeAccessControlPolicy, `{"pv":{},"pvs":{},"cr":null}`, "cr"},
		{"C-093", "a creator for an AE", onem2m.TypeAE, `{"api":"Nx","rr":true,"cr":null}`, "cr"},
		{"C-095", "null for another attribute", onem2m.TypeContainer, `{"lbl":null}`, "lbl"},
		{"C-095", "null for a mandatory attribute", onem2m.TypeContentInstance, `{"con":null}`, "con"},
		{"C-097", "a policy link with an empty entry", onem2m.TypeContainer, `{"acpi":[""]}`, "acpi"},
		{"C-097", "a policy link with a control character", onem2m.TypeContainer, `{"acpi":["a\u0000b"]}`, "acpi"},
		{"C-014", "an empty label", onem2m.TypeContainer, `{"lbl":[""]}`, "lbl"},
		{"C-001", "a name with a slash", onem2m.TypeContainer, `{"rn":"a/b"}`, "rn"},
		{"C-001", "an empty name", onem2m.TypeContainer, `{"rn":""}`, "rn"},
		{"C-001", "a path marker as a name", onem2m.TypeContainer, `{"rn":"-"}`, "rn"},
		{"C-097", "policies of an instance", onem2m.TypeContentInstance, `{"con":"x","acpi":["a"]}`, "acpi"},
		{"C-031", "an instance without content", onem2m.TypeContentInstance, `{}`, "con"},
		{"C-246", "content of a time series that is an object", onem2m.TypeTimeSeriesInstance, `{"dgt":"20260301T101500","con":{"a":1}}`, "con"},
		{"C-245", "content information without encoding", onem2m.TypeContentInstance, `{"con":"x","cnf":"text/plain"}`, "cnf"},
		{"C-245", "content information with an unknown encoding", onem2m.TypeContentInstance, `{"con":"x","cnf":"text/plain:3"}`, "cnf"},
		{"C-245", "content information without subtype", onem2m.TypeContentInstance, `{"con":"x","cnf":"text:0"}`, "cnf"},
		{"C-245", "content information with unknown security", onem2m.TypeContentInstance, `{"con":"x","cnf":"text/plain:0:77"}`, "cnf"},
		{"C-462", "an event type outside the enumeration", onem2m.TypeSubscription, `{"nu":["a"],"enc":{"net":[99]}}`, "net"},
		{"C-462", "a content type outside the enumeration", onem2m.TypeSubscription, `{"nu":["a"],"nct":9}`, "nct"},
		{"C-464", "an unknown member", onem2m.TypeSubscription, `{"nu":["a"],"enc":{"colour":1}}`, "colour"},
		{"C-464", "a scalar for a complex type", onem2m.TypeSubscription, `{"nu":["a"],"enc":5}`, "enc"},
		{"C-464", "a member without its partner", onem2m.TypeSubscription, `{"nu":["a"],"rl":{"mnn":1}}`, "tww"},
		{"C-465", "a member twice", onem2m.TypeSubscription, `{"nu":["a"],"bn":{"num":1,"num":2}}`, "num"},
		{"C-465", "an attribute twice", onem2m.TypeContainer, `{"mni":1,"mni":2}`, "mni"},
		{"C-013", "a number for a duration", onem2m.TypeSubscription, `{"nu":["a"],"bn":{"num":1,"dur":"10"}}`, "dur"},
		{"C-098", "a subscription without targets", onem2m.TypeSubscription, `{"nu":[]}`, "nu"},
		{"C-031", "a user category below 100", onem2m.TypeSubscription, `{"nu":["a"],"nec":99}`, "nec"},
		{"C-031", "a policy without selfPrivileges", onem2m.TypeAccessControlPolicy, `{"pv":{}}`, "pvs"},
		{"C-031", "an operation beyond 63", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":64}]},"pvs":{}}`, "acop"},
		{"C-031", "a rule without originators", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acop":1}]},"pvs":{}}`, "acor"},
		{"C-031", "a window with too few fields", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":1,"acco":[{"actw":["* * *"]}]}]},"pvs":{}}`, "actw"},
		{"C-031", "an IPv6 address where IPv4 belongs", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":1,"acco":[{"acip":{"ipv4":["::1"]}}]}]},"pvs":{}}`, "ipv4"},
		{"C-031", "a circle of two numbers", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":1,"acco":[{"aclr":{"accr":[1,2]}}]}]},"pvs":{}}`, "accr"},
		{"C-031", "a country in small letters", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":1,"acco":[{"aclr":{"accc":["de"]}}]}]},"pvs":{}}`, "accc"},
		{"C-031", "a circle and a country", onem2m.TypeAccessControlPolicy, `{"pv":{"acr":[{"acor":["a"],"acop":1,"acco":[{"aclr":{"accr":[1,2,3],"accc":["DE"]}}]}]},"pvs":{}}`, "aclr"},
		{"C-430", "a polygon that is open", onem2m.TypeContainer, `{"loc":{"typ":3,"crd":"[[[0,0],[0,1],[1,1],[1,0]]]"}}`, "loc"},
		{"C-430", "coordinates that are no JSON", onem2m.TypeContainer, `{"loc":{"typ":1,"crd":"here"}}`, "loc"},
		{"C-430", "a line of one point", onem2m.TypeContainer, `{"loc":{"typ":2,"crd":"[[0,0]]"}}`, "loc"},
		{"C-031", "a group without members", onem2m.TypeGroup, `{"mnm":3}`, "mid"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := onem2m.TypeByNumber(tt.ty).ValidateCreate(object(t, tt.in))
			wantBadRequest(t, err, tt.subject)
		})
	}
}

func TestValidateCreate_OfManagementObjects(t *testing.T) {
	t.Parallel()
	battery := onem2m.TypeByRoot("m2m:bat")
	if _, err := battery.ValidateCreate(object(t, `{"mgd":1006,"btl":55,"bts":1}`)); err != nil {
		t.Error(err)
	}
	for in, subject := range map[string]string{
		`{"mgd":1006,"btl":101,"bts":1}`: "btl",
		`{"mgd":1006,"btl":5,"bts":8}`:   "bts",
		`{"mgd":1005,"btl":5,"bts":1}`:   "mgd",
		`{"mgd":1006,"bts":1}`:           "btl",
		`{"btl":5,"bts":1}`:              "mgd",
	} {
		_, err := battery.ValidateCreate(object(t, in))
		wantBadRequest(t, err, subject)
	}
}

func TestValidateUpdate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, name    string
		ty          onem2m.ResourceType
		in, subject string // subject is "" where the update is right
	}{
		{"C-110", "null removes an optional attribute", onem2m.TypeAE, `{"lbl":null}`, ""},
		{"C-110", "null for multiplicity 1", onem2m.TypeAE, `{"rr":null}`, "rr"},
		{"C-111", "an attribute is added", onem2m.TypeContainer, `{"mni":5}`, ""},
		{"C-032", "nothing at all", onem2m.TypeContainer, `{}`, ""},
		{"C-112", "null for the expiration time", onem2m.TypeContainer, `{"et":null}`, ""},
		{"C-113", "an empty list of policies", onem2m.TypeContainer, `{"acpi":[]}`, "acpi"},
		{"C-113", "null removes the policies", onem2m.TypeContainer, `{"acpi":null}`, ""},
		{"C-098", "an empty list of labels", onem2m.TypeAE, `{"lbl":[]}`, "lbl"},
		{"C-114", "the name", onem2m.TypeContainer, `{"rn":"x"}`, "rn"},
		{"C-114", "the creator", onem2m.TypeContainer, `{"cr":null}`, "cr"},
		{"C-114", "the resourceID", onem2m.TypeContainer, `{"ri":"x"}`, "ri"},
		{"C-114", "the counter", onem2m.TypeContainer, `{"cni":null}`, "cni"},
		{"C-114", "the App-ID", onem2m.TypeAE, `{"api":"Ny"}`, "api"},
		{"C-462", "a word for a boolean", onem2m.TypeAE, `{"rr":"true"}`, "rr"},
		{"C-114", "content of an instance", onem2m.TypeContentInstance, `{"con":"y"}`, "con"},
		{"C-031", "an unknown attribute", onem2m.TypeContainer, `{"colour":null}`, "colour"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := onem2m.TypeByNumber(tt.ty).ValidateUpdate(object(t, tt.in))
			if tt.subject != "" {
				wantBadRequest(t, err, tt.subject)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.in, string(got.Append(nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidate_NamesOfTheOriginatorComeBackShortAndPrintable(t *testing.T) {
	t.Parallel()
	o := onem2m.Object{{Name: strings.Repeat("x", 500) + "\n", Value: jsontext.Value("1")}}
	_, err := onem2m.TypeByNumber(onem2m.TypeContainer).ValidateCreate(o)
	if e := onem2m.AsError(err); len(e.Debug()) > 120 || strings.ContainsAny(e.Debug(), "\n") {
		t.Errorf("the text is %q", e.Debug())
	}
	o = onem2m.Object{{Name: "a\nb", Value: jsontext.Value("1")}}
	_, err = onem2m.TypeByNumber(onem2m.TypeContainer).ValidateCreate(o)
	wantBadRequest(t, err, "a?b")
}

// genObject generates attributes of a container or instance, right and wrong.
func genObject() *rapid.Generator[onem2m.Object] {
	names := []string{"rn", "lbl", "mni", "mbs", "et", "cr", "con", "cnf", "or", "disr", "acpi", "ri", "zzz"}
	values := []string{`"x"`, `["a"]`, `5`, `-5`, `true`, `null`, `"20300101T000000"`, `"text/plain:0"`, `{"a":1}`, `[]`, `""`}
	return rapid.Custom(func(t *rapid.T) onem2m.Object {
		var o onem2m.Object
		for range rapid.IntRange(0, 5).Draw(t, "size") {
			o = append(o, onem2m.Member{
				Name:  rapid.SampledFrom(names).Draw(t, "name"),
				Value: jsontext.Value(rapid.SampledFrom(values).Draw(t, "value")),
			})
		}
		return o
	})
}

func TestValidate_IsIdempotentAndKeepsEveryValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := genObject().Draw(t, "object")
		for _, ty := range []onem2m.ResourceType{onem2m.TypeContainer, onem2m.TypeContentInstance} {
			info := onem2m.TypeByNumber(ty)
			for _, validate := range []func(onem2m.Object) (onem2m.Object, error){info.ValidateCreate, info.ValidateUpdate} {
				out, err := validate(in)
				if err != nil {
					if onem2m.AsError(err).Code != onem2m.BadRequest || onem2m.AsError(err).Subject == "" {
						t.Fatal(err)
					}
					continue
				}
				again, err := validate(out)
				if err != nil || string(again.Append(nil)) != string(out.Append(nil)) {
					t.Fatalf("%s then %s, %v", out.Append(nil), again.Append(nil), err)
				}
				for _, m := range in {
					if string(out.Get(m.Name)) != string(m.Value) {
						t.Fatalf("%s was %s and is %s", m.Name, m.Value, out.Get(m.Name))
					}
				}
			}
		}
	})
}

func TestValidateCreate_EveryTypeAcceptsNothingButItsOwnAttributes(t *testing.T) {
	t.Parallel()
	for _, info := range onem2m.Types() {
		_, err := info.ValidateCreate(onem2m.Object{{Name: "zzz", Value: jsontext.Value("1")}})
		wantBadRequest(t, err, "zzz")
		for _, a := range info.Attributes {
			if a.Create == onem2m.NotPresent {
				_, err := info.ValidateCreate(onem2m.Object{{Name: a.Short, Value: jsontext.Value(`"x"`)}})
				wantBadRequest(t, err, a.Short)
			}
		}
	}
}
