package onem2m_test

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

func TestDataType_C462_Check(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		of         onem2m.DataType
		good, poor []string
	}{
		{"any value", onem2m.DataType{Syntax: onem2m.SyntaxAny}, []string{`1`, `"x"`, `{}`, `null`}, []string{``}},
		{"a string", onem2m.DataType{Syntax: onem2m.SyntaxString}, []string{`""`, `"a\nb"`}, []string{`1`, `null`, `{}`, `["a"]`}},
		{"a token", onem2m.DataType{Syntax: onem2m.SyntaxToken}, []string{`"a b"`}, []string{`""`, `"a\nb"`, `" a"`, `"a "`, `"a  b"`, `"\u007f"`}},
		{"a label", onem2m.DataType{Syntax: onem2m.SyntaxLabel}, []string{`"living room"`, `"k:v"`}, []string{`"a  b"`, `"a\tb"`}},
		{"an identifier", onem2m.DataType{Syntax: onem2m.SyntaxURI}, []string{`"http://a.example/x?y=1"`, `"/id-in/Cabc"`}, []string{`""`, `"a b"`, `"a\tb"`}},
		{"a name", onem2m.DataType{Syntax: onem2m.SyntaxName}, []string{`"mni"`, `"grün"`}, []string{`""`, `"a:b"`, `"a b"`, `"a/b"`, `"a\u0000"`}},
		{"a boolean", onem2m.DataType{Syntax: onem2m.SyntaxBoolean}, []string{`true`, `false`}, []string{`1`, `"true"`, `null`, `True`}},
		{"a small integer", onem2m.DataType{Syntax: onem2m.SyntaxInteger, Min: 1, Max: 5}, []string{`1`, `5`}, []string{`0`, `6`, `1.0`, `"1"`, `[1]`}},
		{"any integer", onem2m.DataType{Syntax: onem2m.SyntaxInteger, Min: -9, Max: 9}, []string{`-9`}, []string{`-10`}},
		{"a number", onem2m.DataType{Syntax: onem2m.SyntaxNumber}, []string{`1`, `-1.5e3`}, []string{`"1"`, `true`, `null`}},
		{"a scalar", onem2m.DataType{Syntax: onem2m.SyntaxScalar}, []string{`1`, `"x"`, `true`}, []string{`{}`, `[]`, `null`, ``}},
		{"an enumeration", onem2m.DataType{Syntax: onem2m.SyntaxEnum, Enum: onem2m.EnumerationByName("m2m:operation")}, []string{`1`, `5`}, []string{`0`, `6`, `"1"`}},
		{"an enumeration and a range", onem2m.DataType{Syntax: onem2m.SyntaxEnum, Enum: onem2m.EnumerationByName("m2m:stdEventCats"), Min: 100, Max: 999}, []string{`2`, `4`, `100`, `999`}, []string{`1`, `5`, `99`, `1000`}},
		{"bits", onem2m.DataType{Syntax: onem2m.SyntaxBits, Enum: onem2m.EnumerationByName("m2m:accessControlOperations")}, []string{`1`, `63`}, []string{`64`, `-1`, `"1"`}},
		{"a timestamp", onem2m.DataType{Syntax: onem2m.SyntaxTimestamp}, []string{`"20260301T101500"`}, []string{`"now"`, `20260301`}},
		{"an absolute or relative time", onem2m.DataType{Syntax: onem2m.SyntaxAbsRel}, []string{`"20260301T101500"`, `"5000"`, `5000`, `"PT5S"`}, []string{`"soon"`, `5.5`}},
		{"a duration", onem2m.DataType{Syntax: onem2m.SyntaxDuration}, []string{`"P1D"`}, []string{`"1"`, `"P"`, `"-P1D"`, `5`}},
		{"base64", onem2m.DataType{Syntax: onem2m.SyntaxBase64}, []string{`"aGk="`, `""`}, []string{`"aGk"`, `"a-_="`, `"aGl="`}},
		{"hexadecimal", onem2m.DataType{Syntax: onem2m.SyntaxHex}, []string{`"00fF"`}, []string{`"0"`, `"xx"`}},
		{"a schedule", onem2m.DataType{Syntax: onem2m.SyntaxSchedule}, []string{`"* * * * * * *"`}, []string{`"* *"`, `""`}},
		{"a country", onem2m.DataType{Syntax: onem2m.SyntaxCountry}, []string{`"DE"`}, []string{`"de"`, `"DEU"`, `""`}},
		{"an IPv4 prefix", onem2m.DataType{Syntax: onem2m.SyntaxIPv4}, []string{`"192.0.2.1"`, `"192.0.2.0/24"`}, []string{`"::1"`, `"192.0.2"`, `"192.0.2.0/33"`}},
		{"an IPv6 prefix", onem2m.DataType{Syntax: onem2m.SyntaxIPv6}, []string{`"2001:db8::1"`, `"2001:db8::/32"`}, []string{`"192.0.2.1"`, `"fe80::1%eth0"`, `"x"`}},
		{"a role", onem2m.DataType{Syntax: onem2m.SyntaxScopedName}, []string{`"reader@m2m.example"`}, []string{`"reader"`, `"@m2m.example"`, `"a@"`, `"a@b@c"`, `"a b@c"`}},
		{"a signature", onem2m.DataType{Syntax: onem2m.SyntaxJWS}, []string{`"a.b.c"`, `"a..c"`}, []string{`"a.b"`, `"a.b.c.d.e"`, `"a.b.c="`}},
		{"an encrypted token", onem2m.DataType{Syntax: onem2m.SyntaxJWE}, []string{`"a.b.c.d.e"`, `"a..c.d.e"`}, []string{`"a.b.c"`}},
		{"a token of either kind", onem2m.DataType{Syntax: onem2m.SyntaxJWT}, []string{`"a.b.c"`, `"a.b.c.d.e"`}, []string{`"a.b.c.d"`, `"a b.c.d"`, `".."`, `"a.b."`, `".b.c"`, `"a.b.c..e"`, `"a.b.c.d.e.f"`}},
		{"one of some values", onem2m.DataType{Syntax: onem2m.SyntaxValues, Values: []string{"2a", "3"}}, []string{`"2a"`}, []string{`"2A"`, `""`, `3`}},
		{"a serialization", onem2m.DataType{Syntax: onem2m.SyntaxSerialization, Values: []string{"xml", "json"}}, []string{`"json"`, `"application/json"`, `"application/vnd.onem2m-res+xml"`}, []string{`"yaml"`, `"jsonx"`}},
		{"content information", onem2m.DataType{Syntax: onem2m.SyntaxContentInfo}, []string{`"text/plain:0"`, `"text/plain;charset=utf-8:1"`}, []string{`"text/plain:"`, `"te xt/plain:0"`, `"text/:0"`, `":0"`, `"text/plain:00"`}},
		{"a list", onem2m.DataType{Syntax: onem2m.SyntaxList, Item: &onem2m.DataType{Syntax: onem2m.SyntaxName}, MinItems: 1, MaxItems: 2}, []string{`["a"]`, `["a","b"]`}, []string{`[]`, `["a","b","c"]`, `"a"`, `{}`, `[["a"]]`, `["a",]`}},
		{"an object", onem2m.DataType{Syntax: onem2m.SyntaxObject, Members: []onem2m.TypeMember{{Short: "a", Type: &onem2m.DataType{Syntax: onem2m.SyntaxName}, Mandatory: true}}}, []string{`{"a":"x"}`}, []string{`{}`, `{"a":1}`, `{"b":1}`, `[]`, `{"a":"x","a":"y"}`, `{"a":"x"`}},
		{"a choice", onem2m.DataType{Syntax: onem2m.SyntaxObject, Choice: true, Members: []onem2m.TypeMember{{Short: "a", Type: &onem2m.DataType{}}, {Short: "b", Type: &onem2m.DataType{}}}}, []string{`{"a":1}`, `{"b":1}`}, []string{`{}`, `{"a":1,"b":1}`}},
	}
	for _, tt := range tests {
		t.Run("C-462 "+tt.name, func(t *testing.T) {
			t.Parallel()
			for _, v := range tt.good {
				if err := tt.of.Check(jsontext.Value(v), "x"); err != nil {
					t.Errorf("%s: %v", v, err)
				}
			}
			for _, v := range tt.poor {
				if err := tt.of.Check(jsontext.Value(v), "x"); err == nil {
					t.Errorf("%s is accepted", v)
				} else if onem2m.AsError(err).Code != onem2m.BadRequest {
					t.Errorf("%s: %v", v, err)
				}
			}
		})
	}
}

