package wsb

import "testing"

func TestPoint_S154_B04_WhereItLeads(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]struct {
		address, path string
		secure        bool
	}{
		"ws://in.m2m.example":            {"in.m2m.example:80", "/", false},
		"wss://in.m2m.example":           {"in.m2m.example:443", "/", true},
		"wss://192.0.2.1:9000/":          {"192.0.2.1:9000", "/", true},
		"wss://[2001:db8::1]/gate":       {"[2001:db8::1]:443", "/gate", true},
		"https://in.m2m.example":         {},
		"wss://user:pass@in.m2m.example": {},
		"wss://":                         {},
		"ws:%":                           {},
	} {
		u, secure, err := parsePoint(point)
		if err != nil {
			if want.address != "" {
				t.Errorf("%s: %v", point, err)
			}
			continue
		}
		if got := hostPort(u); got != want.address || secure != want.secure || u.Path != want.path {
			t.Errorf("%s leads to %s %s, %t", point, got, u.Path, secure)
		}
	}
}
