package wire_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

func TestDecodeContent(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, name, in, root, value string }{
		{"C-460", "white space goes", " {\n\"m2m:cnt\" : { \"rn\" : \"a\" , \"lbl\" : [ \"x\" ] }\t}\r\n", "m2m:cnt", `{"rn":"a","lbl":["x"]}`},
		{"C-460", "a specialization", `{"hd:tempe":{}}`, "hd:tempe", `{}`},
		{"C-467", "a list", `{"m2m:uril":["a","b"]}`, "m2m:uril", `["a","b"]`},
		{"C-467", "a text", `{"m2m:uri":"cse-in/a"}`, "m2m:uri", `"cse-in/a"`},
		{"C-472", "text is kept to the octet", `{"m2m:cin":{"con":" grün <&> \u2028 \"q\" \\ / \n "}}`, "m2m:cin", "{\"con\":\" grün <&> \u2028 \\\"q\\\" \\\\ / \\n \"}"},
		{"C-472", "no normalisation", "{\"m2m:cin\":{\"con\":\"e\u0301\u00e9\"}}", "m2m:cin", "{\"con\":\"e\u0301\u00e9\"}"},
		{"C-461", "numbers keep their digits", `{"m2m:cin":{"con":[1.50,123456789012345678901234567890,1E+2,-0]}}`, "m2m:cin", `{"con":[1.50,123456789012345678901234567890,1E+2,-0]}`},
		{"C-465", "the order of members stays", `{"m2m:cnt":{"z":1,"a":2}}`, "m2m:cnt", `{"z":1,"a":2}`},
		{"C-466", "64 levels", `{"m2m:cin":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, "m2m:cin", strings.Repeat("[", 63) + strings.Repeat("]", 63)},
		{"C-466", "brackets inside text don't count", `{"m2m:cin":"` + strings.Repeat(`[\"`, 500) + `"}`, "m2m:cin", `"` + strings.Repeat(`[\"`, 500) + `"`},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := wire.DecodeContent([]byte(tt.in), wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Name != tt.root || string(c.Value) != tt.value {
				t.Errorf("%s is %s %s", tt.in, c.Name, c.Value)
			}
			again, err := wire.DecodeContent(c.Append(nil), wire.Limits{})
			if err != nil || string(again.Value) != tt.value {
				t.Errorf("comes back as %s, %v", again.Value, err)
			}
		})
	}
}

func TestDecodeContent_Refuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ id, name, in, subject string }{
		{"C-031", "nothing", "", "pc"},
		{"C-460", "no root element", "{}", "pc"},
		{"C-460", "two root elements", `{"m2m:cnt":{},"m2m:ae":{}}`, "pc"},
		{"C-460", "an array", `[{}]`, "pc"},
		{"C-460", "a text", `"m2m:cnt"`, "pc"},
		{"C-460", "a root element without name", `{"":{}}`, "pc"},
		{"C-466", "octets behind the object", `{"m2m:cnt":{"rn":"g"}} trailing`, "pc"},
		{"C-466", "a second object", `{"m2m:cnt":{}}{}`, "pc"},
		{"C-465", "a name twice", `{"m2m:cnt":{"rn":"h","rn":"h2"}}`, "rn"},
		{"C-465", "a name twice, once with an escape", `{"m2m:cnt":{"rn":"h","r\u006e":"h2"}}`, "rn"},
		{"C-465", "a root element twice", `{"m2m:cnt":{},"m2m:cnt":{}}`, "m2m:cnt"},
		{"C-465", "a name twice deep inside", `{"m2m:sub":{"enc":{"net":[1],"net":[2]}}}`, "net"},
		{"C-466", "octets that are no UTF-8", "{\"m2m:cin\":{\"con\":\"\xff\"}}", "pc"},
		{"C-466", "half a surrogate", `{"m2m:cin":{"con":"\ud800"}}`, "pc"},
		{"C-466", "a bare word", `{"m2m:cnt":{"rn":x}}`, "pc"},
		{"C-466", "a comma too many", `{"m2m:cnt":{"rn":"x",}}`, "pc"},
		{"C-466", "a leading zero", `{"m2m:cnt":{"mni":01}}`, "pc"},
		{"C-466", "not a number", `{"m2m:cnt":{"mni":NaN}}`, "pc"},
		{"C-466", "a control character", "{\"m2m:cin\":{\"con\":\"a\x01\"}}", "pc"},
		{"C-466", "a comment", `{"m2m:cnt":{}} // x`, "pc"},
		{"C-466", "65 levels", `{"m2m:cin":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "pc"},
		{"C-466", "forty thousand brackets", strings.Repeat("[", 40_000), "pc"},
		{"C-466", "forty thousand braces", strings.Repeat(`{"a":`, 40_000), "pc"},
		{"C-466", "too long", `{"m2m:cin":{"con":"` + strings.Repeat("x", wire.DefaultSize) + `"}}`, "pc"},
		{"C-466", "cut off", `{"m2m:cnt":{"rn":"x`, "pc"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.DecodeContent([]byte(tt.in), wire.Limits{})
			var e *onem2m.Error
			if !errors.As(err, &e) || e.Code != onem2m.BadRequest || e.Subject != tt.subject {
				t.Fatalf("%v, want 4000 about %s", err, tt.subject)
			}
			if len(e.Debug()) > 150 {
				t.Errorf("the text is long: %s", e.Debug())
			}
		})
	}
}

func TestDecodeContent_C466_LimitsAreTheCallers(t *testing.T) {
	t.Parallel()
	body := []byte(`{"m2m:cin":{"con":[[1]]}}`)
	flat := []byte(`{"m2m:cin":{"con":[[],[],[],"{{{{"]}}`) // many brackets, few levels
	if _, err := wire.DecodeContent(flat, wire.Limits{Depth: 4}); err != nil {
		t.Error(err)
	}
	for limits, ok := range map[wire.Limits]bool{{}: true, {Size: len(body)}: true, {Size: len(body) - 1}: false, {Depth: 4}: true, {Depth: 3}: false} {
		if _, err := wire.DecodeContent(body, limits); (err == nil) != ok {
			t.Errorf("%+v: %v", limits, err)
		}
	}
}

// Not parallel: it measures allocation.
func TestDecodeContent_C466_DeepNestingCostsNothing(t *testing.T) { //nolint:paralleltest // measures allocation
	body := []byte(strings.Repeat("[", 40_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := wire.DecodeContent(body, wire.Limits{}); err == nil {
			t.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d octets allocated", grown)
	}
}

func TestDecodeObject_KeepsMembersInOrder(t *testing.T) {
	t.Parallel()
	o, err := wire.DecodeObject(jsontext.Value(`{"b":[1,{"x":"]}"}],"a":"\\\"","c":{}}`))
	if err != nil || len(o) != 3 || o[0].Name != "b" || string(o.Get("b")) != `[1,{"x":"]}"}]` || string(o.Get("a")) != `"\\\""` {
		t.Errorf("%v, %v", o, err)
	}
	for _, bad := range []string{"", "{", "[]", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":[1}`, `{a:1}`, `{"a":1]`, `x`, `{"a:1}`} {
		if o, err := wire.DecodeObject(jsontext.Value(bad)); err == nil {
			t.Errorf("%s is %v", bad, o)
		}
	}
}

func FuzzDecodeContent(f *testing.F) {
	for _, s := range []string{`{"m2m:cnt":{"rn":"a"}}`, `{"m2m:cin":{"con":"\u0041"}}`, "[[[[", `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"m2m:ae":{"poa":["x"],"rr":true}}`, `{"\b\"":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := wire.DecodeContent(b, wire.Limits{})
		if err != nil {
			if onem2m.AsError(err).Code != onem2m.BadRequest {
				t.Fatal(err)
			}
			return
		}
		again, err := wire.DecodeContent(c.Append(nil), wire.Limits{})
		if err != nil || again.Name != c.Name || string(again.Value) != string(c.Value) {
			t.Fatalf("%q is %s %s is %v, %v", b, c.Name, c.Value, again, err)
		}
		o, err := wire.DecodeObject(c.Value)
		if (err == nil) != (c.Value.Kind() == '{') {
			t.Fatalf("%s: %v", c.Value, err)
		}
		if err == nil && string(o.Append(nil)) != string(c.Value) {
			t.Fatalf("%s is cut into %s", c.Value, o.Append(nil))
		}
		for _, info := range onem2m.Types() {
			if info.Root == c.Name && err == nil {
				_, _ = info.ValidateCreate(o) // must not panic
				_, _ = info.ValidateUpdate(o)
			}
		}
	})
}
