package cse

import (
	"fmt"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// TestUpdate_C242_C244_BigContainersAreThinnedInBoundedTransactions lets the
// bounds of a container fall far below what it holds.
func TestUpdate_C242_C244_BigContainersAreThinnedInBoundedTransactions(t *testing.T) {
	t.Parallel()
	const had = 57
	for _, tt := range []struct {
		name, before, update string
		left                 string // cni after the UPDATE
		after                string // cni after another hour and a sweep
	}{
		{"C-244 number", `{}`, `{"mni":3}`, "3", "3"},
		{"C-244 number to none", `{}`, `{"mni":0}`, "0", "0"},
		{"C-244 octets", `{}`, `{"mbs":20}`, "10", "10"},
		{"C-244 age", `{}`, `{"mia":60}`, "57", "0"},
		{"C-244 number and age", `{}`, `{"mni":30,"mia":60}`, "30", "0"},
		{"C-242 disableRetrieval ends", `{"disr":true}`, `{"disr":false}`, "0", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *Options) { o.Limits.Removals = 10 })
			w.register("Capp01", "app")
			w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":` + tt.before[:len(tt.before)-1] + comma(tt.before) + `"rn":"c"}}`})
			for i := range had {
				w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c", from: "Capp01", body: fmt.Sprintf(`{"m2m:cin":{"con":"%02d"}}`, i)})
			}
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/app/c", from: "Cother", body: `{"m2m:cnt":` + tt.update + `}`})
			if got := w.attribute("cse-in/app/c", "cni"); got != fmt.Sprint(had) {
				t.Fatalf("C-119 a refused UPDATE left %s instances", got)
			}
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c", from: "Capp01", body: `{"m2m:cnt":` + tt.update + `}`})
			if got := w.attribute("cse-in/app/c", "cni"); got != tt.left {
				t.Errorf("%s instances, want %s", got, tt.left)
			}
			if got := fmt.Sprint(w.instances("cse-in/app/c")); got != tt.left {
				t.Errorf("%s are there, want %s", got, tt.left)
			}
			w.advance(time.Hour)
			w.sweep()
			if got := w.attribute("cse-in/app/c", "cni"); got != tt.after {
				t.Errorf("an hour later %s, want %s", got, tt.after)
			}
		})
	}
}

func comma(object string) string {
	if object == "{}" {
		return ""
	}
	return ","
}

// instances counts the stored instances of a container.
func (w *world) instances(to string) int {
	w.t.Helper()
	n := 0
	err := w.store.Read(w.t.Context(), func(r store.Reader) error {
		a, err := onem2m.ParseAddress(to)
		if err != nil {
			return err
		}
		target, err := w.c.resolve(r, a.Path, onem2m.TimestampOf(w.now()))
		if err != nil {
			return err
		}
		list, err := r.Children(target.rec.ID, store.Page{Only: onem2m.TypeContentInstance})
		n = len(list)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
