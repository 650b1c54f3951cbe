package cse

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// climate is a CSE with a thermometer of the AE Clamp and a profile for the average,
// and a neighbour with thermometers.
func climate(t *testing.T) (w *world, far *abroad) {
	t.Helper()
	w, c := crossroads(t)
	far = &abroad{holds: map[string]*onem2m.Content{}}
	c.answer = func(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
		if req.From != "/id-in/Clamp" {
			t.Errorf("%s is asked for by %s", req.To, req.From)
		}
		asked := *req
		if req.ResultContent != nil && *req.ResultContent == 8 {
			asked.To += "*"
		}
		res, err := far.Answer(ctx, &asked)
		if res != nil {
			res.From = "/id-open"
		}
		return res, err
	}
	far.put("/id-open/cse/attic", "m2m:cnt", `{"ty":3,"ri":"a1"}`)
	far.put("/id-open/cse/attic/la", "m2m:cin", `{"ty":4,"ri":"a2","con":"10"}`)
	far.put("/id-open/cse/attic*", "m2m:cnt", `{"m2m:smd":[`+farSmd("/id-open/s1", "ex:attic a ex:Room .", "")+`]}`)
	far.put("/id-open/cse/last", "m2m:cin", `{"ty":4,"ri":"c1","con":12}`)
	far.put("/id-open/cse/empty", "m2m:cnt", `{"ty":3,"ri":"e1"}`)
	far.put("/id-open/cse/words", "m2m:cin", `{"ty":4,"ri":"c2","con":"warm"}`)
	far.put("/id-open/cse/roof", "m2m:ae", `{"ty":2,"ri":"Croof"}`)
	w.register("Cguest1", "guest")
	w.policy("CAdmin", "cse-in", "profiles", `{"acor":["Clamp","Cguest1"],"acop":63}`)
	w.container("Clamp", "cse-in/lamp", "own", "")
	w.instance("Clamp", "cse-in/lamp/own", "i", "20")
	w.describe("Clamp", "cse-in/lamp/own", "d", "ex:own a ex:Thermometer .", "")
	w.profile(smjp("profile", `"fucd":"`+rdfXML(average)+`","acpi":["cse-in/profiles"]`))
	w.profile(strings.Replace(smjp("elsewhere", `"fucd":"`+rdfXML(average)+`","acpi":["cse-in/profiles"]`), "Thermometer", "Barometer", 1))
	return w, far
}

// of is the value of mashupMember.
func of(members ...string) string {
	return `"msm":{"msm":[{"muri":"` + strings.Join(members, `"},{"muri":"`) + `"}]}`
}

func TestMashup_C438_MembersOnOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := climate(t)
	create := func(rn, profile, members string) ask {
		return ask{op: "C41", to: "cse-in/lamp", from: "Clamp", body: strings.Replace(smi(rn, members), "cse-in/profile", "cse-in/"+profile, 1)}
	}
	w.follow(t, []step{
		{name: "C-438 beside those of this CSE", ask: create("both", "profile", `"mst":2,"rgt":1,`+of("/id-open/cse/attic")), code: 2001, show: map[string]string{
			"msm": `{"msm":[{"muri":"cse-in/lamp/own","mvl":20},{"muri":"/id-open/cse/attic","mvl":10}]}`,
		}},
		{name: "C-438 alone", ask: create("alone", "elsewhere", `"mst":1,"rgt":1,`+of("//m2m.example/id-open/cse/last")), code: 2001, show: map[string]string{
			"msm": `{"msm":[{"muri":"/id-open/cse/last"}]}`,
		}},
		{name: "C-438 one that has no data", ask: create("m", "profile", `"mst":1,"rgt":1,`+of("/id-open/cse/attic", "/id-open/cse/empty")), code: 4121},
		{name: "C-438 no number", ask: create("m", "profile", `"mst":1,"rgt":1,`+of("/id-open/cse/words")), code: 4121},
		{name: "C-438 one that isn't there", ask: create("m", "profile", `"mst":1,"rgt":2,`+of("/id-open/cse/none")), code: 4121},
		{name: "C-438 a CSE that nobody knows", ask: create("m", "profile", `"mst":1,"rgt":2,`+of("/id-shut/cse/x")), code: 4121},
		{name: "C-438 one of a type without data", ask: create("still", "profile", `"mst":1,"rgt":2,`+of("/id-open/cse/roof")), code: 2001},
		{name: "C-438 named later", ask: ask{op: "U", to: "cse-in/lamp/still", from: "Clamp", body: `{"m2m:smi":{"rgt":4,` + of("/id-open/cse/attic", "/id-open/cse/last") + `}}`}, code: 2004},
	})
	for instance, want := range map[string]string{"both": "15.000", "alone": "12.000", "still": "11.000"} {
		if diff := cmp.Diff([]string{want}, w.averages("cse-in/lamp/"+instance)); diff != "" {
			t.Errorf("%s: %s", instance, diff)
		}
	}
	far.put("/id-open/cse/attic/la", "m2m:cin", `{"ty":4,"ri":"a3","con":"30"}`)
	if v := w.average(w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp/both/msp", from: "Clamp"})); v != "25.000" {
		t.Errorf("with the latest data: %s", v)
	}
}

