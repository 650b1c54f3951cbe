package contact

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestRoll_C100_HoldsWhatTheINCSEHasToKnowOf(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
	var r Roll
	group, err := onem2m.ParseObject([]byte(`{"mid":["/id-far/Cb","Cown","/id-far/Ca","/id-mn/Cown","/id-far/Cb?x=1","//far.example/id-x/Cc","/id-far/cnt"]}`))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := onem2m.ParseObject([]byte(`{"pv":{"acr":[{"acor":["Sall","/id-in/Sx","all"],"acop":1}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Add(home, onem2m.TypeGroup, group) || !r.Add(home, onem2m.TypeAccessControlPolicy, policy) || r.Add(home, onem2m.TypeContainer, group) {
		t.Error("what refers to AEs isn't known")
	}
	if diff := cmp.Diff(Roll{"/id-far/Ca", "/id-far/Cb", "/id-in/Sx"}, r); diff != "" {
		t.Error(diff)
	}
}

func TestRoll_C100_WhatIsToldMakesBothAgree(t *testing.T) {
	t.Parallel()
	names := rapid.Custom(func(t *rapid.T) Roll {
		list := rapid.SliceOfDistinct(rapid.SampledFrom([]Name{"/a/C1", "/a/C2", "/b/C1", "/b/S3", "/c/C4"}), rapid.ID).Draw(t, "names")
		slices.Sort(list)
		return list
	})
	rapid.Check(t, func(t *rapid.T) {
		told, now := names.Draw(t, "told"), names.Draw(t, "now")
		for _, c := range told.Changes(now) {
			told = told.After(c)
		}
		if !slices.Equal(told, now) || len(told.Changes(now)) != 0 {
			t.Fatalf("told %v of %v", told, now)
		}
	})
}
