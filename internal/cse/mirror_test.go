package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestMirror_C214_StandsForTheRegistrar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type, o.Registrar = ASN, "//m2m.example/id-top" })
	mirror := func(attrs onem2m.Object) {
		t.Helper()
		if err := w.c.Mirror(t.Context(), attrs); err != nil {
			t.Fatal(err)
		}
	}
	look := func() onem2m.Object {
		t.Helper()
		return w.must(onem2m.OK, ask{op: "R", to: "cse-in/id-top", from: "CAdmin"})
	}
	mirror(mirrorOf("https://a.example"))
	first := look()
	mirror(mirrorOf("https://a.example"))
	if again := look(); string(again.Get("lt")) != string(first.Get("lt")) {
		t.Error("nothing differs, and it was changed")
	}
	mirror(mirrorOf("https://b.example"))
	if o := look(); string(o.Get("poa")) != `["https://b.example"]` || string(o.Get("ri")) != string(first.Get("ri")) {
		t.Errorf("updated to %s", o.Append(nil))
	}
	other := mirrorOf("https://b.example")
	other.Set("cb", []byte(`"/id-top/other"`))
	mirror(other) // what an UPDATE can't change
	if o := look(); string(o.Get("cb")) != `"/id-top/other"` || len(w.c.Descendants()) != 0 {
		t.Errorf("replaced by %s", o.Append(nil))
	}
	t.Run("C-218 an AE doesn't touch it", func(t *testing.T) {
		w.register("Clamp", "lamp")
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/id-top", from: "Clamp"})
	})
	t.Run("C-212 the registrar doesn't register here as well", func(t *testing.T) {
		w.c.Type = MN
		w.must(onem2m.OriginatorHasAlreadyRegistered, ask{op: "C16", to: "cse-in", from: "/id-top", body: `{"m2m:csr":{"cb":"/id-top/cse","rr":false,"srv":["3"]}}`})
	})
}

func TestMirror_C216_ARegistreeIsNotTheRegistrar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type, o.Registrar = MN, "//m2m.example/id-top" })
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-top", body: `{"m2m:csr":{"cb":"/id-top/cse","rr":false,"srv":["3"]}}`})
	if err := w.c.Mirror(t.Context(), mirrorOf("https://a.example")); err == nil {
		t.Error("a CSE is above and below")
	}
}

func TestMirror_C217_OfAFormerRegistrar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t)
	if err := w.store.Close(); err != nil { // another directory, which is opened twice
		t.Fatal(err)
	}
	w.open(dir, func(o *Options) { o.Type, o.Registrar = MN, "//m2m.example/id-top" })
	if err := w.c.Mirror(t.Context(), mirrorOf("https://a.example")); err != nil {
		t.Fatal(err)
	}
	if list, err := w.c.FormerRegistrars(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.open(dir, func(o *Options) { o.Type = MN })
	list, err := w.c.FormerRegistrars(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "//m2m.example/id-top" || list[0].Points[0] != "https://a.example" {
		t.Fatalf("%+v %v", list, err)
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "/id-top/x", from: "CAdmin"}) // it leads nowhere any more
	if err := w.c.Unmirror(t.Context(), list[0].RI); err != nil {
		t.Fatal(err)
	}
	if err := w.c.Unmirror(t.Context(), list[0].RI); err != nil {
		t.Errorf("twice: %v", err)
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/id-top", from: "CAdmin"})
}
