package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulwark/client"
	"bulwark/internal/ops/config"
	"bulwark/token"
)

func TestIssuers_ATokenCountsOnceTheListOfRevokedOnesHasBeenRead(t *testing.T) {
	t.Parallel()
	keys, others := filepath.Join(t.TempDir(), "jwks.json"), filepath.Join(t.TempDir(), "jwks.json")
	for name, key := range map[string]string{keys: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", others: "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"} {
		if err := os.WriteFile(name, []byte(`{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"`+key+`"}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	asked := config.TokenIssuer{ID: "//m2m.example/Sdas", FQDN: "das.example", JWKS: config.Path(keys), Accept: []string{"sign:HS256"}, Revocations: "https://das.example/"}
	silent := asked
	silent.ID, silent.FQDN, silent.JWKS, silent.Revocations = "//m2m.example/Ssilent", "silent.example", config.Path(others), ""
	_, revoked, err := Issuers(&config.Config{Token: config.Token{Issuers: []config.TokenIssuer{asked, silent}}})
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{revoked: revoked, log: slog.New(slog.DiscardHandler), o: Options{Now: time.Now}}
	lost, good := token.Ref{Issuer: "//m2m.example/Sdas", ID: "tk1@das.example"}, token.Ref{Issuer: "//m2m.example/Sdas", ID: "tk2@das.example"}
	if !revoked.Has(lost) || !revoked.Has(good) {
		t.Error("tokens count before the list was read")
	}
	if revoked.Has(token.Ref{Issuer: "//m2m.example/Ssilent", ID: "tk1@silent.example"}) {
		t.Error("those of an issuer that nobody asks do not count")
	}
	n.noteRevocations(&asked, []client.RevokedToken{{ID: lost.ID, Until: "20990101T000000"}})
	if !revoked.Has(lost) || revoked.Has(good) {
		t.Error("the list does not decide once it was read")
	}
}
