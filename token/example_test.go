package token_test

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"bulwark/e2e/esdata"
	"bulwark/e2e/keys"
	"bulwark/onem2m"
	"bulwark/token"
)

// An issuer and a CSE that share a key, and a visitor who may open a door for an
// hour.
func Example() {
	secret, err := keys.NewSecret(bytes.Repeat([]byte{7}, 32)) // in earnest: random, and provisioned on both sides
	if err != nil {
		panic(err)
	}
	key, err := esdata.NewSymmetric("16-door@das.example", esdata.HS256, secret)
	if err != nil {
		panic(err)
	}
	begins, err := onem2m.ParseTimestamp("20260301T100000")
	if err != nil {
		panic(err)
	}

	text, err := token.Issue(&token.Claims{
		Version: "1.0.0", ID: "visit1@das.example", Issuer: "//m2m.example/Sdas", Holder: "//m2m.example/id-in/Cvisitor",
		NotBefore: begins, NotAfter: begins + 3600_000_000, Audience: []string{"//m2m.example/id-in"},
		Permissions: []token.Permission{{Roles: []string{"visitor@das.example"}}},
	}, esdata.Protection{Sign: []*esdata.Key{key}})
	if err != nil {
		panic(err)
	}

	verifier, err := token.NewVerifier(0, token.Issuer{
		ID: "//m2m.example/Sdas", Domains: []string{"das.example"}, Keys: []*esdata.Key{key},
		Permitted: []token.Combination{{Class: esdata.SignatureOnly, Signature: esdata.HS256}},
	})
	if err != nil {
		panic(err)
	}
	cache := token.NewCache(verifier, token.NewRevocations(0), 0, 0, rand.Reader)
	verified, err := cache.Verify(text, false, begins)
	if err != nil {
		panic(err)
	}
	for _, who := range []onem2m.ID{"//m2m.example/id-in/Cvisitor", "//m2m.example/id-in/Cother"} {
		err := verified.Check(token.Conditions{Originator: who, Holder: verified.Holder, Self: "//m2m.example/id-in", Now: begins})
		fmt.Println(who.Stem(), verified.Permissions[0].Roles, err)
	}
	// Output:
	// Cvisitor [visitor@das.example] <nil>
	// Cother [visitor@das.example] the holder is not the originator
}