func TestAttribute_BoundsOfItsOwn(t *testing.T) {
	t.Parallel()
	description := onem2m.TypeByNumber(onem2m.TypeMgmtCmd).Attribute("dc")
	if err := description.CheckValue(onem2m.TextValue(string(make([]byte, 0)))); err != nil {
		t.Error(err)
	}
	long := make([]byte, 257)
	for i := range long {
		long[i] = 'x'
	}
	wantBadRequest(t, description.CheckValue(onem2m.TextValue(string(long))), "dc")
	if err := description.CheckValue(onem2m.TextValue(string(long[:256]))); err != nil {
		t.Error(err)
	}
	limits := onem2m.TypeByRoot("m2m:cml")
	if limits == nil {
		t.Fatal("no such type")
	}
	if err := limits.Attribute("lrp").CheckValue(jsontext.Value(`[5,-1]`)); err != nil {
		t.Error(err)
	}
	wantBadRequest(t, limits.Attribute("lrp").CheckValue(jsontext.Value(`[5]`)), "lrp")
}

func TestValidGeometry_C430(t *testing.T) {
	t.Parallel()
	ring := `[[0,0],[0,1],[1,1],[0,0]]`
	good := map[int64][]string{
		1: {`[1,2]`, `[1.5,-2,3]`, ` [ 1 , 2 ] `},
		2: {`[[1,2],[3,4]]`},
		3: {ring, `[` + ring + `]`, `[` + ring + `,` + ring + `]`},
		4: {`[[1,2]]`},
		5: {`[[[1,2],[3,4]]]`},
		6: {`[[` + ring + `]]`, `[` + ring + `]`},
	}
	poor := map[int64][]string{
		0: {`[1,2]`},
		1: {`[1]`, `[1,2,3,4]`, `["1","2"]`, `{}`, ``, `[1,2] x`, `[[1,2]]`},
		2: {`[[1,2]]`, `[1,2]`},
		3: {`[]`, `[[[0,0],[0,1],[0,0]]]`, `[[[0,0],[0,1],[1,1],[1,0]]]`},
		4: {`[]`, `[1,2]`},
		5: {`[[[1,2]]]`},
		6: {ring, `[]`},
		7: {`[1,2]`},
	}
	for kind, list := range good {
		for _, s := range list {
			if !onem2m.ValidGeometry(kind, s) {
				t.Errorf("%d: %s is refused", kind, s)
			}
		}
	}
	for kind, list := range poor {
		for _, s := range list {
			if onem2m.ValidGeometry(kind, s) {
				t.Errorf("%d: %s is accepted", kind, s)
			}
		}
	}
}

