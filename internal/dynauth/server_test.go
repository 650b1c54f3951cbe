package dynauth

import (
	"crypto/ecdsa"
	"encoding/base64"
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestServers_AreFoundByDomainPointAndName(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	all := Servers{
		{ID: "//m2m.example/Sdas", Domains: []string{"das.example"}, Points: []string{"https://das.example/x"}},
		{ID: "//m2m.example/id-in/Cother", Domains: []string{"other.example"}, Points: []string{"/id-in/Cother"}},
	}
	if err := all.Check(); err != nil {
		t.Fatal(err)
	}
	for point, want := range map[string]*Server{
		"https://das.example/x": &all[0], "/Sdas": &all[0], "Sdas": &all[0], "//m2m.example/Sdas": &all[0],
		"Cother": &all[1], "https://das.example/": nil, "Sother": nil, "": nil, "https://das.example/x/": nil,
	} {
		if got := all.At(home, point); got != want {
			t.Errorf("at %s: %+v", point, got)
		}
	}
	if all.Of("tk1@Das.example") != &all[0] || all.Of("tk1@x.das.example") != nil || all.Of("das.example") != nil {
		t.Error("a domain is exact")
	}
	if all.By("//m2m.example/id-in/Cother") != &all[1] || all.By("") != nil {
		t.Error("by name")
	}
	for name, bad := range map[string]Server{
		"relative": {ID: "/Sdas", Domains: []string{"a"}, Points: []string{"x"}}, "no domain": {ID: "//m2m.example/Sdas", Points: []string{"x"}},
		"no point": {ID: "//m2m.example/Sdas", Domains: []string{"a"}}, "too many": {ID: "//m2m.example/Sdas", Domains: []string{"a"}, Points: make([]string, MaxPoints+1)},
	} {
		if (Servers{bad}).Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestParseSeal_A153_IsAKeyToEncryptWith(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	secret := `{"kty":"oct","kid":"s","alg":"dir","k":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("k", 32))) + `"}`
	for _, tt := range []struct {
		name, data string
		ok         bool
	}{
		{"a public key", webKeyOf(t, &key.PublicKey, "d", "ECDH-ES+A256KW"), true},
		{"a shared key", secret, true},
		{"a private key", webKeyOf(t, key, "d", "ECDH-ES+A256KW"), false},
		{"a key to sign with", webKeyOf(t, &key.PublicKey, "d", "ES256"), false},
		{"two", `{"keys":[` + secret + `,` + webKeyOf(t, (*ecdsa.PublicKey)(&key.PublicKey), "d", "ECDH-ES+A256KW") + `]}`, false},
		{"nonsense", "no", false},
	} {
		if _, err := ParseSeal([]byte(tt.data)); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
