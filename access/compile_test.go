package access

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/onem2m"
)

func TestCompile_RefusesWithTheMemberAtFault(t *testing.T) {
	t.Parallel()
	acco := func(s string) string { return ruleForCop01(`"acco":[` + s + `]`) }
	acod := func(s string) string { return ruleForCop01(`"acod":[` + s + `]`) }
	for _, tc := range []struct{ id, set, text string }{
		{"A-38", ``, "malformed"},
		{"A-38", `null`, "not an object"},
		{"A-38", `[]`, "not an object"},
		{"A-38", `"pv"`, "not an object"},
		{"A-38", `{"acr":null}`, "acr is not a list"},
		{"A-38", `{"acr":{}}`, "acr is not a list"},
		{"A-38", `{"acr":[null]}`, "acr/0 is not an object"},
		{"A-38", `{"acr":[{"acop":2}]}`, "acr/0 has no acor"},
		{"A-38", `{"acr":[{"acor":["all"]}]}`, "acr/0 has no acop"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":2},{"acor":[],"acop":2}]}`, "acr/1/acor is empty"},
		{"A-38", `{"acr":[{"acor":"all","acop":2}]}`, "acr/0/acor is not a list"},
		{"A-38", `{"acr":[{"acor":["all",7],"acop":2}]}`, "acr/0/acor/1 is not a string"},
		{"A-38", `{"acr":[{"acor":[null],"acop":2}]}`, "acr/0/acor/0 is not a string"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":0}]}`, "acr/0/acop is not a whole number from 1 to 63"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":64}]}`, "acr/0/acop is not a whole number from 1 to 63"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":-1}]}`, "acr/0/acop"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":2.0}]}`, "acr/0/acop"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":1e1}]}`, "acr/0/acop"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":99999999999999999999}]}`, "acr/0/acop"},
		{"A-38", `{"acr":[{"acor":["all"],"acop":"63"}]}`, "acr/0/acop is not a number"},
		{"A-38", ruleForCop01(`"acaf":"true"`), "acr/0/acaf is neither true nor false"},
		{"A-38", ruleForCop01(`"acaf":1`), "acr/0/acaf"},
		{"A-38", ruleForCop01(`"acaf":null`), "acr/0/acaf"},
		{"A-38", ruleForCop01(`"acco":null`), "acr/0/acco is not a list"},
		{"A-38", ruleForCop01(`"acco":{"actw":[]}`), "acr/0/acco is not a list"},
		{"A-38", acco(`{"actw":"* * * * * * *"}`), "acr/0/acco/0/actw is not a list"},
		{"A-85", acco(`{"actw":["whenever"]}`), "acr/0/acco/0/actw/0 is no window: a schedule entry has seven fields"},
		{"A-85", acco(`{"actw":["99 * * * * * *"]}`), "second: a number is outside 0-59"},
		{"A-85", acco(`{"actw":["* * * * * * *","* * * * * *"]}`), "acr/0/acco/0/actw/1"},
		{"A-85", acco(`{"actw":["* * 22-2 * * * *"]}`), "hour: the range runs backwards"},
		{"A-85", acco(`{"actw":["60 * * * * * *"]}`), "second"},
		{"A-85", acco(`{"actw":["* * * * * 7 *"]}`), "day of week"},
		{"A-85", acco(`{"actw":["*/0 * * * * * *"]}`), "second"},
		{"A-88", acco(`{"acip":[]}`), "acr/0/acco/0/acip is not an object"},
		{"A-88", acco(`{"acip":{"ipv4":["192.0.2.0/33"]}}`), "acr/0/acco/0/acip/ipv4/0 is not an ipv4 address or prefix"},
		{"A-88", acco(`{"acip":{"ipv4":["192.0.2"]}}`), "ipv4/0"},
		{"A-88", acco(`{"acip":{"ipv4":["192.0.2.*"]}}`), "ipv4/0"},
		{"A-88", acco(`{"acip":{"ipv4":["192.0.02.1"]}}`), "ipv4/0"},
		{"A-88", acco(`{"acip":{"ipv4":["192.0.2.1/"]}}`), "ipv4/0"},
		{"A-88", acco(`{"acip":{"ipv4":["2001:db8::1"]}}`), "ipv4/0"},
		{"A-88", acco(`{"acip":{"ipv6":["192.0.2.1"]}}`), "ipv6/0 is not an ipv6 address"},
		{"A-88", acco(`{"acip":{"ipv6":["2001:db8::/129"]}}`), "ipv6/0"},
		{"A-88", acco(`{"acip":{"ipv6":["fe80::1%eth0"]}}`), "ipv6/0"},
		{"A-88", acco(`{"acip":{"ipv4":["example.com"]}}`), "ipv4/0"},
		{"A-91", acco(`{"aclr":{}}`), "acr/0/acco/0/aclr needs either accr or accc"},
		{"A-91", acco(`{"aclr":{"accc":["AT"],"accr":[48.2,16.4,500.0]}}`), "aclr needs either"},
		{"A-91", acco(`{"aclr":{"accr":[91,16.4,500.0]}}`), "aclr has an accr"},
		{"A-91", acco(`{"aclr":{"accr":[48.2,181,500.0]}}`), "aclr has an accr"},
		{"A-91", acco(`{"aclr":{"accr":[48.2,16.4,-1]}}`), "aclr has an accr"},
		{"A-91", acco(`{"aclr":{"accr":[48.2,16.4]}}`), "aclr has an accr"},
		{"A-91", acco(`{"aclr":{"accr":[]}}`), "aclr has an accr"},
		{"A-91", acco(`{"aclr":{"accr":[48.2,16.4,1,1]}}`), "accr"},
		{"A-91", acco(`{"aclr":{"accr":[48.2,16.4,1e999]}}`), "accr/2"},
		{"A-91", acco(`{"aclr":{"accr":["48.2","16.4","1"]}}`), "accr/0 is not a number"},
		{"A-91", acco(`{"aclr":{"accc":[]}}`), "accc is not a list of two-letter"},
		{"A-91", acco(`{"aclr":{"accc":["at"]}}`), "accc"},
		{"A-91", acco(`{"aclr":{"accc":["AUT"]}}`), "accc/0"},
		{"A-91", acco(`{"aclr":{"accc":["A"]}}`), "accc"},
		{"A-96", acod(`{}`), "acr/0/acod/0 has no chty"},
		{"A-96", acod(`{"ty":3}`), "acr/0/acod/0 has no chty"},
		{"A-96", acod(`{"chty":[]}`), "acr/0/acod/0/chty is empty"},
		{"A-96", acod(`{"chty":4}`), "acr/0/acod/0/chty is not a list"},
		{"A-96", acod(`{"chty":[0]}`), "acr/0/acod/0/chty/0"},
		{"A-96", acod(`{"chty":["4"]}`), "acr/0/acod/0/chty/0"},
		{"A-96", acod(`{"ty":0,"chty":[4]}`), "acr/0/acod/0/ty"},
		{"A-99", acod(`{"ty":13,"chty":[4]}`), "acr/0/acod/0 has no spty"},
		{"A-99", acod(`{"chty":[4],"ty":28}`), "acr/0/acod/0 has no spty"},
		{"A-100", acod(`{"chty":[4],"spty":{}}`), "spty needs either cnd or mgd"},
		{"A-100", acod(`{"chty":[4],"spty":{"cnd":"com.example.lamp","mgd":1001}}`), "spty needs either"},
		{"A-100", acod(`{"chty":[4],"spty":{"cnd":"","mgd":1001}}`), "cnd is empty"},
		{"A-100", acod(`{"chty":[4],"spty":{"mgd":"1001"}}`), "spty/mgd"},
		{"A-205", `{"acr":[],"acx":1}`, "acx is not a known member"},
		{"A-205", ruleForCop01(`"accx":1`), "acr/0/accx is not a known member"},
		{"A-205", acco(`{"accx":1}`), "acr/0/acco/0/accx is not a known member"},
		{"A-205", acco(`{"acip":{"ipv5":[]}}`), "acip/ipv5 is not a known member"},
		{"A-205", acco(`{"aclr":{"accc":["AT"],"x":1}}`), "aclr/x is not a known member"},
		{"A-205", acod(`{"chty":[4],"x":{}}`), "acod/0/x is not a known member"},
		{"A-205", acod(`{"chty":[4],"spty":{"x":1}}`), "spty/x is not a known member"},
		{"A-205", `{"ACR":[]}`, "ACR is not a known member"},
		{"A-38", `{"acr":[],"acr":[]}`, "malformed"},
		{"A-38", ruleForCop01(`"acop":63`), "malformed"},
		{"A-38", `{"acr":[]} {}`, "followed by something else"},
		{"A-38", `{"acr":[]`, "malformed"},
		{"A-38", `{"acr":[{"acor":["\xff"],"acop":2}]}`, "malformed"},
	} {
		t.Run(tc.id+" "+tc.set, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(cseIn, jsontext.Value(tc.set), "pv")
			var e *onem2m.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != onem2m.BadRequest || e.Subject != "pv" || !strings.Contains(e.Text, tc.text) {
				t.Errorf("got %d %q %q, want 4000 pv and a text with %q", e.Code, e.Subject, e.Text, tc.text)
			}
		})
	}
}