func TestEnumerations_AreSortedAndNamed(t *testing.T) {
	t.Parallel()
	e := onem2m.EnumerationByName("m2m:resourceType")
	if e == nil || !e.Has(3) || e.Has(33) || !e.Has(10003) || e.NameOf(3) != "container" || e.NameOf(33) != "" {
		t.Errorf("%+v", e)
	}
	for i := 1; i < len(e.Values); i++ {
		if e.Values[i-1].Value >= e.Values[i].Value {
			t.Errorf("%v before %v", e.Values[i-1], e.Values[i])
		}
	}
	if onem2m.EnumerationByName("m2m:nothing") != nil {
		t.Error("an unknown enumeration is found")
	}
}

func TestHome_C005_NamesItself(t *testing.T) {
	t.Parallel()
	if home.ID() != "//m2m.example/id-in" || home.ResourceID() != "id-in" {
		t.Errorf("%s, %s", home.ID(), home.ResourceID())
	}
	if sp, err := onem2m.ParseSP("//M2M.example"); err != nil || sp != "//m2m.example" {
		t.Errorf("%s, %v", sp, err)
	}
	for _, s := range []string{"", "m2m.example", "/m2m.example", "//", "//m2m.example/x", "//-a.example", "//a..b"} {
		if sp, err := onem2m.ParseSP(s); err == nil {
			t.Errorf("%q is %s", s, sp)
		}
	}
	names := map[onem2m.Operation]string{1: "CREATE", 2: "RETRIEVE", 3: "UPDATE", 4: "DELETE", 5: "NOTIFY", 6: "operation 6"}
	for op, want := range names {
		if op.String() != want {
			t.Errorf("%d is %s", op, op)
		}
	}
}

func TestContentInfo_E129_OnlyItsFormIsChecked(t *testing.T) {
	t.Parallel()
	for text, security := range map[string]int{
		"application/json:0": -1, "application/json:0:0": 0, "application/json:0:1": 1, "text/plain:1:5": 5,
	} {
		if got, err := onem2m.ParseContentInfo(text); err != nil || got.Security != security {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"application/json:0:6", "application/json:0:", "application/json:0:-1", "application/json:0:x", "application/json:0:1:1"} {
		_, err := onem2m.ParseContentInfo(text)
		var refusal *onem2m.Error
		if !errors.As(err, &refusal) || refusal.Code != onem2m.BadRequest {
			t.Errorf("%q: %v", text, err)
		}
	}
}
