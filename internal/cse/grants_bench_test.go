package cse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/onem2m"
	"bulwark/token"
)

// BenchmarkGrants measures a RETRIEVE that policies permit, that a role permits,
// and that a token permits which is verified for it or is remembered.
func BenchmarkGrants(b *testing.B) {
	c := benchCSE(b)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sign, err := esdata.NewPrivate("k1", esdata.ES256, key)
	if err != nil {
		b.Fatal(err)
	}
	public, err := esdata.NewPublic("k1", esdata.ES256, &key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	c.Verifier, err = token.NewVerifier(0, token.Issuer{
		ID: "//m2m.example/Sdas001", Keys: []*esdata.Key{public}, Domains: []string{"das.example"},
		Permitted: []token.Combination{{Class: esdata.SignatureOnly, Signature: esdata.ES256}},
	})
	if err != nil {
		b.Fatal(err)
	}
	c.Revoked = token.NewRevocations(0)
	forget := func() { c.tokens = token.NewCache(c.Verifier, c.Revoked, 0, 0, rand.Reader) }
	forget()
	c.Authorities = dynauth.Authorities{{ID: "//m2m.example/id-in/CAdmin", Domains: []string{"roles.example"}}}
	for _, q := range []struct {
		from, to, root, body string
		ty                   int64
	}{
		{"Cguest1", "cse-in", "m2m:ae", `{"rn":"guest","api":"Nbench","rr":false,"srv":["3"]}`, 2},
		{"Capp01", "cse-in/app", "m2m:acp", `{"rn":"ops","pv":{"acr":[{"acor":["ops@roles.example"],"acop":2}]},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}}`, 1},
		{"Capp01", "cse-in/app", "m2m:cnt", `{"rn":"c2","acpi":["cse-in/app/ops"]}`, 3},
		{"CAdmin", "cse-in", "m2m:rol", `{"rlid":"ops@roles.example","tkis":"CAdmin","tkhd":"Cguest1","tknb":"20200101T000000","tkna":"20990101T000000"}`, 31},
	} {
		res := c.Handle(b.Context(), trusted(), &onem2m.Request{
			Operation: onem2m.Create, To: q.to, From: q.from, HasFrom: true, RequestID: "r", Release: "3",
			Type: &q.ty, Content: &onem2m.Content{Name: q.root, Value: []byte(q.body)},
		})
		if res.Code != onem2m.Created {
			b.Fatal(res.Code, text(res))
		}
	}
	now := onem2m.TimestampOf(time.Now().Truncate(time.Second))
	good, err := token.Issue(&token.Claims{
		Version: "1.0.0", ID: "tk1@das.example", Issuer: "//m2m.example/Sdas001", Holder: "//m2m.example/id-in/Cguest1",
		NotBefore: now - 1_000_000, NotAfter: now + 3600_000_000,
		Permissions: []token.Permission{{Resources: []string{"cse-in/app/c2"}, Privileges: []byte(`{"acr":[{"acor":["Cguest1"],"acop":2}]}`)}},
	}, esdata.Protection{Sign: []*esdata.Key{sign}})
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		from   string
		edit   func(*onem2m.Request)
		before func()
	}{
		{"policy", "Capp01", func(r *onem2m.Request) { r.To = "cse-in/app/c1" }, func() {}},
		{"role", "Cguest1", func(r *onem2m.Request) { r.RoleIDs = []string{"ops@roles.example"} }, func() {}},
		{"token, first", "Cguest1", func(r *onem2m.Request) { r.Tokens = []string{good} }, forget},
		{"token, cached", "Cguest1", func(r *onem2m.Request) { r.Tokens = []string{good} }, func() {}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			req := &onem2m.Request{Operation: onem2m.Retrieve, To: "cse-in/app/c2", From: tt.from, HasFrom: true, RequestID: "r1", Release: "3"}
			tt.edit(req)
			b.ReportAllocs()
			for b.Loop() {
				tt.before()
				if res := c.Handle(b.Context(), trusted(), req); res.Code != onem2m.OK {
					b.Fatal(res.Code, text(res))
				}
			}
		})
	}
}