func TestCompile_Accepts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, set string
		rules   int
	}{
		{"A-34", `{}`, 0},
		{"A-34", `{"acr":[]}`, 0},
		{"A-39", ruleForCop01(`"acco":[],"acod":[]`), 1},
		{"A-38", `{"acr":[{"acor":["all"],"acop":1},{"acop":63,"acor":["a","b"]}]}`, 2},
		{"A-84", ruleForCop01(`"acco":[{}]`), 1},
		{"A-59", `{"acr":[{"acor":["*","","//*","ALL"],"acop":63}]}`, 1},
		{"A-99", ruleForCop01(`"acod":[{"ty":28,"spty":{"cnd":"com.example.lamp"},"chty":[4]},{"ty":13,"spty":{"mgd":0},"chty":[23]}]`), 1},
		{"A-29", ruleForCop01(`"acaf":false`), 1},
	} {
		t.Run(tc.id+" "+tc.set, func(t *testing.T) {
			t.Parallel()
			if got := mustCompile(t, cseIn, tc.set).Len(); got != tc.rules {
				t.Errorf("got %d rules, want %d", got, tc.rules)
			}
		})
	}
}

func TestCompile_A33_SelfPrivilegesNeedARule(t *testing.T) {
	t.Parallel()
	for _, set := range []string{`{}`, `{"acr":[]}`} {
		_, err := Compile(cseIn, jsontext.Value(set), "pvs")
		if e := onem2m.AsError(err); e == nil || e.Code != onem2m.BadRequest || e.Debug() != "pvs: holds no rule" {
			t.Errorf("%s: got %v", set, err)
		}
	}
	if _, err := Compile(cseIn, jsontext.Value(ruleForCop01("")), "pvs"); err != nil {
		t.Error(err)
	}
}

