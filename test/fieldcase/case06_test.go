package fieldcase

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bulwark/test/harness"
)

func TestFieldCase06_OriginatorsThatLookLikeOthers(t *testing.T) {
	t.Parallel()
	client, _ := trusting(t)
	for _, ae := range []string{"Cboss01", "Cboss0", "Cboss011", "CBOSS01", "Cguard7", "C1", "Cadm01"} {
		client.Register(t, ae, "ae-"+ae)
	}
	client.Make(t, "CAdmin", "/cse-in", 1, policy("p", "Cadm01",
		`{"acor":["Cboss01","/id-in/Cguard*","//m2m.example/id-b/Cplant?"],"acop":63}`))
	client.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"vault"}}`)
	client.Make(t, "CAdmin", "/cse-in/vault", 3, `{"m2m:cnt":{"rn":"door","acpi":["cse-in/p"]}}`)

	for _, tc := range []struct {
		name        string
		origin      []string // nil: the header is missing
		rsc, status int
	}{
		{"A-62 the originator itself", []string{"Cboss01"}, 2000, 200},
		{"A-13 a local AE by its SP-relative name", []string{"/id-in/Cboss01"}, 4000, 400},
		{"A-62 a stem under a pattern", []string{"Cguard7"}, 2000, 200},
		{"shorter", []string{"Cboss0"}, 4103, 403},
		{"longer", []string{"Cboss011"}, 4103, 403},
		{"in capitals", []string{"CBOSS01"}, 4103, 403},
		{"a piece of it", []string{"C1"}, 4103, 403},
		{"any characters", []string{".*"}, 4000, 400},
		{"C and any characters", []string{"C.*"}, 4000, 400},
		{"a caret", []string{"^"}, 4000, 400},
		{"a class", []string{"C[a-z]+01"}, 4000, 400},
		{"an asterisk", []string{"*"}, 4000, 400},
		{"a stem with an asterisk", []string{"Cboss0*"}, 4000, 400},
		{"a list", []string{`["Cboss01"]`}, 4000, 400},
		{"A-14 empty", []string{""}, 4000, 400},
		{"A-14 missing", nil, 4000, 400},
		{"two headers", []string{"Cboss01", "C1"}, 4000, 400},
		{"two headers that agree", []string{"Cboss01", "Cboss01"}, 4000, 400},
		{"an escaped blank behind it", []string{"Cboss01%20"}, 4000, 400},
		{"a blank in front of it", []string{" Cboss01"}, 2000, 200},
		{"another SP's AE of that stem", []string{"//other.example/id-in/Cguard7"}, 4103, 403},
		{"another CSE's AE of that stem", []string{"/id-b/Cguard7"}, 4103, 403},
		{"the question mark stands for itself", []string{"/id-b/Cplant1"}, 4103, 403},
		{"a stem with a line separator", []string{"Cboss01\u2028"}, 4000, 400},
		{"a stem with a Cyrillic letter", []string{"Cb\u043ess01"}, 4000, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client.Send(t, harness.Request{
				Method: http.MethodGet, Target: "/cse-in/vault/door",
				Header: map[string][]string{"X-M2M-Origin": tc.origin},
			}).Expect(t, tc.rsc, tc.status)
		})
	}
	t.Run("a blank in front of it, octet by octet", func(t *testing.T) {
		t.Parallel()
		answer := harness.Exchange(t, client.Base, nil, "GET /cse-in/vault/door HTTP/1.1\r\nHost: cse\r\nX-M2M-Origin:    Cboss01 \t\r\nX-M2M-RI: a\r\nX-M2M-RVI: 3\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.Contains(answer, "\r\nX-M2M-RSC: 2000\r\n") {
			t.Errorf("got %q", answer)
		}
	})
}

func TestFieldCase06_PoliciesAreReadExactly(t *testing.T) {
	t.Parallel()
	client, _ := trusting(t)
	client.Register(t, "Cother1", "other")
	long := "C" + strings.Repeat("a", 200)
	for _, tc := range []struct {
		name, acor, from string
		permit           bool
	}{
		{"A-60 the word for everybody", `all`, "Cother1", true},
		{"A-60 the word in capitals", `ALL`, "Cother1", false},
		{"A-63 a lone asterisk isn't everybody", `*`, "Cother1", false},
		{"A-63 a lone asterisk and an AE of another CSE", `*`, "/id-b/Cother1", false},
		{"A-62 any provider, this CSE and stem", `//*/id-in/Cother1`, "Cother1", true},
		{"A-65 any AE registered here", `/id-in/*`, "Cother1", true},
		{"A-65 any AE registered at another CSE", `/id-b/*`, "/id-b/Cother1", true},
		{"A-65 not the CSE itself", `/id-b/*`, "/id-b", false},
		{"A-65 nor by the absolute form", `//*/id-b/C*`, "/id-b", false},
		{"a stem is no prefix", `Cother`, "Cother1", false},
		{"A-61 the domain of another provider", `//other.example/*`, "Cother1", false},
		{"A-61 the own domain", `//m2m.example`, "Cother1", true},
		{"A-62 an asterisk ends at the slash", `//m2m.example/*`, "Cother1", false},
		{"A-64 SP-relative means this provider", `/id-in/Cother1`, "//other.example/id-in/Cother1", false},
		{"linear matching", `C*a*a*a*a*a*a*a*b`, long, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			name := harness.Name(t)
			// What can't be an originator may be refused with the policy, or never match.
			a := client.Create(t, "CAdmin", "/cse-in", 1, policy("acp-"+name, "CAdmin", `{"acor":["`+tc.acor+`"],"acop":2}`))
			if a.RSC == 4000 && !tc.permit {
				return
			}
			a.Expect(t, 2001, 201)
			client.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"cnt-`+name+`","acpi":["cse-in/acp-`+name+`"]}}`)
			var got *harness.Answer
			took := harness.Took(func() { got = client.Get(t, tc.from, "/cse-in/cnt-"+name) })
			if tc.permit {
				got.Expect(t, 2000, 200)
			} else {
				got.Expect(t, 4103, 403)
			}
			if took > time.Second {
				t.Errorf("the decision took %s", took)
			}
		})
	}
}
