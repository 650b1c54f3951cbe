package node

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/client"
	"bulwark/internal/cse"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/ops/config"
	"bulwark/internal/store/sql"
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

func TestRevocations_NoTokenCountsOfAnIssuerWhoseListHasNoRoom(t *testing.T) {
	t.Parallel()
	store, err := sql.Open(t.Context(), sql.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }() // nothing of it is of interest
	now := time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	key, err := dynauth.NewIssuer("//m2m.example/Sdas", []string{"das.example"}, []string{"sign:HS256"}, []byte(`{"kty":"oct","kid":"s","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(0, key)
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{o: Options{Now: clock}, revoked: token.NewRevocations(4)}
	n.cse, err = cse.New(t.Context(), cse.Options{
		Home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, Admin: "CAdmin", Store: store, Verifier: verifier, Revoked: n.revoked, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &revocationList{issuer: "//m2m.example/Sdas"}
	ref := token.Ref{Issuer: l.issuer, ID: "good"}
	list := []client.RevokedToken{}
	take := func() error {
		_, err := n.noteRevocations(t.Context(), l, list)
		return err
	}
	if err := take(); err != nil || n.revoked.Has(ref) {
		t.Fatalf("a token doesn't count: %v", err)
	}
	for i := range 8 {
		list = append(list, client.RevokedToken{ID: strconv.Itoa(i), Until: onem2m.TimestampOf(now.Add(time.Hour)).String(), Originator: "//m2m.example/id-in/CA"})
	}
	if err := take(); !errors.Is(err, token.ErrFull) || !n.revoked.Has(ref) || !n.revoked.Has(token.Ref{Issuer: l.issuer, ID: "7"}) {
		t.Errorf("tokens count of which nobody knows: %v", err)
	}
	now, list = now.Add(2*time.Hour), nil
	if err := take(); err != nil || n.revoked.Has(ref) {
		t.Errorf("a token doesn't count again: %v", err)
	}
}
