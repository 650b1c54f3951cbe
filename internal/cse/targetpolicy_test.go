package cse

import (
	"testing"
	"time"

	"bulwark/access"
	"bulwark/onem2m"
)

// leaving is a world in which Cother1 is a target of a subscription by Capp01.
func leaving(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.policy("Capp01", "cse-in/app", "acp", `{"acor":["Capp01","Cother1","Cthird1"],"acop":63}`)
	w.policy("Cother1", "cse-in/other", "acp", `{"acor":["Capp01"],"acop":16}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/other", from: "Cother1", body: `{"m2m:ae":{"acpi":["cse-in/other/acp"]}}`})
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: `{"m2m:sub":{"rn":"sub","nu":["Cother1","http://example.com/n"],"acpi":["cse-in/app/acp"]}}`})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"rr":true,"poa":["http://192.0.2.1/app"]}}`})
	return w
}

func TestTargetPolicies(t *testing.T) {
	t.Parallel()
	w := leaving(t)
	ntp := func(rn, label string) string {
		return `{"m2m:ntp":{"rn":"` + rn + `","acn":1,"plbl":"` + label + `"}}`
	}
	ntpr := func(rn, targets string) string { return `{"m2m:ntpr":{"rn":"` + rn + `","ntu":[` + targets + `]}}` }
	w.follow(t, []step{
		{name: "C-330 the system has a default", ask: ask{op: "R", to: "cse-in/defaultNTP", from: "CAdmin"}, code: 2000, show: map[string]string{"acn": "2", "plbl": `"Default"`}},
		{name: "C-330 which stays", ask: ask{op: "D", to: "cse-in/defaultNTP", from: "CAdmin"}, code: 4000},
		{name: "C-330 by its label", ask: ask{op: "U", to: "cse-in/defaultNTP", from: "CAdmin", body: `{"m2m:ntp":{"plbl":"x"}}`}, code: 4000},
		{name: "C-330 for ever", ask: ask{op: "U", to: "cse-in/defaultNTP", from: "CAdmin", body: `{"m2m:ntp":{"et":null}}`}, code: 4000},
		{name: "C-330 its relation can be changed", ask: ask{op: "U", to: "cse-in/defaultNTP", from: "CAdmin", body: `{"m2m:ntp":{"rrs":1}}`}, code: 2004},
		{name: "C-330 but by the administrator only", ask: ask{op: "U", to: "cse-in/defaultNTP", from: "Capp01", body: `{"m2m:ntp":{"rrs":1}}`}, code: 4103},
		{name: "C-330 the administrator makes no other", ask: ask{op: "C26", to: "cse-in", from: "CAdmin", body: ntp("x", "x")}, code: 4000},
		{name: "C-330 an AE makes one", ask: ask{op: "C26", to: "cse-in", from: "Capp01", body: ntp("p1", "one")}, code: 2001},
		{name: "C-330 not twice with one label", ask: ask{op: "C26", to: "cse-in", from: "Capp01", body: ntp("p2", "one")}, code: 4000},
		{name: "C-330 another creator may", ask: ask{op: "C26", to: "cse-in", from: "Cother1", body: ntp("q1", "one")}, code: 2001},
		{name: "C-330 with another label", ask: ask{op: "C26", to: "cse-in", from: "Capp01", body: ntp("p2", "two")}, code: 2001},
		{name: "C-330 which an UPDATE doesn't make the same", ask: ask{op: "U", to: "cse-in/p2", from: "Capp01", body: `{"m2m:ntp":{"plbl":"one"}}`}, code: 4000},
		{name: "C-330 its own label is no other's", ask: ask{op: "U", to: "cse-in/p2", from: "Capp01", body: `{"m2m:ntp":{"plbl":"two","rrs":1}}`}, code: 2004},
		{name: "C-331 rules", ask: ask{op: "C27", to: "cse-in/p1", from: "Capp01", body: `{"m2m:pdr":{}}`}, code: 2001},
		{name: "C-331 and more", ask: ask{op: "C27", to: "cse-in/p1", from: "Capp01", body: `{"m2m:pdr":{"rn":"r2"}}`}, code: 2001},
		{name: "C-331 but no third", ask: ask{op: "C27", to: "cse-in/p1", from: "Capp01", body: `{"m2m:pdr":{}}`}, code: 4105},
		{name: "C-331 an UPDATE counts nothing", ask: ask{op: "U", to: "cse-in/p1/r2", from: "Capp01", body: `{"m2m:pdr":{"drr":1}}`}, code: 2004},
		{name: "C-329 a reference", ask: ask{op: "C25", to: "cse-in/app/sub", from: "Capp01", body: ntpr("a", `"Cother1"`)}, code: 2001},
		{name: "C-329 whose target no other names", ask: ask{op: "C25", to: "cse-in/app/sub", from: "Capp01", body: ntpr("b", `"/id-in/Cother1?ct=json"`)}, code: 4105},
		{name: "C-329 another target", ask: ask{op: "C25", to: "cse-in/app/sub", from: "Capp01", body: ntpr("b", `"http://example.com/n"`)}, code: 2001},
		{name: "C-329 on UPDATE too", ask: ask{op: "U", to: "cse-in/app/sub/b", from: "Capp01", body: `{"m2m:ntpr":{"ntu":["Cother1"]}}`}, code: 4105},
		{name: "C-329 its own is fine", ask: ask{op: "U", to: "cse-in/app/sub/a", from: "Capp01", body: `{"m2m:ntpr":{"ntu":["Cother1","Cthird1"]}}`}, code: 2004},
		{name: "C-329 a target that nobody can notify", ask: ask{op: "U", to: "cse-in/app/sub/a", from: "Capp01", body: `{"m2m:ntpr":{"ntu":["http://"]}}`}, code: 4000},
	})
}

