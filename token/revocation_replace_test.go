package token_test

import (
	"errors"
	"slices"
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

func TestRevocations_WhatWasInTheListOfAnEarlierProcessHasRoomInAnyOrder(t *testing.T) {
	t.Parallel()
	before := token.NewRevocations(8)
	full := 0
	for _, issuer := range []onem2m.ID{"//m2m.example/Sone", "//m2m.example/Stwo"} {
		for i := range 8 {
			if before.Add(token.Revocation{Ref: token.Ref{Issuer: issuer, ID: strconv.Itoa(i)}, Until: 9}, 1) != nil {
				full++
			}
		}
	}
	all := before.All()
	if full == 0 || len(all) < 6 {
		t.Fatalf("%d in the list, %d have no room", len(all), full)
	}
	slices.Reverse(all)
	after := token.NewRevocations(8)
	for _, one := range all {
		after.Restore(one)
		after.Restore(one)
	}
	slices.Reverse(all)
	if diff := cmp.Diff(all, after.All()); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		name          string
		before, until onem2m.Timestamp
		stays         bool
	}{
		{"a later end counts", 5, 9, true},
		{"an earlier end does not", 9, 5, true},
		{"for ever counts", 5, 0, false},
		{"for ever stays", 0, 5, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := token.NewRevocations(0)
			ref := token.Ref{Issuer: "//m2m.example/Sone", ID: "a"}
			r.Restore(token.Revocation{Ref: ref, Until: tt.before})
			r.Restore(token.Revocation{Ref: ref, Until: tt.until})
			want := onem2m.Timestamp(0)
			if tt.stays {
				want = 9
			}
			if got := r.All(); len(got) != 1 || got[0].Until != want {
				t.Errorf("%v", got)
			}
		})
	}
}
