package cse

import (
	"fmt"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// linked is a world in which Cowner1 has a container and a group that link to its
// policy door by a path.
func linked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for stem, name := range map[string]string{"Cowner1": "own", "Cevil01": "evil", "Cguest1": "guest"} {
		w.register(stem, name)
	}
	w.policy("Cowner1", "cse-in", "door", `{"acor":["Cowner1"],"acop":63},{"acor":["Cguest1"],"acop":2}`)
	w.container("Cowner1", "cse-in/own", "safe", `"acpi":["cse-in/door"]`)
	w.must(onem2m.Created, ask{op: "C9", to: "cse-in/own", from: "Cowner1", body: `{"m2m:grp":{"rn":"all","mnm":5,"mid":["cse-in/own/safe"],"macp":["cse-in/door"]}}`})
	return w
}

// takeOver makes a policy for everybody with the name of door.
func takeOver(w *world) {
	w.t.Helper()
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "Cevil01", body: `{"m2m:acp":{"rn":"door","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["Cevil01"],"acop":63}]}}}`})
}

func TestPolicyLink_A41_NobodyTakesThePlaceOfAPolicyThatIsGone(t *testing.T) {
	t.Parallel()
	young := func(link string) func(w *world) {
		return func(w *world) {
			w.policy("Cowner1", "cse-in", "young", `{"acor":["Cguest1"],"acop":2}`)
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/door", from: "Cowner1"})
			w.policy("Cowner1", "cse-in", "door", `{"acor":["Cguest1"],"acop":2}`)
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own/safe", from: "Cguest1"})
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/own/safe", from: "CAdmin", body: `{"m2m:cnt":{"acpi":["` + link + `"]}}`})
			w.must(onem2m.OK, ask{op: "R", to: "cse-in/own/safe", from: "Cguest1"})
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/door", from: "Cowner1"})
		}
	}
	for name, end := range map[string]func(w *world){
		"A-41 that was deleted": func(w *world) { w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/door", from: "Cowner1"}) },
		"A-41 that has expired": func(w *world) {
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/door", from: "CAdmin", body: `{"m2m:acp":{"et":"20260304T110000"}}`})
			w.advance(time.Hour)
		},
		"A-41 that is younger than what links to it":         young("cse-in/door"),
		"A-41 that is younger, and named in another way":     young("/id-in/-/door"),
		"A-41 that is younger, and named in yet another way": young("//m2m.example/id-in/cse-in/door"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := linked(t)
			w.must(onem2m.OK, ask{op: "R", to: "cse-in/own/safe", from: "Cguest1"})
			end(w)
			takeOver(w)
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own/safe", from: "Cevil01"})
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-in/own/safe", from: "Cevil01"})
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/own/safe", from: "Cevil01", body: `{"m2m:cnt":{"acpi":["cse-in/door"]}}`})
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own/all/fopt", from: "Cevil01"})
		})
	}
}

