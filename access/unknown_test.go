package access

import (
	"net/netip"
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestUndecidable_A175_OnlyWhatIsUnknownStandsInTheWay(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in"}
	known := Query{
		Home: home, Originator: "//m2m.example/id-in/Capp", Operation: onem2m.Retrieve, Privilege: Retrieve,
		Time: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC), IP: netip.MustParseAddr("192.0.2.7"),
		Location: &Location{Latitude: 48, Longitude: 16, HasPosition: true, Country: "AT"},
	}
	nowhere := known
	nowhere.IP, nowhere.Location = netip.Addr{}, nil
	for _, tt := range []struct {
		name, rule string
		q          Query
		want       bool
	}{
		{"the address isn't known", `{"acor":["all"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]}`, nowhere, true},
		{"the address is another", `{"acor":["all"],"acop":2,"acco":[{"acip":{"ipv4":["198.51.100.0/24"]}}]}`, known, false},
		{"the rule matches", `{"acor":["all"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]}`, known, false},
		{"the place isn't known", `{"acor":["all"],"acop":2,"acco":[{"aclr":{"accr":[48,16,1000]}}]}`, nowhere, true},
		{"the place is another", `{"acor":["all"],"acop":2,"acco":[{"aclr":{"accr":[0,16,1000]}}]}`, known, false},
		{"the country isn't known", `{"acor":["all"],"acop":2,"acco":[{"aclr":{"accc":["AT"]}}]}`, nowhere, true},
		{"the country is another", `{"acor":["all"],"acop":2,"acco":[{"aclr":{"accc":["DE"]}}]}`, known, false},
		{"the time is over as well", `{"acor":["all"],"acop":2,"acco":[{"actw":["* * 3 * * * *"],"acip":{"ipv4":["192.0.2.0/24"]}}]}`, nowhere, false},
		{"somebody else's rule", `{"acor":["Cother"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]}`, nowhere, false},
		{"for another operation", `{"acor":["all"],"acop":8,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]}`, nowhere, false},
		{"authentication is missing as well", `{"acor":["all"],"acop":2,"acaf":true,"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]}`, nowhere, false},
		{"no context", `{"acor":["Cother"],"acop":2}`, nowhere, false},
	} {
		p, err := Compile(home, []byte(`{"acr":[`+tt.rule+`]}`), "pv")
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := Undecidable(&tt.q, []Source{{Policy: p}, {}}); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}