func TestMashup_C438_OtherCSEsAreAskedForItsCreator(t *testing.T) {
	t.Parallel()
	w, far := climate(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/lamp", from: "Clamp", body: smi("m", `"mst":1,"rgt":3,"prg":"PT1M","acpi":["cse-in/profiles"],`+of("/id-open/cse/attic"))})
	if v := w.average(w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp/m/msp", from: "Cguest1"})); v != "15.000" {
		t.Errorf("for a guest: %s", v)
	}
	pass := func(want int) {
		t.Helper()
		w.advance(time.Minute + time.Second)
		if _, err := w.c.MakeMashups(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.c.mashers.Wait()
		if n := len(w.averages("cse-in/lamp/m")); n != want {
			t.Errorf("%d results, want %d", n, want)
		}
	}
	pass(2)
	slow := make(chan struct{})
	far.gate = func(context.Context) { <-slow }
	w.advance(time.Minute + time.Second)
	if _, err := w.c.MakeMashups(t.Context()); err != nil { // returns although the other CSE doesn't
		t.Fatal(err)
	}
	close(slow)
	w.c.mashers.Wait()
	pass(4)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/profile", from: "CAdmin"})
	pass(4)
}

func TestMashup_C438_AProfileOnAnotherCSE(t *testing.T) {
	t.Parallel()
	w, far := climate(t)
	profile := `{"ty":40,"ri":"p1","mbft":"` + homeQuery + `SELECT ?x WHERE { ?x a ex:Thermometer }","uptd":"` + rdfXML("") + `","fucd":"` + rdfXML(average) + `"}`
	far.put("/id-open/cse/profile", "m2m:smjp", profile)
	far.put("/id-open/cse/broken", "m2m:smjp", strings.Replace(profile, "SELECT", "FIND", 1))
	create := func(rn, profile, members string) ask {
		return ask{op: "C41", to: "cse-in/lamp", from: "Clamp", body: strings.Replace(smi(rn, members), "cse-in/profile", profile, 1)}
	}
	w.follow(t, []step{
		{name: "C-438 for members of both", ask: create("m", "/id-open/cse/profile", `"mst":1,"rgt":1,"acpi":["cse-in/profiles"],`+of("/id-open/cse/attic")), code: 2001},
		{name: "C-438 for those of this CSE", ask: create("alone", "/id-open/cse/profile", `"mst":1,"rgt":3,"prg":"PT1M","acpi":["cse-in/profiles"]`), code: 2001},
		{name: "C-438 that isn't there", ask: create("x", "/id-open/cse/none", `"mst":1,"rgt":1`), code: 4000},
		{name: "C-438 that is none", ask: create("x", "/id-open/cse/attic", `"mst":1,"rgt":1`), code: 4000},
		{name: "C-438 whose filter is no query", ask: create("x", "/id-open/cse/broken", `"mst":1,"rgt":1`), code: 4143},
		{name: "C-438 a CSE that nobody knows", ask: create("x", "/id-shut/cse/x", `"mst":1,"rgt":1`), code: 4000},
		{name: "C-438 for a guest", ask: ask{op: "R", to: "cse-in/lamp/m/msp", from: "Cguest1"}, code: 2000},
		{name: "C-438 for its creator", ask: ask{op: "R", to: "cse-in/lamp/m/msp", from: "Clamp"}, code: 2000},
	})
	if diff := cmp.Diff([]string{"15.000", "15.000", "15.000"}, w.averages("cse-in/lamp/m")); diff != "" {
		t.Error(diff)
	}
	w.advance(time.Minute + time.Second)
	if _, err := w.c.MakeMashups(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.c.mashers.Wait()
	if diff := cmp.Diff([]string{"20.000"}, w.averages("cse-in/lamp/alone")); diff != "" {
		t.Errorf("C-438 periodically: %s", diff)
	}
	far.put("/id-open/cse/profile", "", "")
	w.must(onem2m.BadRequest, ask{op: "R", to: "cse-in/lamp/m/msp", from: "Cguest1"})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/lamp/m", from: "Clamp"})
}

func TestMashup_NobodyIsAskedInTheNameOfAnAEThatHasLeft(t *testing.T) {
	t.Parallel()
	w, far := climate(t)
	w.must(onem2m.Created, ask{op: "C41", to: "cse-in/lamp", from: "Clamp", body: smi("theirs", `"mst":1,"rgt":2,"acpi":["cse-in/profiles"],`+of("/id-open/cse/attic"))})
	before := far.times("/id-open/cse/attic")
	theirs := w.ri("cse-in/lamp/theirs")
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		rec, err := tx.ByRI(theirs)
		if err != nil {
			return err
		}
		return saveState(tx, mashupName(rec.ID), principal{ID: rec.Origin, Credential: "of before"})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.MashupMemberNotFound, ask{op: "R", to: "cse-in/lamp/theirs/msp", from: "Cguest1"})
	if n := far.times("/id-open/cse/attic"); n != before {
		t.Errorf("asked %d times more", n-before)
	}
}