func TestPolicyLink_A41_IsKeptAsItWasWrittenWhereItCantBeAnother(t *testing.T) {
	t.Parallel()
	w := linked(t)
	acpi := func() string {
		t.Helper()
		o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/own/safe", from: "CAdmin"})
		return string(o.Get("acpi"))
	}
	if got := acpi(); got != `["cse-in/door"]` {
		t.Error(got)
	}
	w.policy("Cowner1", "cse-in", "young", `{"acor":["Cguest1"],"acop":2}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/own/safe", from: "CAdmin", body: `{"m2m:cnt":{"acpi":["cse-in/door","cse-in/young","` + w.ri("cse-in/young") + `"]}}`})
	if got, want := acpi(), `["cse-in/door","`+w.ri("cse-in/young")+`","`+w.ri("cse-in/young")+`"]`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestPolicyLink_A41_LinksOfAnEarlierVersionGoOnToCount(t *testing.T) {
	t.Parallel()
	w := linked(t)
	w.policy("Cowner1", "cse-in", "young", `{"acor":["Cguest1"],"acop":4}`)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, name := range []string{"safe", "all"} {
			own, err := tx.ByRI("Cowner1")
			if err != nil {
				return err
			}
			rec, err := tx.Child(own.ID, name)
			if err != nil {
				return err
			}
			attrs := attributes(rec).Clone()
			attrs.Set(map[string]string{"safe": "acpi", "all": "macp"}[name], []byte(`["cse-in/gone","cse-in/young"]`))
			if err := tx.Replace(revised(rec, rec.Modified, attrs)); err != nil {
				return err
			}
		}
		return tx.SetSetting(boundSetting, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	o := w.c.Options
	o.Store, o.Notifier = w.store, w
	if w.c, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/own/safe", from: "Cguest1", body: `{"m2m:cnt":{"mni":3}}`})
	w.must(onem2m.OK, ask{op: "U", to: "cse-in/own/all/fopt", from: "Cguest1", body: `{"m2m:cnt":{"mni":4}}`})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own/safe", from: "Cguest1"})
}

func TestPolicyLink_A41_WhatAResourcePassesOnLeadsNowhereElseEither(t *testing.T) {
	t.Parallel()
	w := linked(t)
	w.policy("Cowner1", "cse-in", "stays", `{"acor":["Cguest1"],"acop":2}`)
	w.must(onem2m.Created, ask{op: "C12", to: "cse-in", from: "CAdmin", body: `{"m2m:mgc":{"rn":"boot","cmt":1,"ext":"node1","acpi":["cse-in/door","cse-in/stays"]}}`})
	w.must(onem2m.Created, ask{op: "C12", to: "cse-in", from: "CAdmin", body: `{"m2m:mgc":{"rn":"other","cmt":1,"ext":"node1","acpi":["cse-in/door"]}}`})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/door", from: "Cowner1"})
	takeOver(w)
	for _, tt := range []struct {
		command, links string
		guest          onem2m.StatusCode
	}{{"boot", `["cse-in/stays"]`, onem2m.OK}, {"other", `[]`, onem2m.OriginatorHasNoPrivilege}} {
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/" + tt.command, from: "CAdmin", body: `{"m2m:mgc":{"exe":true}}`})
		run := w.child("cse-in/"+tt.command, onem2m.TypeExecInstance)
		if got := string(run.Get("acpi")); got != tt.links {
			t.Errorf("%s: %s", tt.command, got)
		}
		ri, _ := run.Text("ri")
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: ri, from: "Cevil01"})
		w.must(tt.guest, ask{op: "R", to: ri, from: "Cguest1"})
	}
}

func TestPolicyLink_A169_AGovernedPolicyIsMadeByTheAdministrator(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cse-in/central", "-/central", "/id-in/cse-in/central", "//m2m.example/id-in/-/central"} {
		t.Run("A-169 "+name, func(t *testing.T) {
			t.Parallel()
			c := newCountry(t, func(b *Bindings) { b.Governed[0].Policies = []string{name} })
			c.leave(toDecide)
			c.in.register("Cevil01", "evil")
			policy := func(rn string) ask {
				return ask{op: "C1", to: "cse-in", from: "Cevil01", body: `{"m2m:acp":{"rn":"` + rn + `","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["Cevil01"],"acop":63}]}}}`}
			}
			c.in.must(onem2m.OriginatorHasNoPrivilege, policy("central"))
			c.in.must(onem2m.Created, policy("other"))
			c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
			c.central(mayRead)
			c.mn.must(onem2m.OK, reads("Capp01"))
		})
	}
}

func TestPolicy_A66_NobodyTakesThePlaceOfAGroupThatIsGone(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"cse-in/shed/friends", "-/shed/friends", "/id-in/cse-in/shed/friends", "cse-in/shed/friends/fopt"} {
		for _, updated := range []bool{false, true} {
			t.Run(fmt.Sprintf("A-66 %s %v", entry, updated), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.register("Cowner1", "own")
				w.register("Cfriend", "shed")
				w.must(onem2m.Created, ask{op: "C9", to: "cse-in/shed", from: "Cfriend", body: `{"m2m:grp":{"rn":"friends","mnm":5,"mid":["Cfriend"]}}`})
				rule := `{"acor":["Cowner1","` + entry + `"],"acop":2}`
				if updated {
					w.policy("Cowner1", "cse-in", "door", `{"acor":["Cowner1"],"acop":2}`)
					w.must(onem2m.Updated, ask{op: "U", to: "cse-in/door", from: "Cowner1", body: `{"m2m:acp":{"pv":{"acr":[` + rule + `]}}}`})
				} else {
					w.policy("Cowner1", "cse-in", "door", rule)
				}
				w.container("Cowner1", "cse-in/own", "safe", `"acpi":["cse-in/door"]`)
				w.must(onem2m.OK, ask{op: "R", to: "cse-in/own/safe", from: "Cfriend"})
				w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/shed", from: "Cfriend"})
				w.register("Cevil01", "shed")
				w.must(onem2m.Created, ask{op: "C9", to: "cse-in/shed", from: "Cevil01", body: `{"m2m:grp":{"rn":"friends","mnm":5,"mid":["Cevil01"]}}`})
				w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/own/safe", from: "Cevil01"})
				w.must(onem2m.OK, ask{op: "R", to: "cse-in/own/safe", from: "Cowner1"})
			})
		}
	}
}
