package onem2m

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const exampleJWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJhIn0.c2ln"

func yes() *bool { b := true; return &b }

var sameAddress = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// message is a message of dynamic authorization in its Go form.
type message interface{ Value() jsontext.Value }

// parser erases the type of a Parse function.
func parser[M message](parse func(jsontext.Value) (M, error)) func(jsontext.Value) (message, error) {
	return func(v jsontext.Value) (message, error) { return parse(v) }
}

var parsers = map[string]func(jsontext.Value) (message, error){
	"dreq": parser(ParseDASRequest), "dres": parser(ParseDASResponse), "darq": parser(ParseRelationRequest), "dars": parser(ParseRelationResponse),
	"tqf": parser(ParseTokenRequestInfo), "ati": parser(ParseTokenAssignments), "summary": parser(ParseTokenSummary),
}

// wireForms are messages as they are sent, with what they say.
var wireForms = []struct {
	name, kind, text string
	want             message
}{
	{
		"A-142 a request to a server with everything", "dreq",
		`{"or":"//m2m.example/id-in/Ca","trt":3,"op":2,"oip":{"ip4":"198.51.100.1"},"olo":{"accc":["AT"]},"orid":["op@das.example"],"rts":"20261126T101500","trid":"//m2m.example/id-in/cnt1","ppl":"20261126T200000","rfa":["op@das.example"],"tids":["t1@das.example"],"asi":true}`,
		&DASRequest{
			Originator: "//m2m.example/id-in/Ca", TargetType: TypeContainer, Operation: Retrieve, IP: netip.MustParseAddr("198.51.100.1"), Location: jsontext.Value(`{"accc":["AT"]}`),
			Roles: []string{"op@das.example"}, RequestTime: "20261126T101500", Target: "//m2m.example/id-in/cnt1", ProposedLifetime: "20261126T200000",
			ACPRoles: []string{"op@das.example"}, TokenIDs: []string{"t1@das.example"}, AuthorSign: yes(),
		},
	},
	{
		"A-142 a request with what it must have", "dreq", `{"or":"//m2m.example/Sa","op":1,"trid":"cnt1"}`,
		&DASRequest{Originator: "//m2m.example/Sa", Operation: Create, Target: "cnt1"},
	},
	{
		"A-145 an answer with a token and a dynamic policy", "dres",
		`{"dai":{"gp":{"acr":[{"acor":["//m2m.example/id-in/Ca"],"acop":2,"acaf":true}]},"pl":"20261126T180000"},"tkns":["` + exampleJWT + `"],"asri":true}`,
		&DASResponse{
			DynamicACP: true, Privileges: jsontext.Value(`{"acr":[{"acor":["//m2m.example/id-in/Ca"],"acop":2,"acaf":true}]}`), Lifetime: "20261126T180000",
			Tokens: []string{exampleJWT}, SignRequest: yes(),
		},
	},
	{"A-145 an answer that grants nothing", "dres", `{}`, &DASResponse{}},
	{
		"A-161 signatures for the record", "darq", `{"or":"//m2m.example/id-in/Ca","tids":["t1@das.example"],"aus":["c2ln"]}`,
		&RelationRequest{Originator: "//m2m.example/id-in/Ca", TokenIDs: []string{"t1@das.example"}, Signatures: []string{"c2ln"}},
	},
	{
		"A-164 the question for a signature", "darq", `{"tkns":["` + exampleJWT + `"],"asri":true}`,
		&RelationRequest{Tokens: []string{exampleJWT}, SignRequest: yes()},
	},
	{
		"A-164 the recorded signature", "dars", `{"tids":["t1@das.example"],"signature":["c2lnbg=="]}`,
		&RelationResponse{TokenIDs: []string{"t1@das.example"}, Signatures: []string{"c2lnbg=="}},
	},
	{
		"A-151 a token request information, plain and secured", "tqf",
		`{"dasi":[{"uri":"https://das.example/onem2m","dreq":{"or":"//m2m.example/id-in/Ca","op":2,"trid":"cnt1"}},{"uri":"/Sdas","sdr":"a.b.c.d.e"}]}`,
		TokenRequestInfo{
			{URI: "https://das.example/onem2m", Request: &DASRequest{Originator: "//m2m.example/id-in/Ca", Operation: Retrieve, Target: "cnt1"}},
			{URI: "/Sdas", Secured: "a.b.c.d.e"},
		},
	},
	{
		"A-136 assigned token identifiers", "ati", `{"ltia":[{"lti":"L1","tkid":"t1@das.example"},{"lti":"L2","tkid":"t2@das.example"}]}`,
		TokenAssignments{{"L1", "t1@das.example"}, {"L2", "t2@das.example"}},
	},
	{
		"A-155 a summary", "summary", `{"tkid":"t1@das.example","tknb":"20261126T000000,000000","tkna":"20261127T000000,000000","tknm":"door","tkau":["//m2m.example/id-in"]}`,
		&TokenSummary{ID: "t1@das.example", NotBefore: 1795651200000000, NotAfter: 1795737600000000, Name: "door", Audience: []string{"//m2m.example/id-in"}},
	},
}

