package token_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
	"bulwark/token"
)

func TestRevocations_AnIssuerLiftsWhatItHasRevokedItself(t *testing.T) {
	t.Parallel()
	const das, other = onem2m.ID("//m2m.example/Sdas"), onem2m.ID("//m2m.example/Sother")
	r := token.NewRevocations(0)
	for _, one := range []token.Revocation{
		{Ref: token.Ref{Issuer: das, ID: "for ever"}},
		{Ref: token.Ref{Issuer: das, ID: "one"}, Until: 20},
		{Ref: token.Ref{Issuer: das, ID: "two"}, Until: 30},
		{Ref: token.Ref{Issuer: other, ID: "one"}, Until: 40},
	} {
		if err := r.Add(one, 10); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]onem2m.Timestamp{"one": 20, "two": 30}, r.Of(das)); diff != "" {
		t.Error(diff)
	}
	r.Lift(token.Ref{Issuer: das, ID: "one"})
	r.Lift(token.Ref{Issuer: das, ID: "for ever"})
	for id, want := range map[token.Ref]bool{
		{Issuer: das, ID: "one"}: false, {Issuer: das, ID: "two"}: true, {Issuer: das, ID: "for ever"}: true, {Issuer: other, ID: "one"}: true,
	} {
		if r.Has(id) != want {
			t.Errorf("%v: %v", id, !want)
		}
	}
}

func TestRevocations_AnIssuerLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	const das, other = onem2m.ID("//m2m.example/Sdas"), onem2m.ID("//m2m.example/Sother")
	r := token.NewRevocations(100)
	var err error
	for i := range 100 {
		if err = r.Add(token.Revocation{Ref: token.Ref{Issuer: das, ID: strconv.Itoa(i)}, Until: 1000}, 10); err != nil {
			break
		}
	}
	if n := len(r.Of(das)); !errors.Is(err, token.ErrFull) || n != 51 {
		t.Errorf("one issuer has %d of 100: %v", n, err)
	}
	one := token.Revocation{Ref: token.Ref{Issuer: other, ID: "one"}, Until: 1000}
	if err := r.Add(one, 10); err != nil {
		t.Error(err)
	}
	if err := r.Add(token.Revocation{Ref: token.Ref{Issuer: das, ID: "for ever"}}, 10); err != nil {
		t.Errorf("the operator's word: %v", err)
	}
	for id := range r.Of(das) {
		r.Lift(token.Ref{Issuer: das, ID: id})
	}
	if err := r.Add(token.Revocation{Ref: token.Ref{Issuer: das, ID: "again"}, Until: 1000}, 10); err != nil {
		t.Errorf("after it has lifted all: %v", err)
	}
}
