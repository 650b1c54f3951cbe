package cse

import (
	"slices"
	"testing"
	"time"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func sch(members string) string { return `{"m2m:sch":{` + members + `}}` }

const always = `"se":{"sce":["* * * * * * *"]}`

func TestSchedule_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"nod","ni":"urn:sn:1"}}`})
	for _, name := range []string{"s1", "s2"} {
		w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"` + name + `","nu":["Capp01"]`)})
	}
	c := func(to, members string) ask {
		return ask{op: "C18", to: to, from: "CAdmin", body: sch(members)}
	}
	w.follow(t, []step{
		{name: "C-260 no entry", ask: c("cse-in", `"se":{"sce":[]}`), code: 4000},
		{name: "C-260 no element", ask: c("cse-in", `"rn":"x"`), code: 4000},
		{name: "C-260 an entry that is none", ask: c("cse-in", `"se":{"sce":["* * * * * *"]}`), code: 4000},
		{name: "C-261 networkCoordinated below the CSEBase", ask: c("cse-in", always+`,"nco":true`), code: 4102},
		{name: "C-261 networkCoordinated below a node", ask: c("cse-in/nod", always+`,"nco":true`), code: 5001},
		{name: "C-260 below a node", ask: c("cse-in/nod", `"rn":"sch",`+always), code: 2001},
		{name: "C-263 a second one below a node", ask: c("cse-in/nod", always), code: 4000},
		{name: "C-261 networkCoordinated by UPDATE", ask: ask{op: "U", to: "cse-in/nod/sch", from: "CAdmin", body: sch(`"nco":true`)}, code: 5001},
		{name: "C-262 another name below a subscription", ask: c("cse-in/app/s1", `"rn":"x",`+always), code: 4000},
		{name: "C-262 no name below a subscription", ask: c("cse-in/app/s1", always), code: 2001, show: map[string]string{"rn": `"notificationSchedule"`}},
		{name: "C-263 a second one below a subscription", ask: c("cse-in/app/s1", always), code: 4105},
		{name: "C-262 the name below a subscription", ask: c("cse-in/app/s2", `"rn":"notificationSchedule",`+always), code: 2001},
		{name: "C-227 below the CSEBase", ask: c("cse-in", `"rn":"sch",`+always), code: 2001},
		{name: "C-227 a second one below the CSEBase", ask: c("cse-in", `"rn":"sch2",`+always), code: 4000},
		{name: "C-261 networkCoordinated by UPDATE below the CSEBase", ask: ask{op: "U", to: "cse-in/sch", from: "CAdmin", body: sch(`"nco":true`)}, code: 4102},
	})
}

func TestSchedule_C227_TheCSEIsClosedOutsideOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	look := ask{op: "R", to: "cse-in/app", from: "Capp01"}
	w.must(onem2m.Created, ask{op: "C18", to: "cse-in", from: "CAdmin", body: sch(`"rn":"sch","se":{"sce":["* * 0-9,12 * * * *"]}`)}) // it is 10:30
	w.must(onem2m.TargetNotReachable, look)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/sch", from: "CAdmin"})
	again, err := New(t.Context(), w.c.Options) // as after a start
	if err != nil {
		t.Fatal(err)
	}
	if res := again.Handle(t.Context(), trusted(), w.request(look)); res.Code != onem2m.TargetNotReachable {
		t.Errorf("after a start: %d", res.Code)
	}
	w.advance(2 * time.Hour)
	w.must(onem2m.OK, look)
	w.advance(time.Hour)
	w.must(onem2m.TargetNotReachable, look)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/sch", from: "CAdmin", body: sch(`"se":{"sce":["* * 13 * * * *"]}`)})
	w.must(onem2m.OK, look)
	w.advance(time.Hour)
	w.must(onem2m.TargetNotReachable, look)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/sch", from: "CAdmin"})
	w.must(onem2m.OK, look)
}

func TestSchedule_C263_C305_TheNotifierIsKeptInformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	ri, _ := w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: sub(`"rn":"s1","nu":["Capp01"]`)}).Text("ri")
	w.must(onem2m.Created, ask{op: "C18", to: "cse-in/app/s1", from: "Capp01", body: sch(`"se":{"sce":["* * 8 * * * *","* * 9 * * * *"]}`)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/s1/notificationSchedule", from: "Capp01", body: sch(always)})
	if _, err := New(t.Context(), w.c.Options); err != nil { // as after a start
		t.Fatal(err)
	}
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/s1", from: "Capp01"})
	want := []string{ri + " 23 * * 8 * * * * * * 9 * * * *", ri + " 23 * * * * * * *", ri + " 23 * * * * * * *", ri + " 23", ri + " 14"}
	if !slices.Equal(w.schedules, want) {
		t.Errorf("told %q, want %q", w.schedules, want)
	}
}

func TestSchedule_C306_OfTheNodeThatAnAEIsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C14", to: "cse-in", from: "CAdmin", body: `{"m2m:nod":{"rn":"nod","ni":"urn:sn:1"}}`})
	opens := func(target string) (at onem2m.Timestamp, ok bool) {
		err := w.store.Read(t.Context(), func(r store.Reader) error {
			at, ok = w.c.Opens(r, target, onem2m.TimestampOf(w.now()))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return at, ok
	}
	now := onem2m.TimestampOf(w.now())
	want := func(name, target string, want onem2m.Timestamp) {
		t.Helper()
		if at, ok := opens(target); !ok || at != want {
			t.Errorf("%s: %s %v, want %s", name, at, ok, want)
		}
	}
	w.must(onem2m.Created, ask{op: "C18", to: "cse-in/nod", from: "CAdmin", body: sch(`"rn":"sch","se":{"sce":["0 0 11 * * * *","0 45 * * * * *"]}`)})
	want("on no node", "Capp01", now)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"nl":"cse-in/nod"}}`})
	want("on the node", "Capp01", now+15*60*1e6)
	want("by its structured address", "/id-in/cse-in/app", now+15*60*1e6)
	want("somebody else", "/id-far/Cx", now)
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/nod/sch", from: "CAdmin"})
	want("without a schedule", "Capp01", now)
}
