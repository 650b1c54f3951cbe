package token_test

import (
	"testing"

	"bulwark/token"
)

func TestRevocations_NoTokenCountsUntilWhatItsIssuerHasRevokedIsKnown(t *testing.T) {
	t.Parallel()
	r := token.NewRevocations(0)
	one := token.Ref{Issuer: "//m2m.example/Sdas", ID: "tk1@das.example"}
	other := token.Ref{Issuer: "//m2m.example/Sother", ID: "tk1@other.example"}
	r.Await(one.Issuer)
	if !r.Has(one) {
		t.Error("a token counts that may have been revoked before")
	}
	if r.Has(other) {
		t.Error("one of another issuer does not count")
	}
	if n := len(r.All()); n != 0 {
		t.Errorf("%d entries for nothing", n)
	}
	if err := r.Add(token.Revocation{Ref: one}, 0); err != nil {
		t.Fatal(err)
	}
	r.Learned(one.Issuer)
	if !r.Has(one) {
		t.Error("a revoked token counts")
	}
	if r.Has(token.Ref{Issuer: one.Issuer, ID: "tk2@das.example"}) {
		t.Error("a token does not count although the list is known")
	}
}
