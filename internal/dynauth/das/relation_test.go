package das_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/das"
	"bulwark/onem2m"
	"bulwark/token"
)

func newIssuer(keys string, accept []string) (token.Issuer, error) {
	return dynauth.NewIssuer(self().ID, []string{self().FQDN}, accept, []byte(keys))
}

// signedBy makes the signature of an originator over what it has.
func signedBy(t testing.TB, key *esdata.Key, text string) string {
	t.Helper()
	s, err := das.Sign(key, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// changed returns a token with another last character.
func changed(text string) string {
	last := "A"
	if text[len(text)-1] == 'A' {
		last = "Q"
	}
	return text[:len(text)-1] + last
}

func refused(err error) bool {
	var e *onem2m.Error
	return errors.As(err, &e) && e.Code == onem2m.OriginatorHasNoPrivilege
}

func TestRecord_A160_A161_A162_ASignatureIsVerifiedAndKept(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mine := keyOf(t, web(t, private, "v", "ES256"), esdata.ES256)
	s := start(t, tenMinutes)
	s.mu.Lock()
	s.policy = parse(t, tenMinutes+"\n[[signer]]\nid = \"//m2m.example/id-in/CVisitor\"\nkeys = \"v\"\n", "v", web(t, &private.PublicKey, "v", "ES256"))
	s.mu.Unlock()
	asked := true
	out := s.direct(ask(func(m *onem2m.DASRequest) { m.AuthorSign = &asked }))
	if out.SignRequest == nil || !*out.SignRequest {
		t.Fatal("the signature is not asked for")
	}
	text := out.Tokens[0]
	id := s.verify(text).ID
	m := &onem2m.RelationRequest{TokenIDs: []string{id}, SignRequest: &asked}
	if none, err := s.Signatures(t.Context(), cse, m); err != nil || none.Signatures != nil {
		t.Errorf("a signature before there is one: %+v, %v", none, err)
	}
	for name, tt := range map[string]struct {
		cse, originator onem2m.ID
		m               onem2m.RelationRequest
		code            onem2m.StatusCode
	}{
		"over something else":                        {cse, visitor, onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{signedBy(t, mine, "x")}}, onem2m.OriginatorHasNoPrivilege},
		"over the ID of a token that is handed over": {cse, visitor, onem2m.RelationRequest{Tokens: []string{text}, Signatures: []string{signedBy(t, mine, id)}}, onem2m.OriginatorHasNoPrivilege},
		"by another originator":                      {cse, visitor + "2", onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{signedBy(t, mine, id)}}, onem2m.OriginatorHasNoPrivilege},
		"by way of another CSE":                      {"//m2m.example/id-mn", visitor, onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{signedBy(t, mine, id)}}, onem2m.OriginatorHasNoPrivilege},
		"of an unknown token":                        {cse, visitor, onem2m.RelationRequest{TokenIDs: []string{"x@das.m2m.example"}, Signatures: []string{signedBy(t, mine, "x@das.m2m.example")}}, onem2m.OriginatorHasNoPrivilege},
		"without signature":                          {cse, visitor, onem2m.RelationRequest{TokenIDs: []string{id}}, onem2m.BadRequest},
		"one good and one bad":                       {cse, visitor, onem2m.RelationRequest{TokenIDs: []string{id, "x@das.m2m.example"}, Signatures: []string{signedBy(t, mine, id), "AAAA"}}, onem2m.OriginatorHasNoPrivilege},
		"a changed token":                            {cse, visitor, onem2m.RelationRequest{Tokens: []string{changed(text)}, Signatures: []string{signedBy(t, mine, text)}}, onem2m.OriginatorHasNoPrivilege},
	} {
		err := s.Record(t.Context(), tt.cse, tt.originator, nil, &tt.m)
		var e *onem2m.Error
		if !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: %v", name, err)
		}
		if none, err := s.Signatures(t.Context(), cse, m); err != nil || none.Signatures != nil {
			t.Fatalf("%s: it was recorded: %+v, %v", name, none, err)
		}
	}
	signature := signedBy(t, mine, text)
	if err := s.Record(t.Context(), cse, visitor, nil, &onem2m.RelationRequest{Tokens: []string{text}, Signatures: []string{signature + "=="}}); err != nil {
		t.Fatal(err)
	}
	s.open() // it survives
	got, err := s.Signatures(t.Context(), cse, m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{signature}, got.Signatures); diff != "" {
		t.Error(diff)
	}
	if other, err := s.Signatures(t.Context(), "//m2m.example/id-mn", m); err != nil || other.Signatures != nil {
		t.Errorf("another CSE gets it: %+v, %v", other, err)
	}
	if more, err := s.Signatures(t.Context(), cse, &onem2m.RelationRequest{TokenIDs: []string{id, "x@das.m2m.example"}}); err != nil || more.Signatures != nil {
		t.Errorf("signatures although one of the tokens has none: %+v, %v", more, err)
	}
}