func TestTargetPolicies_C330_TheDefaultComesOnceAndStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &world{t: t, home: onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, clock: time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC)}
	w.open(dir)
	first, _ := w.must(onem2m.OK, ask{op: "R", to: "cse-in/defaultNTP", from: "CAdmin"}).Text("ri")
	w.restart(dir)
	second, _ := w.must(onem2m.OK, ask{op: "R", to: "cse-in/defaultNTP", from: "CAdmin"}).Text("ri")
	if first == "" || first != second {
		t.Errorf("the policy is %q, and after a restart %q", first, second)
	}
}

func TestSelfReference(t *testing.T) {
	t.Parallel()
	const never, always = `"* * * * * * 2000"`, `"* * * * * * *"`
	rules := func(list, relation string) string {
		return `{"m2m:pdr":{"dr":{"tod":[` + list + `]},"drr":` + relation + `}}`
	}
	for _, tt := range []struct {
		name   string
		policy string   // "" for the system's default
		rules  []string // <policyDeletionRules> below it
		answer *onem2m.Response
		code   onem2m.StatusCode
		told   string
	}{
		{name: "C-332 the system's default rejects", code: 4103},
		{name: "C-333 accept", policy: `"acn":1,"plbl":"default"`, code: 2002},
		{name: "C-333 reject", policy: `"acn":2,"plbl":"Default"`, code: 4103},
		{name: "C-332 a policy that isn't the default", policy: `"acn":1,"plbl":"other"`, code: 4103},
		{name: "C-334 seek, allowed", policy: `"acn":3,"plbl":"Default"`, answer: &onem2m.Response{Code: 2000}, code: 2002, told: "tra"},
		{name: "C-334 seek, refused", policy: `"acn":3,"plbl":"Default"`, answer: &onem2m.Response{Code: 4103}, code: 4103, told: "tra"},
		{
			name: "C-334 seek, not allowed", policy: `"acn":3,"plbl":"Default"`, code: 4103, told: "trr",
			answer: &onem2m.Response{Code: 2000, Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{"tra":false}`)}},
		},
		{name: "C-334 seek, nobody there", policy: `"acn":3,"plbl":"Default"`, code: 4103},
		{name: "C-335 inform", policy: `"acn":4,"plbl":"Default"`, answer: &onem2m.Response{Code: 2000}, code: 4103, told: "trr"},
		{name: "C-331 no rule", policy: `"acn":1,"plbl":"Default"`, rules: []string{`{"m2m:pdr":{}}`}, code: 2002},
		{name: "C-331 OR", policy: `"acn":1,"plbl":"Default"`, rules: []string{rules(never+","+always, "2")}, code: 2002},
		{name: "C-331 C-337 AND", policy: `"acn":1,"plbl":"Default"`, rules: []string{rules(never+","+always, "1")}, code: 4103},
		{name: "C-337 nobody is asked in vain", policy: `"acn":3,"plbl":"Default"`, rules: []string{rules(never, "2")}, answer: &onem2m.Response{Code: 2000}, code: 4103},
		{name: "C-331 two sets, OR", policy: `"acn":1,"plbl":"Default"`, rules: []string{rules(never, "2"), rules(always, "2")}, code: 2002},
		{name: "C-331 two sets, AND", policy: `"acn":1,"rrs":1,"plbl":"Default"`, rules: []string{rules(never, "2"), rules(always, "2")}, code: 4103},
		{name: "C-331 a country", policy: `"acn":1,"plbl":"Default"`, rules: []string{`{"m2m:pdr":{"dr":{"lr":[{"accc":["DE"]}]}}}`}, code: 2002},
		{name: "C-331 another country", policy: `"acn":1,"plbl":"Default"`, rules: []string{`{"m2m:pdr":{"dr":{"lr":[{"accc":["FR"]}]}}}`}, code: 4103},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := leaving(t)
			w.located[entity(t, w, "Cother1")] = &access.Location{Country: "DE"}
			if tt.policy != "" {
				w.must(onem2m.Created, ask{op: "C26", to: "cse-in", from: "Capp01", body: `{"m2m:ntp":{"rn":"ntp",` + tt.policy + `}}`})
			}
			for _, body := range tt.rules {
				w.must(onem2m.Created, ask{op: "C27", to: "cse-in/ntp", from: "Capp01", body: body})
			}
			w.answer = tt.answer
			w.must(tt.code, ask{op: "D", to: "cse-in/app/sub/ntsr", from: "Cother1"})
			want := `["Cother1","http://example.com/n"]`
			if tt.code == onem2m.Deleted {
				want = `["http://example.com/n"]`
			}
			if got := string(w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/sub", from: "Capp01"}).Get("nu")); got != want {
				t.Errorf("nu is %s, want %s", got, want)
			}
			switch {
			case tt.told == "" && len(w.sent) > 0 && tt.answer != nil:
				t.Errorf("%d notifications, want none", len(w.sent))
			case tt.told != "" && len(w.sent) != 1:
				t.Errorf("%d notifications, want one", len(w.sent))
			case tt.told != "":
				o, err := onem2m.ParseObject(w.sent[0].Content.Value)
				if err != nil {
					t.Fatal(err)
				}
				if on, _ := o.Bool(tt.told); !on || string(o.Get("ntt")) != `"Cother1"` || !o.Has("sur") {
					t.Errorf("told %s, want %s", w.sent[0].Content.Value, tt.told)
				}
			}
		})
	}
}

func TestSelfReference_C332_ReferenceComesFirst(t *testing.T) {
	t.Parallel()
	w := leaving(t)
	w.must(onem2m.Created, ask{op: "C26", to: "cse-in", from: "Capp01", body: `{"m2m:ntp":{"rn":"yes","acn":1,"plbl":"yes"}}`})
	w.must(onem2m.Created, ask{op: "C26", to: "cse-in", from: "Capp01", body: `{"m2m:ntp":{"rn":"no","acn":2,"plbl":"Default"}}`})
	w.must(onem2m.Created, ask{op: "C25", to: "cse-in/app/sub", from: "Capp01", body: `{"m2m:ntpr":{"ntu":["Cother1"],"npi":"cse-in/yes"}}`})
	w.follow(t, []step{
		{name: "C-336 not created", ask: ask{op: "C25", to: "cse-in/app/sub/ntsr", from: "Capp01", body: `{"m2m:ntpr":{"ntu":["C1"]}}`}, code: 4005},
		{name: "C-336 not retrieved", ask: ask{op: "R", to: "cse-in/app/sub/ntsr", from: "Capp01"}, code: 4005},
		{name: "C-336 not updated", ask: ask{op: "U", to: "cse-in/app/sub/ntsr", from: "Capp01", body: `{"m2m:ntpr":{}}`}, code: 4005},
		{name: "C-336 who is no target", ask: ask{op: "D", to: "cse-in/app/sub/ntsr", from: "Capp01"}, code: 4103},
		{name: "C-332 who has no privilege", ask: ask{op: "D", to: "cse-in/app/sub/ntsr", from: "Cstrange"}, code: 4103},
		{name: "C-332 who has", ask: ask{op: "D", to: "cse-in/app/sub/ntsr", from: "Cother1"}, code: 2002},
		{name: "C-332 only once", ask: ask{op: "D", to: "cse-in/app/sub/ntsr", from: "Cother1"}, code: 4103},
	})
}

// entity returns the identifier of an entity registered in the world.
func entity(t *testing.T, w *world, stem string) onem2m.ID {
	t.Helper()
	id, _, err := w.home.ParseID(stem)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
