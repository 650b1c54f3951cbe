package identity

import (
	"testing"
	"time"

	"bulwark/onem2m"
)

func TestCheckOwn_S056_TheCertificateNamesThisCSE(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, nil, nil)
	for _, tc := range []struct {
		name  string
		home  onem2m.Home
		peers []Peer
		dns   []string
		now   time.Time
		ok    bool
	}{
		{"by the rule", home(), nil, []string{"id-in.m2m.example", "localhost"}, time.Now(), true},
		{"another CSE by the rule", home(), nil, []string{"id-mn.m2m.example"}, time.Now(), false},
		{"no CSE at all", home(), nil, []string{"localhost"}, time.Now(), false},
		{"by the map", home(), []Peer{{ID: "//m2m.example/id-in", DNS: "in.example"}}, []string{"in.example"}, time.Now(), true},
		{"a CSE without a name by the rule", onem2m.Home{SP: "//m2m.example", CSE: "/My_CSE"}, nil, []string{"in.example"}, time.Now(), true},
		{"expired", home(), nil, []string{"id-in.m2m.example"}, time.Now().Add(48 * time.Hour), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			trust, err := NewTrust(TrustConfig{Home: tc.home, Peers: tc.peers, Now: func() time.Time { return tc.now }})
			if err != nil {
				t.Fatal(err)
			}
			if err := trust.CheckOwn(FixedKeyPair(ca.issue(t, dns(tc.dns...)))); (err == nil) != tc.ok {
				t.Errorf("CheckOwn: %v", err)
			}
		})
	}
}
