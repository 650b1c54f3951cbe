package das_test

import (
	"errors"
	"strings"
	"testing"

	"bulwark/internal/dynauth/das"
)

func TestParse_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := tenMinutes
	with := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("no %s", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for _, tt := range []struct{ name, policy, want string }{
		{"an unknown key", good + "at_once = 1\n", "10:1: grant.at_once: unknown key"},
		{"an unknown table", "[[grants]]\n", "1:3: grants: unknown key"},
		{"no TOML", "[[grant]\n", "1:"},
		{"a number for text", with(`lifetime = "10m"`, "lifetime = 10"), "9:12: "},
		{"no name", with(`name = "read"`, ""), "name"},
		{"a name with a blank", with(`"read"`, `"the reader"`), "name"},
		{"two of one name", good + good, "another grant has that name"},
		{"for nobody", with(`originators = ["//m2m.example/id-in/CVisitor*"]`, ""), "not for whom"},
		{"a relative originator", with(`"//m2m.example/id-in/CVisitor*"`, `"CVisitor"`), "originators"},
		{"every provider", with(`"//m2m.example/id-in/CVisitor*"`, `"//*/id-in/CVisitor"`), "originators"},
		{"no CSE", with(`cses = ["//m2m.example/id-in"]`, ""), "cses and resources"},
		{"an AE for a CSE", with(`cses = ["//m2m.example/id-in"]`, `cses = ["//m2m.example/id-in/Cx"]`), "cses"},
		{"no resource", with(`resources = ["//m2m.example/id-in/*"]`, ""), "cses and resources"},
		{"a relative resource", with(`"//m2m.example/id-in/*"`, `"cse-in/lamp"`), "resources"},
		{"two stars inside", with(`"//m2m.example/id-in/*"`, `"//m2m.example/**/x"`), "resources"},
		{"no operation", with(`operations = ["retrieve"]`, ""), "operations: at least one"},
		{"an unknown operation", with(`operations = ["retrieve"]`, `operations = ["read"]`), `"read" is none of`},
		{"discovery, which no CSE asks for", with(`operations = ["retrieve"]`, `operations = ["discover"]`), `"discover" is none of`},
		{"an unknown type", good + `types = ["thing"]`, "types"},
		{"an odd role", good + `roles = ["staff"]`, "roles"},
		{"an odd window", good + `windows = ["* * 25 * * * *"]`, "windows"},
		{"no lifetime", with(`lifetime = "10m"`, ""), "lifetime"},
		{"no time at all", with(`"10m"`, `"0s"`), "lifetime"},
		{"longer than there is", with(`"10m"`, `"9000h"`), "lifetime"},
		{"longer than a window", with(`"10m"`, `"25h"`) + `windows = ["* * 8 * * * *"]`, "lifetime"},
		{"fewer than none", good + "at-once = -1", "at-once"},
		{"more for one than there may be", good + "at-once-each = 1001", "at-once-each at most 1000"},
		{"gives nothing", with(`give-operations = ["retrieve"]`, ""), "it gives nothing"},
		{"a role of another issuer", good + `give-roles = ["x@other.example"]`, "give-roles"},
		{"rules that are none", good + `give-rules = '{"acr":[]}'`, "give-rules"},
		{"rules with an unknown member", good + `give-rules = '[{"acor":["$originator"],"acop":2,"until":5}]'`, "give-rules"},
		{"an odd form", good + `form = "paper"`, "form"},
		{"roles as rules", good + "form = \"rules\"\ngive-roles = [\"x@das.m2m.example\"]", "in a token alone"},
		{"rules without rules", with(`give-operations = ["retrieve"]`, `give-roles = ["x@das.m2m.example"]`) + `form = "both"`, "form"},
		{"anywhere without roles", good + "roles-anywhere = true", "roles-anywhere"},
		{"an audience that is no CSE", "[[audience]]\ncse = \"id-in\"\nprotect = \"sign:ES256\"", "cse"},
		{"an unknown protection", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"sign\"", "protect"},
		{"an unknown signature", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"sign:none\"", "protect"},
		{"a shared key that is missing", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"sign:HS256\"", "keys must name"},
		{"a key that nothing uses", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"sign:ES256\"\nkeys = \"shared\"", "keys"},
		{"a file that is not there", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"sign:HS256\"\nkeys = \"none\"", "not there"},
		{"encryption that proves no issuer", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"encrypt:ECDH-ES+A256KW+A256GCM\"\nkeys = \"public\"", "does not prove"},
		{"a MIC inside an encryption", "[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"nested:HS256+dir+A256GCM\"\nkeys = \"shared\"", "audience 1"},
		{"a signer without keys", "[[signer]]\nid = \"//m2m.example/id-in/CLamp\"\nkeys = \"none\"", "signer 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := das.Parse([]byte(tt.policy), self(), func(name string) ([]byte, error) {
				switch name {
				case "shared":
					return []byte(octets("16-k@das.m2m.example", "HS256")), nil
				case "public":
					return []byte(`{"kty":"EC","crv":"P-256","x":"OonevbUclomo4z5d0T2vac2xDq7XoDCCYRHk4KN0fgA","y":"UTUpMxLDSO2GqkghItbaYUlkn2oTygfBRTEItZNtzDY"}`), nil
				}
				return nil, errors.New("it is not there")
			})
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "a2tra2") {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(tenMinutes)
	f.Add(tenMinutes + "windows = [\"* * 8-17 * * 1-5 *\"]\ntypes = [\"cnt\"]\ngive-rules = '[{\"acor\":[\"$originator\"],\"acop\":2}]'\nform = \"both\"\n")
	f.Add("[[audience]]\ncse = \"//m2m.example/id-in\"\nprotect = \"nested:ES256+dir+A256GCM\"\nkeys = \"k\"\n[[signer]]\nid = \"//m2m.example/*/C*\"\nkeys = \"k\"\n")
	f.Fuzz(func(t *testing.T, policy string) {
		p, err := das.Parse([]byte(policy), self(), func(string) ([]byte, error) { return []byte(octets("k", "HS256")), nil })
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			return
		}
		for _, g := range p.Grants {
			if g.Lifetime <= 0 || len(g.CSEs) == 0 || len(g.Resources) == 0 || len(g.Operations) == 0 || len(g.Originators)+len(g.Roles)+len(g.Credentials) == 0 {
				t.Fatalf("a grant without bounds: %+v", g)
			}
		}
		if _, err := p.Decide(question(), 1772445600000000, free); err != nil {
			t.Fatal(err)
		}
	})
}
