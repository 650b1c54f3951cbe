package fieldcase

import (
	"net/http"
	"testing"
	"time"

	"bulwark/test/harness"
)

// wednesday is the instant at which the clock of the CSE stands.
var wednesday = time.Date(2026, time.March, 4, 10, 30, 0, 0, time.UTC)

// factory is the CSE of case 07: a listener behind a proxy, one without, and
// one that authenticates nobody. Cnear07 is 300 m and Cfar0007 700 m away from
// the place of the policies; Cparis07 is known by its country.
const factory = `
[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true
trusted-proxies = ["127.0.0.1/32"]

[[listen]]
binding = "http"
address = "127.0.0.1:0"
trust-plain = true

[[listen]]
binding = "http"
address = "127.0.0.1:0"

[[location]]
id = "//m2m.example/id-in/Cnear07"
latitude = 48.202698
longitude = 16.4

[[location]]
id = "//m2m.example/id-in/Cfar0007"
latitude = 48.206296
longitude = 16.4

[[location]]
id = "//m2m.example/id-in/Cparis07"
country = "FR"
`

// valve makes a container with one policy of one rule and returns its address,
// or the answer that refused the policy.
func valve(t *testing.T, c *harness.Client, name, rule string) (string, *harness.Answer) {
	t.Helper()
	if a := c.Create(t, "CAdmin", "/cse-in", 1, policy("acp-"+name, "CAdmin", rule)); a.Status != http.StatusCreated {
		return "", a
	}
	c.Make(t, "CAdmin", "/cse-in", 3, `{"m2m:cnt":{"rn":"valve-`+name+`","acpi":["cse-in/acp-`+name+`"]}}`)
	return "/cse-in/valve-" + name, nil
}

func TestFieldCase07_AContextThatDoesntHoldDoesntOpen(t *testing.T) {
	t.Parallel()
	n := harness.StartNode(t, factory, harness.NewClock(wednesday))
	proxied := harness.NewClient(t, n.Addresses[0], nil, 1)
	direct := harness.NewClient(t, n.Addresses[1], nil, 1)
	open := harness.NewClient(t, n.Addresses[2], nil, 1)
	for _, ae := range []string{"Cop01", "Cnear07", "Cfar0007", "Cparis07"} {
		direct.Register(t, ae, ae)
	}

	for _, tc := range []struct {
		name, acco, from string
		rsc, status      int
	}{
		{"A absent", ``, "Cop01", 2000, 200},
		{"B an empty list is no context", `[]`, "Cop01", 2000, 200},
		{"C A-86 within the window", `[{"actw":["* * 8-17 * * 1-5 *"]}]`, "Cop01", 2000, 200},
		{"D A-86 the weekday differs", `[{"actw":["* * 8-17 * * 6 *"]}]`, "Cop01", 4103, 403},
		{"E one of two windows", `[{"actw":["* * 8-9 * * * *","* * 10-11 * * * *"]}]`, "Cop01", 2000, 200},
		{"F outside the prefix", `[{"acip":{"ipv4":["192.0.2.0/26"]}}]`, "Cop01", 4103, 403},
		{"G inside the prefix", `[{"acip":{"ipv4":["192.0.2.64/26"]}}]`, "Cop01", 2000, 200},
		{"H the address itself", `[{"acip":{"ipv4":["192.0.2.77"]}}]`, "Cop01", 2000, 200},
		{"I the other family", `[{"acip":{"ipv6":["2001:db8::/32"]}}]`, "Cop01", 4103, 403},
		{"J all parts of one context hold", `[{"actw":["* * 8-17 * * * *"],"acip":{"ipv4":["198.51.100.0/24"]}}]`, "Cop01", 4103, 403},
		{"K one of several contexts is enough", `[{"actw":["* * 0 * * * *"]},{"acip":{"ipv4":["192.0.2.0/24"]}}]`, "Cop01", 2000, 200},
		{"L location unknown", `[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, "Cop01", 4103, 403},
		{"M 300 m away", `[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, "Cnear07", 2000, 200},
		{"N 700 m away", `[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, "Cfar0007", 4103, 403},
		{"O another country", `[{"aclr":{"accc":["AT","DE"]}}]`, "Cparis07", 4103, 403},
		{"O its own country", `[{"aclr":{"accc":["AT","FR"]}}]`, "Cparis07", 2000, 200},
		{"P country and circle", `[{"aclr":{"accc":["AT"],"accr":[48.2,16.4,500.0]}}]`, "Cop01", 4000, 400},
		{"Q no window", `[{"actw":["whenever"]}]`, "Cop01", 4000, 400},
		{"Q second 99", `[{"actw":["99 * * * * * *"]}]`, "Cop01", 4000, 400},
		{"Q six fields", `[{"actw":["* * * * * *"]}]`, "Cop01", 4000, 400},
		{"Q prefix of 33", `[{"acip":{"ipv4":["192.0.2.0/33"]}}]`, "Cop01", 4000, 400},
		{"Q unknown context", `[{"accx":1}]`, "Cop01", 4000, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rule := `{"acor":["` + tc.from + `"],"acop":2}`
			if tc.acco != "" {
				rule = `{"acor":["` + tc.from + `"],"acop":2,"acco":` + tc.acco + `}`
			}
			address, refused := valve(t, direct, harness.Name(t), rule)
			if refused != nil {
				refused.Expect(t, tc.rsc, tc.status)
				return
			}
			proxied.Send(t, harness.Request{
				Method: http.MethodGet, Target: address, From: tc.from,
				Header: map[string][]string{"X-Forwarded-For": {"192.0.2.77"}},
			}).Expect(t, tc.rsc, tc.status)
		})
	}

	t.Run("A-89 A-198 a proxy that nobody named changes nothing", func(t *testing.T) {
		t.Parallel()
		address, _ := valve(t, direct, "unnamed", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.77"]}}]}`)
		direct.Send(t, harness.Request{
			Method: http.MethodGet, Target: address, From: "Cop01",
			Header: map[string][]string{"X-Forwarded-For": {"192.0.2.77"}, "Forwarded": {"for=192.0.2.77"}},
		}).Expect(t, 4103, 403)
	})
	t.Run("A-89 A-198 an address that the client put in front of the proxy's is not taken", func(t *testing.T) {
		t.Parallel()
		address, _ := valve(t, direct, "spoofed", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.77"]}}]}`)
		proxied.Send(t, harness.Request{
			Method: http.MethodGet, Target: address, From: "Cop01",
			Header: map[string][]string{"X-Forwarded-For": {"192.0.2.77, 203.0.113.9"}},
		}).Expect(t, 4103, 403)
	})
	t.Run("A-29 the authentication flag asks for a proven originator", func(t *testing.T) {
		t.Parallel()
		open.Register(t, "Cloose07", "loose")
		strict, _ := valve(t, direct, "strict", `{"acor":["Cloose07"],"acop":2,"acaf":true}`)
		both, _ := valve(t, direct, "both", `{"acor":["Cloose07"],"acop":2,"acaf":true},{"acor":["Cloose07"],"acop":2,"acaf":false}`)
		open.Get(t, "Cloose07", strict).Expect(t, 4103, 403)
		open.Get(t, "Cloose07", both).Expect(t, 2000, 200)
		direct.Get(t, "Cloose07", strict).Expect(t, 2000, 200)
	})
}
