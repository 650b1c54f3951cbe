package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/keys"
	"bulwark/internal/ops/secrets"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

const peer = onem2m.ID("//m2m.example/id-mn/CLamp")

// world is a data directory with a clock.
type world struct {
	t     *testing.T
	dir   string
	clock time.Time
	store *sql.Store
	box   *secrets.Box
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	var err error
	if w.box, err = secrets.New(bytes.Repeat([]byte{7}, secrets.KeyLength)); err != nil {
		t.Fatal(err)
	}
	return w
}

// open opens the directory, again after the first time.
func (w *world) open(configured ...Entry) *Ring {
	w.t.Helper()
	w.close()
	var err error
	if w.store, err = sql.Open(w.t.Context(), sql.Options{Dir: w.dir}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.close)
	r, err := Open(w.t.Context(), Options{Store: w.store, Sealer: w.box, Configured: configured, Now: func() time.Time { return w.clock }})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) close() {
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
		w.store = nil
	}
}

func secret(t *testing.T, text string) keys.Secret {
	t.Helper()
	s, err := keys.NewSecret([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const octets = "0123456789ABCDEF-SECRET-0123456789"

func TestRing_E24_E26_E33_SurvivesARestartAndShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	want := Entry{ID: "lamp.key@m2m.example", Peer: peer, Source: Imported, Expires: onem2m.TimestampOf(w.clock.Add(time.Hour)), Secret: secret(t, octets)}
	if err := r.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := r.Put(t.Context(), Entry{ID: fmt.Sprintf("k%d@m2m.example", i), Peer: peer, Source: Generated, Secret: secret(t, octets)}); err != nil {
			t.Fatal(err)
		}
	}
	r = w.open()
	if len(r.List()) != 201 {
		t.Errorf("%d keys are left", len(r.List()))
	}
	got, err := r.ESPrimKey(t.Context(), want.ID)
	if err != nil || !got.Secret.Equal(want.Secret) || got.Peer != peer || got.Expires != want.Expires {
		t.Errorf("got %+v, %v", got, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", r.List()[200], got, r.List()); strings.Contains(text, octets) {
		t.Error("E-33: a key is printed")
	}
	if err := r.Remove(t.Context(), want.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.open().ESPrimKey(t.Context(), want.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("it is still there: %v", err)
	}
	w.close()
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err == nil && bytes.Contains(data, []byte(octets)) {
			t.Errorf("E-33: %s has a key in clear", name)
		}
	}
}

func TestRing_E26_WhatIsSaidAboutAKeyIsBoundToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	if err := r.Put(t.Context(), Entry{ID: "a@m2m.example", Peer: peer, Source: Imported, Secret: secret(t, octets)}); err != nil {
		t.Fatal(err)
	}
	s := stored{ID: "a@m2m.example", Peer: string(peer), Source: Imported, Created: int64(onem2m.TimestampOf(w.clock))}
	for name, change := range map[string]func(*stored){
		"peer":   func(s *stored) { s.Peer += "x" },
		"id":     func(s *stored) { s.ID = "b@m2m.example" },
		"life":   func(s *stored) { s.Expires = 1 },
		"source": func(s *stored) { s.Source = FromMAF },
	} {
		changed := s
		change(&changed)
		if changed.name() == s.name() {
			t.Errorf("the %s is not bound", name)
		}
	}
	other, err := secrets.New(bytes.Repeat([]byte{8}, secrets.KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Store: w.store, Sealer: other}); !errors.Is(err, secrets.ErrSealed) {
		t.Errorf("another master key: %v", err)
	}
}

func TestRing_E28_E31_E124_Identifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	for _, id := range []string{"243B5E3D0B75E559707C1978F4F85A23@mef.m2m.example", "F9494218597C570F564823C3D7C34B28", "my.Key@m2m.example", "plain"} {
		if err := r.Put(t.Context(), Entry{ID: id, Peer: peer, Source: Imported, Secret: secret(t, octets)}); err != nil {
			t.Fatal(err)
		}
	}
	for id, known := range map[string]bool{
		"243b5e3d0b75e559707c1978f4f85a23@MEF.m2m.example": true, "f9494218597c570f564823c3d7c34b28": true,
		"my.Key@M2M.example": true, "my.key@m2m.example": false, "Plain": false, "plain": true, "x@other.example": false,
	} {
		if got, err := r.ESPrimKey(t.Context(), id); (err == nil) != known || known && canonical(id) != got.ID {
			t.Errorf("%s: %v", id, err)
		}
	}
	for name, bad := range map[string]Entry{
		"an identifier with a slash": {ID: "a/b", Peer: peer, Source: Imported, Secret: secret(t, octets)},
		"no identifier":              {Peer: peer, Source: Imported, Secret: secret(t, octets)},
		"a peer that is relative":    {ID: "a", Peer: "/id-mn/CLamp", Source: Imported, Secret: secret(t, octets)},
		"a short key":                {ID: "a", Peer: peer, Source: Imported, Secret: secret(t, "0123456789abcde")},
		"no source":                  {ID: "a", Peer: peer, Secret: secret(t, octets)},
		"as if configured":           {ID: "a", Peer: peer, Source: Configured, Secret: secret(t, octets)},
	} {
		if err := r.Put(t.Context(), bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestRing_E105_AnEstablishedKeyTakesThePlaceOfNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	put := func(peer onem2m.ID, source Source) error {
		return r.Put(t.Context(), Entry{ID: "a@m2m.example", Peer: peer, Source: source, Secret: secret(t, octets)})
	}
	for _, source := range []Source{Imported, FromESCert} {
		if err := put(peer, source); err != nil {
			t.Fatal(err)
		}
		if err := put(peer+"2", FromESCert); !errors.Is(err, ErrTaken) || r.List()[0].Peer != peer {
			t.Errorf("over a key that is %s: %v", source, err)
		}
		if err := put(peer, FromESCert); err != nil {
			t.Errorf("of the same peer: %v", err)
		}
	}
	if err := put(peer+"2", Imported); err != nil {
		t.Errorf("the operator has the say: %v", err)
	}
}

func TestRing_ConfiguredKeysStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fixed := Entry{ID: "a@m2m.example", Peer: peer, Secret: secret(t, octets)}
	r := w.open(fixed)
	if err := r.Remove(t.Context(), "a@m2m.example"); !errors.Is(err, ErrConfigured) {
		t.Error(err)
	}
	if err := r.Put(t.Context(), Entry{ID: "A@m2m.example", Peer: peer, Source: Imported, Secret: secret(t, octets)}); err != nil {
		t.Errorf("another name: %v", err)
	}
	if err := r.Put(t.Context(), Entry{ID: "a@m2m.example", Peer: peer, Source: FromESCert, Secret: secret(t, octets)}); !errors.Is(err, ErrConfigured) {
		t.Error(err)
	}
	if err := r.Remove(t.Context(), "nothing"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Options{Configured: []Entry{fixed, fixed}}); err == nil {
		t.Error("a key was given twice")
	}
}

func TestRing_E18_E30_FeaturesAndTheKeyOfAPeer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	told := 0
	r.Watch(func() { told++ })
	at := onem2m.TimestampOf(w.clock)
	for i, e := range []Entry{
		{ID: "old", Source: Imported, Created: at - 10},
		{ID: "F9494218597C570F564823C3D7C34B28", Source: FromESCert, Created: at - 5, Expires: at + 1},
		{ID: "gone", Source: FromMAF, Created: at - 1, Expires: at},
	} {
		e.Peer, e.Secret = peer, secret(t, octets)
		if err := r.Put(t.Context(), e); err != nil || told != i+1 {
			t.Fatal(err, told)
		}
	}
	if diff := cmp.Diff([]int64{13, 43}, r.Features()); diff != "" {
		t.Error(diff)
	}
	if key, ok := r.For(peer); !ok || key.ID != "F9494218597C570F564823C3D7C34B28" {
		t.Errorf("got %+v", key)
	}
	w.clock = w.clock.Add(time.Second)
	if key, ok := r.For(peer); !ok || key.ID != "old" {
		t.Errorf("after its life: %+v", key)
	}
	if key, ok := r.For("//m2m.example/id-mn/Cother"); ok {
		t.Errorf("of somebody else: %+v", key)
	}
}