func TestDynAuth_MessagesAreReadAndWrittenAlike(t *testing.T) {
	t.Parallel()
	for _, tt := range wireForms {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parsers[tt.kind](jsontext.Value(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, sameAddress, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.text, string(got.Value())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDynAuth_FormsOfOtherProductsAreRead(t *testing.T) {
	t.Parallel()
	rules := `[{"acor":["//m2m.example/id-in/Ca"],"acop":2}]`
	for _, tt := range []struct{ name, kind, text, want string }{
		{"open point 36 org for or", "dreq", `{"org":"/Sa","op":2,"trid":"x"}`, `{"or":"/Sa","op":2,"trid":"x"}`},
		{"open point 38 gp as the list of rules", "dres", `{"dai":{"gp":` + rules + `}}`, `{"dai":{"gp":{"acr":` + rules + `}}}`},
		{"open point 38 tokens inside dai", "dres", `{"dai":{"tkns":["a.b.c"]}}`, `{"dai":{},"tkns":["a.b.c"]}`},
		{"open point 27 sig for signature", "dars", `{"tids":["t1@das.example"],"sig":["c2ln"]}`, `{"tids":["t1@das.example"],"signature":["c2ln"]}`},
		{"open point 19 a request without a type", "dreq", `{"or":"/Sa","op":2,"trid":"x"}`, `{"or":"/Sa","op":2,"trid":"x"}`},
		{"open point 21 a time in milliseconds", "dreq", `{"or":"/Sa","op":2,"rts":-5,"trid":"x","ppl":"PT1H"}`, `{"or":"/Sa","op":2,"rts":"-5","trid":"x","ppl":"PT1H"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parsers[tt.kind](jsontext.Value(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got.Value())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDynAuth_WhatIsNotOfTheTypeIsRefused(t *testing.T) {
	t.Parallel()
	many := `"t@das.example"` + strings.Repeat(`,"t@das.example"`, MaxGrantList)
	for _, tt := range []struct{ name, kind, text, subject string }{
		{"no object", "dreq", `[]`, "dreq"},
		{"no originator", "dreq", `{"op":2,"trid":"x"}`, "or"},
		{"two originators", "dreq", `{"or":"/Sa","org":"/Sb","op":2,"trid":"x"}`, "org"},
		{"no target", "dreq", `{"or":"/Sa","op":2}`, "trid"},
		{"no operation of that number", "dreq", `{"or":"/Sa","op":9,"trid":"x"}`, "op"},
		{"a member twice", "dreq", `{"or":"/Sa","or":"/Sb","op":2,"trid":"x"}`, "or"},
		{"an unknown member", "dreq", `{"or":"/Sa","op":2,"trid":"x","secret":1}`, "secret"},
		{"no address", "dreq", `{"or":"/Sa","op":2,"trid":"x","oip":{}}`, "oip"},
		{"two addresses", "dreq", `{"or":"/Sa","op":2,"trid":"x","oip":{"ip4":"192.0.2.1","ip6":"2001:db8::1"}}`, "oip"},
		{"a prefix for an address", "dreq", `{"or":"/Sa","op":2,"trid":"x","oip":{"ip4":"192.0.2.0/24"}}`, "oip"},
		{"a role without a domain", "dreq", `{"or":"/Sa","op":2,"trid":"x","rfa":["op"]}`, "rfa"},
		{"too many Token-IDs", "dreq", `{"or":"/Sa","op":2,"trid":"x","tids":[` + many + `]}`, "tids"},
		{"a flag that is a text", "dreq", `{"or":"/Sa","op":2,"trid":"x","asi":"true"}`, "asi"},
		{"privileges that are none", "dres", `{"dai":{"gp":{"acr":[{"acop":2}]}}}`, "acor"},
		{"dai as a list", "dres", `{"dai":[]}`, "dai"},
		{"open point 38 tokens in two places", "dres", `{"dai":{"tkns":["a.b.c"]},"tkns":["a.b.c"]}`, "tkns"},
		{"a text for a token", "dres", `{"tkns":["abc"]}`, "tkns"},
		{"a lifetime that is none", "dres", `{"dai":{"pl":"tomorrow"}}`, "pl"},
		{"A-163 neither tokens nor Token-IDs", "darq", `{"aus":["c2ln"]}`, "darq"},
		{"A-163 empty lists", "darq", `{"tids":[],"tkns":[]}`, "darq"},
		{"a signature that is no base64url", "darq", `{"tids":["t1@das.example"],"aus":["c2/n"]}`, "aus"},
		{"an empty signature", "darq", `{"tids":["t1@das.example"],"aus":["="]}`, "aus"},
		{"A-163 an answer without tokens", "dars", `{"signature":["c2ln"]}`, "dars"},
		{"a signature under two names", "dars", `{"tids":["t1@das.example"],"signature":["c2ln"],"sig":["c2ln"]}`, "sig"},
		{"no server", "tqf", `{"dasi":[]}`, "dasi"},
		{"a server without address", "tqf", `{"dasi":[{"sdr":"a.b.c.d.e"}]}`, "uri"},
		{"a server with a bad request", "tqf", `{"dasi":[{"uri":"/S","dreq":{}}]}`, "or"},
		{"no assignment", "ati", `{}`, "ltia"},
		{"an assignment with a colon", "ati", `{"ltia":[{"lti":"a:b","tkid":"t@das.example"}]}`, "lti"},
		{"a summary without end", "summary", `{"tkid":"t@das.example","tknb":"20261126T000000"}`, "tkna"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parsers[tt.kind](jsontext.Value(tt.text))
			if err == nil {
				t.Fatalf("it is taken for %s", got.Value())
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Code != BadRequest || e.Subject != tt.subject {
				t.Errorf("got %v, want 4000 about %s", err, tt.subject)
			}
		})
	}
}

// FuzzDynAuth: a message that is read and written says the same when it is read
// again.
func FuzzDynAuth(f *testing.F) {
	for _, tt := range wireForms {
		f.Add(tt.kind, tt.text)
	}
	f.Add("dres", `{"dai":{"gp":[],"tkns":["a.b.c"]}}`)
	f.Add("dreq", `{"or":"/Sa","op":2,"trid":"x","oip":{"ip6":"::ffff:192.0.2.1"}}`)
	f.Fuzz(func(t *testing.T, kind, text string) {
		value := jsontext.Value(text)
		parse, ok := parsers[kind]
		if !ok || value.Compact() != nil {
			return
		}
		first, err := parse(value)
		if err != nil {
			return
		}
		written := first.Value()
		again, err := parse(written)
		if err != nil {
			t.Fatalf("%s of %s: %v", written, text, err)
		}
		if diff := cmp.Diff(string(written), string(again.Value())); diff != "" {
			t.Fatal(diff)
		}
	})
}