func TestCompile_A191_ListsAreBounded(t *testing.T) {
	t.Parallel()
	repeat := func(s string, n int) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	acr := func(n int) string { return `{"acr":` + repeat(`{"acor":["C1"],"acop":2}`, n) + `}` }
	acor := func(n int) string { return `{"acr":[{"acop":2,"acor":` + repeat(`"C1"`, n) + `}]}` }
	acco := func(n int) string { return ruleForCop01(`"acco":` + repeat(`{}`, n)) }
	actw := func(n int) string { return ruleForCop01(`"acco":[{"actw":` + repeat(`"* * * * * * *"`, n) + `}]`) }
	ipv4 := func(n int) string { return ruleForCop01(`"acco":[{"acip":{"ipv4":` + repeat(`"192.0.2.1"`, n) + `}}]`) }
	accc := func(n int) string { return ruleForCop01(`"acco":[{"aclr":{"accc":` + repeat(`"AT"`, n) + `}}]`) }
	acod := func(n int) string { return ruleForCop01(`"acod":` + repeat(`{"chty":[4]}`, n)) }
	chty := func(n int) string { return ruleForCop01(`"acod":[{"chty":` + repeat(`4`, n) + `}]`) }
	entry := func(n int) string {
		return `{"acr":[{"acop":2,"acor":["C` + strings.Repeat("a", n-1) + `"]}]}`
	}
	for _, tc := range []struct {
		name  string
		set   func(int) string
		limit int
	}{
		{"rules", acr, MaxRules},
		{"originators", acor, MaxOriginators},
		{"contexts", acco, MaxContexts},
		{"windows", actw, MaxWindows},
		{"addresses", ipv4, MaxAddresses},
		{"countries", accc, MaxCountries},
		{"object details", acod, MaxObjectDetails},
		{"child types", chty, MaxChildTypes},
		{"octets of an originator", entry, onem2m.MaxAddress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			mustCompile(t, cseIn, tc.set(tc.limit))
			_, err := Compile(cseIn, jsontext.Value(tc.set(tc.limit+1)), "pv")
			if e := onem2m.AsError(err); e == nil || e.Code != onem2m.BadRequest ||
				!strings.Contains(e.Text, strconv.Itoa(tc.limit)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCompile_ErrorsStayShortAndRepeatNoValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 5000)
	_, err := Compile(cseIn, jsontext.Value(`{"`+long+`":1}`), "pv")
	if e := onem2m.AsError(err); e == nil || len(e.Text) > 200 {
		t.Errorf("got %v", err)
	}
	_, err = Compile(cseIn, jsontext.Value(ruleForCop01(`"acco":[{"acip":{"ipv4":["secret"]}}]`)), "pv")
	if e := onem2m.AsError(err); e == nil || strings.Contains(e.Text, "secret") {
		t.Errorf("got %v", err)
	}
}
