package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/client"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
	"bulwark/token"
)

func TestIssuers_NoTokenCountsBeforeTheListOfRevokedOnesHasBeenRead(t *testing.T) {
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
	if !revoked.Has(token.Ref{Issuer: "//m2m.example/Sdas", ID: "tk1@das.example"}) {
		t.Error("tokens count before the list was read")
	}
	if revoked.Has(token.Ref{Issuer: "//m2m.example/Ssilent", ID: "tk1@silent.example"}) {
		t.Error("those of an issuer that nobody asks do not count")
	}
}

func TestRevocationList_WhatIsGoneFromItTwiceCountsAgain(t *testing.T) {
	t.Parallel()
	const now = onem2m.Timestamp(1_800_000_000_000_000)
	end := now + 1_000_000
	l := &revocationList{issuer: "//m2m.example/Sdas"}
	known := map[string]onem2m.Timestamp{"both": end, "lifted": end, "ended": now, "pushed": end}
	list := []client.RevokedToken{{ID: "both", Until: end.String()}, {ID: "new", Until: end.String(), Originator: "//m2m.example/id-in/CA", Target: "//m2m.example/id-in/x", Because: "lost"}, {ID: "strange", Until: "?"}}
	want := []recall.Item{
		{TokenID: "new", Until: end, Originator: "//m2m.example/id-in/CA", Target: "//m2m.example/id-in/x", Because: "lost"},
		{TokenID: "strange", Until: now + onem2m.Timestamp(unknownEnd.Microseconds())},
	}
	got, again := l.compare(known, list, now)
	if diff := cmp.Diff(want, got); diff != "" || !again {
		t.Errorf("again %v %s", again, diff)
	}
	known["new"], known["strange"] = end, end
	list = append(list, client.RevokedToken{ID: "pushed", Until: end.String()}) // the first list was older than the recall
	got, again = l.compare(known, list, now)
	if diff := cmp.Diff([]recall.Item{{TokenID: "lifted", Until: end, Lifted: true}}, got); diff != "" || again {
		t.Errorf("again %v %s", again, diff)
	}
	delete(known, "lifted")
	if got, again = l.compare(known, list, now); got != nil || again {
		t.Errorf("%v %v", got, again)
	}
}
