package token_test

import (
	"errors"
	"testing"

	"bulwark/onem2m"
	"bulwark/token"
)

func TestRevocations_WhatAnIssuerSaysTakesThePlaceOfWhatItHadSaid(t *testing.T) {
	t.Parallel()
	const das, other = onem2m.ID("//m2m.example/Sdas"), onem2m.ID("//m2m.example/Sother")
	const now, end = onem2m.Timestamp(1000), onem2m.Timestamp(2000)
	r := token.NewRevocations(5)
	ref := func(issuer onem2m.ID, id string) token.Ref { return token.Ref{Issuer: issuer, ID: id} }
	add := func(one token.Revocation) {
		t.Helper()
		if err := r.Add(one, now); err != nil {
			t.Fatal(err)
		}
	}
	add(token.Revocation{Ref: ref(das, "for ever")})
	add(token.Revocation{Ref: ref(das, "lifted"), Until: end})
	add(token.Revocation{Ref: ref(das, "ended"), Until: now})
	add(token.Revocation{Ref: ref(other, "of another"), Until: end})
	list := []token.Revocation{{Ref: ref(das, "new"), Until: end}, {Ref: ref(other, "not its own"), Until: end}}
	if err := r.Replace(das, list, now); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[token.Ref]bool{
		ref(das, "for ever"): true, ref(das, "lifted"): false, ref(das, "new"): true,
		ref(das, "ended"):        true, // by the clock of this CSE; one that is behind may still take it
		ref(other, "of another"): true, ref(other, "not its own"): false,
	} {
		if r.Has(id) != want {
			t.Errorf("%s of %s: %v", id.ID, id.Issuer, !want)
		}
	}
	list = append(list, token.Revocation{Ref: ref(das, "a"), Until: end}, token.Revocation{Ref: ref(das, "b"), Until: end})
	if err := r.Replace(das, list[2:], now); !errors.Is(err, token.ErrFull) || !r.Has(ref(das, "new")) {
		t.Errorf("with no room for all: %v", err)
	}
	r.Lift(ref(das, "new"))
	r.Lift(ref(das, "for ever"))
	if r.Has(ref(das, "new")) || !r.Has(ref(das, "for ever")) {
		t.Error("the wrong one was lifted")
	}
}
