package cse

import (
	"slices"
	"strings"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// The label of an <AEAnnc> that names the credential of its AE is what the AE
// is known by when it comes to another registrar. Who could read it could say
// it, so that only the registrar of the AE and the administrator see it (S-118).

// seesCredential reports whether the originator may see the label.
func (k *call) seesCredential(rec *store.Record) bool {
	if k.isAdmin() {
		return true
	}
	who := k.from.ID
	if reg, ok := k.spRegistration(); ok {
		who = reg.registrar
	} else if k.fromAE() {
		return false
	}
	return who != "" && k.c.announcer(attributes(rec)) == who
}

// visibleAEAnnc hides the label from everybody else.
func visibleAEAnnc(k *call, rec *store.Record, attrs onem2m.Object) onem2m.Object {
	if k.seesCredential(rec) {
		return attrs
	}
	return publicAEAnnc(attrs)
}

// publicAEAnnc cuts the label out of what subscribers are told.
func publicAEAnnc(attrs onem2m.Object) onem2m.Object {
	list, ok := attrs.Texts("lbl")
	if !ok || !slices.ContainsFunc(list, namesCredential) {
		return attrs
	}
	out := attrs.Clone()
	if left := withoutCredential(list); len(left) > 0 {
		out.Set("lbl", onem2m.TextsValue(left))
	} else {
		out.Delete("lbl")
	}
	return out
}

// labelsOf are the labels that a filter of this originator may ask about.
func (k *call) labelsOf(rec *store.Record) []string {
	list, _ := attributes(rec).Texts("lbl")
	if rec.Type != onem2m.TypeAEAnnc || k.seesCredential(rec) {
		return list
	}
	return withoutCredential(list)
}

func namesCredential(label string) bool { return strings.HasPrefix(label, credentialLabel) }

func withoutCredential(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), namesCredential)
}