func TestRecord_OfAnOriginatorWithoutKeyACSEHasToVouch(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	id := s.verify(s.direct(ask()).Tokens[0]).ID
	mic := base64.RawURLEncoding.EncodeToString([]byte("a signature that nobody here can verify"))
	m := &onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{mic}}
	if err := s.Record(t.Context(), "", visitor, nil, m); !refused(err) {
		t.Errorf("the originator itself, without a key: %v", err)
	}
	if err := s.Record(t.Context(), cse, visitor, nil, m); err != nil {
		t.Errorf("by way of the CSE: %v", err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := keyOf(t, web(t, private, "own", "ES256"), esdata.ES256)
	if err := s.Record(t.Context(), "", visitor, own, m); !refused(err) {
		t.Errorf("a signature that its certificate does not verify: %v", err)
	}
	m.Signatures = []string{signedBy(t, own, id)}
	if err := s.Record(t.Context(), "", visitor, own, m); err != nil {
		t.Errorf("with the key of its certificate: %v", err)
	}
}

func TestProve_A159_A165_F5_OnlyTheRecordedSignatureMovesAToken(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	text := s.direct(ask()).Tokens[0]
	id := s.verify(text).ID
	signature := base64.RawURLEncoding.EncodeToString([]byte("only the holder knows this"))
	if _, err := s.Prove(t.Context(), visitor+"New", text, "", signature); !refused(err) {
		t.Errorf("without a record: %v", err)
	}
	if err := s.Record(t.Context(), cse, visitor, nil, &onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{signature}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prove(t.Context(), visitor+"New", text, "", signature[:8]); !refused(err) {
		t.Errorf("with another signature: %v", err)
	}
	for _, by := range []string{text, ""} {
		name := id
		if by != "" {
			name = ""
		}
		e, err := s.Prove(t.Context(), visitor+"New", by, name, signature)
		if err != nil || e.ID != id || e.Audience != cse {
			t.Errorf("%+v, %v", e, err)
		}
	}
	s.pass(10 * time.Minute)
	if _, err := s.Prove(t.Context(), visitor+"New", text, "", signature); !refused(err) {
		t.Errorf("after its end: %v", err)
	}
}

func TestRecord_A192_SignaturesAreEncryptedInTheLedger(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	id := s.verify(s.direct(ask()).Tokens[0]).ID
	const secret = "a signature that nobody else may know"
	text := base64.RawURLEncoding.EncodeToString([]byte(secret))
	told := func(when string) {
		t.Helper()
		out, err := s.Signatures(t.Context(), cse, &onem2m.RelationRequest{TokenIDs: []string{id}})
		if err != nil || len(out.Signatures) != 1 || out.Signatures[0] != text {
			t.Errorf("%s: %+v, %v", when, out, err)
		}
		if _, err := s.Prove(t.Context(), "//m2m.example/id-in/Cnew", "", id, text); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		err = s.ledger.View(t.Context(), func(r das.Reader) error {
			record, err := r.Relation(id)
			if err == nil && (!record.Sealed || bytes.Contains(record.Signature, []byte(secret))) {
				t.Errorf("%s: it is not encrypted", when)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := s.Record(t.Context(), cse, visitor, nil, &onem2m.RelationRequest{TokenIDs: []string{id}, Signatures: []string{text}}); err != nil {
		t.Fatal(err)
	}
	told("recorded")
	err := s.ledger.Update(t.Context(), func(tx das.Tx) error {
		return tx.PutRelation(&das.Relation{TokenID: id, Subject: visitor, Resource: lamp, Signature: []byte(secret), Made: s.time()})
	})
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	told("of an earlier version")
}
