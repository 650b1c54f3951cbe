package access

import (
	"net/netip"
	"testing"
	"time"

	"bulwark/onem2m"
)

// Field case 07: a context that doesn't hold must not open the door.
func TestContexts_FieldCase07(t *testing.T) {
	t.Parallel()
	near := &Location{Latitude: 48.2 + 300/111195.08, Longitude: 16.4, HasPosition: true}
	far := &Location{Latitude: 48.2 + 700/111195.08, Longitude: 16.4, HasPosition: true}
	for _, tc := range []struct {
		id, name, acco string
		at             *Location
		want           bool
	}{
		{"A-83", "A absent", ``, nil, true},
		{"A-39", "B empty", `"acco":[]`, nil, true},
		{"A-85", "C working hours", `"acco":[{"actw":["* * 8-17 * * 1-5 *"]}]`, nil, true},
		{"A-87", "D another weekday", `"acco":[{"actw":["* * 8-17 * * 6 *"]}]`, nil, false},
		{"A-85", "E one of two windows", `"acco":[{"actw":["* * 8-9 * * * *","* * 10-11 * * * *"]}]`, nil, true},
		{"A-88", "F not among the first 64", `"acco":[{"acip":{"ipv4":["192.0.2.0/26"]}}]`, nil, false},
		{"A-88", "G in the second 64", `"acco":[{"acip":{"ipv4":["192.0.2.64/26"]}}]`, nil, true},
		{"A-88", "H a host", `"acco":[{"acip":{"ipv4":["192.0.2.77"]}}]`, nil, true},
		{"A-88", "I the other family", `"acco":[{"acip":{"ipv6":["2001:db8::/32"]}}]`, nil, false},
		{"A-84", "J all parts of a context", `"acco":[{"actw":["* * 8-17 * * * *"],"acip":{"ipv4":["198.51.100.0/24"]}}]`, nil, false},
		{"A-83", "K one of several contexts", `"acco":[{"actw":["* * 0 * * * *"]},{"acip":{"ipv4":["192.0.2.0/24"]}}]`, nil, true},
		{"A-93", "L no location", `"acco":[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, nil, false},
		{"A-92", "M 300 m away", `"acco":[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, near, true},
		{"A-92", "N 700 m away", `"acco":[{"aclr":{"accr":[48.2,16.4,500.0]}}]`, far, false},
		{"A-94", "O another country", `"acco":[{"aclr":{"accc":["AT","DE"]}}]`, &Location{Country: "FR"}, false},
		{"A-94", "the right country", `"acco":[{"aclr":{"accc":["AT","DE"]}}]`, &Location{Country: "DE"}, true},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			q := cop01()
			q.Location = tc.at
			if got := mustCompile(t, cseIn, ruleForCop01(tc.acco)).Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestContexts_A85_EmptyWindowsRestrictNothing(t *testing.T) {
	t.Parallel()
	for _, acco := range []string{`[{}]`, `[{"actw":[]}]`} {
		if !mustCompile(t, cseIn, ruleForCop01(`"acco":`+acco)).Permits(cop01()) {
			t.Errorf("acco %s restricts", acco)
		}
	}
}

func TestContexts_A86_TimeIsComparedInUTC(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, ruleForCop01(`"acco":[{"actw":["* * 10 * * 3 *"]}]`))
	q := cop01()
	q.Time = wednesday.In(time.FixedZone("UTC-11", -11*3600))
	if !p.Permits(q) {
		t.Error("the zone of the time value changed the answer")
	}
	if q.Time = (time.Time{}); p.Permits(q) {
		t.Error("A-03: permits without a time")
	}
}

func TestContexts_Addresses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id, name, acip, ip string
		want               bool
	}{
		{"A-89", "an IPv4-mapped address is an IPv4 one", `{"ipv4":["192.0.2.0/24"]}`, "::ffff:192.0.2.77", true},
		{"A-89", "and not an IPv6 one", `{"ipv6":["::/0"]}`, "::ffff:192.0.2.77", false},
		{"A-89", "an IPv4-mapped prefix matches nothing", `{"ipv6":["::ffff:192.0.2.0/120"]}`, "192.0.2.77", false},
		{"A-89", "nor itself", `{"ipv6":["::ffff:192.0.2.77"]}`, "::ffff:192.0.2.77", false},
		{"A-88", "an IPv6 prefix", `{"ipv6":["2001:db8::/32"]}`, "2001:db8:1::9", true},
		{"A-88", "beside the prefix", `{"ipv6":["2001:db8::/32"]}`, "2001:db9::9", false},
		{"A-88", "an IPv6 host", `{"ipv6":["2001:db8::9"]}`, "2001:db8::9", true},
		{"A-88", "the next host", `{"ipv6":["2001:db8::9"]}`, "2001:db8::a", false},
		{"A-88", "a zone is no part of the address", `{"ipv6":["fe80::/10"]}`, "fe80::1%eth0", true},
		{"A-88", "either family", `{"ipv4":["192.0.2.1"],"ipv6":["2001:db8::/32"]}`, "2001:db8::1", true},
		{"A-88", "every IPv4 address", `{"ipv4":["0.0.0.0/0"]}`, "203.0.113.5", true},
		{"A-88", "and no IPv6 one", `{"ipv4":["0.0.0.0/0"]}`, "2001:db8::1", false},
		{"A-88", "bits behind the prefix don't count", `{"ipv4":["192.0.2.99/24"]}`, "192.0.2.77", true},
		{"A-90", "an unknown address", `{"ipv4":["0.0.0.0/0"],"ipv6":["::/0"]}`, "", false},
		{"A-88", "no list at all", `{}`, "192.0.2.77", false},
		{"A-88", "an empty list", `{"ipv4":[]}`, "192.0.2.77", false},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			q := cop01()
			q.IP = netip.Addr{}
			if tc.ip != "" {
				q.IP = netip.MustParseAddr(tc.ip)
			}
			if got := mustCompile(t, cseIn, ruleForCop01(`"acco":[{"acip":`+tc.acip+`}]`)).Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestContexts_Regions(t *testing.T) {
	t.Parallel()
	const vienna = `{"accr":[48.2082,16.3738,1500.0]}`
	at := func(latitude, longitude, uncertainty float64) *Location {
		return &Location{Latitude: latitude, Longitude: longitude, Uncertainty: uncertainty, HasPosition: true}
	}
	for _, tc := range []struct {
		id, name, aclr string
		at             *Location
		want           bool
	}{
		{"A-92", "741 m away", vienna, at(48.2082, 16.3838, 0), true},
		{"A-92", "741 m away, uncertain by 800 m", vienna, at(48.2082, 16.3838, 800), false},
		{"A-92", "2224 m away", vienna, at(48.2282, 16.3738, 0), false},
		{"A-93", "unknown", vienna, nil, false},
		{"A-93", "only the country is known", vienna, &Location{Country: "AT"}, false},
		{"A-93", "coordinates that nobody vouches for", vienna, &Location{Latitude: 48.2082, Longitude: 16.3738}, false},
		{"A-92", "a negative uncertainty", vienna, at(48.2282, 16.3738, -5000), false},
		{"A-92", "not on the globe", `{"accr":[0,0,40000000]}`, at(91, 0, 0), false},
		{"A-92", "over the date line", `{"accr":[0,179.999,1000]}`, at(0, -179.999, 0), true},
		{"A-92", "over the pole", `{"accr":[90,0,1000]}`, at(89.995, 123, 0), true},
		{"A-92", "the antipode", `{"accr":[0,0,20015000]}`, at(0, 180, 0), false},
		{"A-92", "the whole globe", `{"accr":[0,0,20016000]}`, at(0, 180, 0), true},
		{"A-92", "the very point", `{"accr":[48.2,16.4,0]}`, at(48.2, 16.4, 0), true},
		{"A-94", "in the country", `{"accc":["AT","DE"]}`, &Location{Country: "AT"}, true},
		{"A-94", "in another country", `{"accc":["AT","DE"]}`, &Location{Country: "FR"}, false},
		{"A-94", "in no known country", `{"accc":["AT","DE"]}`, at(48.2082, 16.3738, 0), false},
	} {
		t.Run(tc.id+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			q := cop01()
			q.Location = tc.at
			if got := mustCompile(t, cseIn, ruleForCop01(`"acco":[{"aclr":`+tc.aclr+`}]`)).Permits(q); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestContexts_A84_TimeAddressAndPlaceAreANDed(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, ruleForCop01(
		`"acco":[{"actw":["* * 10 * * * *"],"acip":{"ipv4":["192.0.2.77"]},"aclr":{"accc":["AT"]}}]`))
	for bits := range 8 {
		q := cop01()
		q.Location = &Location{Country: "AT"}
		if bits&1 == 0 {
			q.Time = wednesday.Add(time.Hour)
		}
		if bits&2 == 0 {
			q.IP = netip.MustParseAddr("192.0.2.78")
		}
		if bits&4 == 0 {
			q.Location.Country = "DE"
		}
		if got := p.Permits(q); got != (bits == 7) {
			t.Errorf("parts %03b: got %v", bits, got)
		}
	}
}

func TestContexts_A03_UnknownInputsMatchNothing(t *testing.T) {
	t.Parallel()
	unknown := &Query{Originator: "//m2m.example/id-in/Cop01", Operation: onem2m.Retrieve, Privilege: Retrieve}
	for _, members := range []string{
		`"acaf":true`,
		`"acco":[{"actw":["* * * * * * *"]}]`,
		`"acco":[{"acip":{"ipv4":["0.0.0.0/0"],"ipv6":["::/0"]}}]`,
		`"acco":[{"aclr":{"accr":[0,0,30000000]}}]`,
		`"acco":[{"aclr":{"accc":["AT"]}}]`,
	} {
		if mustCompile(t, cseIn, ruleForCop01(members)).Permits(unknown) {
			t.Errorf("%s is taken as fulfilled", members)
		}
	}
	if !mustCompile(t, cseIn, ruleForCop01("")).Permits(unknown) {
		t.Error("a rule that asks for nothing else is not fulfilled")
	}
}
