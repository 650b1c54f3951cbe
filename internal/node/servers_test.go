package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

func TestServers_A153_A157_AreTheIssuersThatCanBeAsked(t *testing.T) {
	t.Parallel()
	seal := filepath.Join(t.TempDir(), "das.jwk")
	if err := os.WriteFile(seal, []byte(`{"kty":"oct","kid":"s","alg":"A128KW","k":"AAECAwQFBgcICQoLDA0ODw"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Token: config.Token{Issuers: []config.TokenIssuer{
		{ID: "//m2m.example/Squiet", FQDN: "quiet.example"},
		{ID: "//m2m.example/Sdas", FQDN: "das.example", PoA: config.Texts{"https://das.example/x"}, Seal: config.Path(seal)},
	}}}
	got, err := Servers(cfg)
	if err != nil || len(got) != 1 || got[0].ID != "//m2m.example/Sdas" || got[0].Seal == nil || got.Check() != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if _, err := got[0].Secure(&onem2m.DASRequest{Originator: "/Sa", Operation: onem2m.Retrieve, Target: "x"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		cfg.Token.Issuers[1].Seal = config.Path(bad)
		if _, err := Servers(cfg); err == nil || !strings.Contains(err.Error(), "token.issuer[1].seal") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
