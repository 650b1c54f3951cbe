package cse

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// answered reads an aggregated response: "code from" of each member, nested
// ones in brackets.
func answered(t *testing.T, content *onem2m.Content) []string {
	t.Helper()
	if content == nil || content.Name != "m2m:agr" {
		t.Fatalf("no aggregated response: %v", content)
	}
	o, err := onem2m.ParseObject(content.Value)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := o.Objects("m2m:rsp")
	var got []string
	for _, member := range list {
		code, _ := member.Int("rsc")
		from, _ := member.Text("fr")
		line := fmt.Sprintf("%d %s", code, from)
		if pc, ok := member.Object("pc"); ok && pc.Has("m2m:agr") {
			line += fmt.Sprint(" ", answered(t, &onem2m.Content{Name: "m2m:agr", Value: pc.Get("m2m:agr")}))
		}
		got = append(got, line)
	}
	return got
}

// gardens is a world with three containers of Capp01, the last one closed to
// Cread01, and policies for groups.
func gardens(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for stem, name := range map[string]string{"Capp01": "app", "Cread01": "reader"} {
		w.register(stem, name)
	}
	w.policy("Capp01", "cse-in/app", "open", `{"acor":["Capp01","Cread01"],"acop":63}`)
	w.policy("Capp01", "cse-in/app", "own", `{"acor":["Capp01"],"acop":63}`)
	for name, acp := range map[string]string{"c1": "open", "c2": "open", "c3": "own"} {
		w.container("Capp01", "cse-in/app", name, `"acpi":["cse-in/app/`+acp+`"]`)
		w.instance("Capp01", "cse-in/app/"+name, "i1", name)
	}
	w.group("Capp01", "cse-in/app", "g", `"acpi":["cse-in/app/open"],"mid":["cse-in/app/c1","cse-in/app/c2","cse-in/app/c3"]`)
	return w
}

func TestFanOut(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	w.group("Capp01", "cse-in/app", "empty", `"mid":[]`)
	w.group("Capp01", "cse-in/app", "far", `"mid":["/id-far/x1","cse-in/app/c1"]`)
	w.group("Capp01", "cse-in/app", "macp", `"acpi":["cse-in/app/own"],"macp":["cse-in/app/open"],"mid":["cse-in/app/c1"]`)
	w.group("Capp01", "cse-in/app", "none", `"acpi":["cse-in/app/open"],"macp":["cse-in/app/own"],"mid":["cse-in/app/c1"]`)
	w.group("Capp01", "cse-in/app", "typed", `"mt":3,"mid":["cse-in/app/c1"]`)
	w.group("Capp01", "cse-in/app", "top", `"mid":["cse-in/app/g/fopt","cse-in/app/typed/fopt","cse-in/app/c2"]`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/empty", from: "Capp01", body: `{"m2m:grp":{"mid":[]}}`})
	all := []string{"2000 cse-in/app/c1", "2000 cse-in/app/c2", "2000 cse-in/app/c3"}
	target := func(list ...string) func(*onem2m.Request) {
		return func(q *onem2m.Request) { q.GroupTargets = list }
	}
	const sub = `{"m2m:sub":{"nu":["Capp01"]}}`
	for _, tt := range []struct {
		name string
		ask
		code onem2m.StatusCode
		want []string
	}{
		{name: "C-349 C-350 C-352 each member answers, in the order of mid", ask: ask{op: "R", to: "cse-in/app/g/fopt", from: "Capp01"}, want: all},
		{name: "C-029 C-349 the path behind fopt goes on", ask: ask{op: "R", to: "cse-in/app/g/fopt/i1", from: "Capp01"}, want: all},
		{name: "C-029 also to virtual resources", ask: ask{op: "R", to: "cse-in/app/g/fopt/la", from: "Capp01"}, want: all},
		{name: "C-029 to what isn't there", ask: ask{op: "R", to: "cse-in/app/g/fopt/none", from: "Capp01"}, want: []string{"4004 cse-in/app/c1", "4004 cse-in/app/c2", "4004 cse-in/app/c3"}},
		{name: "A-76 C-349 each member decides", ask: ask{op: "R", to: "cse-in/app/g/fopt/la", from: "Cread01"}, want: []string{"2000 cse-in/app/c1", "2000 cse-in/app/c2", "4103 cse-in/app/c3"}},
		{name: "C-350 rcn goes to the members", ask: ask{op: "C4", to: "cse-in/app/g/fopt?rcn=0", from: "Capp01", body: `{"m2m:cin":{"con":"x"}}`}, want: []string{"2001 cse-in/app/c1", "2001 cse-in/app/c2", "2001 cse-in/app/c3"}},
		{name: "C-350 UPDATE", ask: ask{op: "U", to: "cse-in/app/g/fopt", from: "Capp01", body: `{"m2m:cnt":{"lbl":["a"]}}`}, want: []string{"2004 cse-in/app/c1", "2004 cse-in/app/c2", "2004 cse-in/app/c3"}},
		{name: "A-46 C-344 macp opens what acpi doesn't", ask: ask{op: "R", to: "cse-in/app/macp/fopt", from: "Cread01"}, want: all[:1]},
		{name: "A-46 but not the group", ask: ask{op: "R", to: "cse-in/app/macp", from: "Cread01"}, code: 4103},
		{name: "A-46 macp closes what acpi opens", ask: ask{op: "R", to: "cse-in/app/none/fopt", from: "Cread01"}, code: 4103},
		{name: "C-345 an empty group", ask: ask{op: "R", to: "cse-in/app/empty/fopt", from: "Capp01"}, code: 4109},
		{name: "C-345 after the privilege", ask: ask{op: "R", to: "cse-in/app/empty/fopt", from: "Cread01"}, code: 4103},
		{name: "C-346 no child of the members", ask: ask{op: "C9", to: "cse-in/app/typed/fopt", from: "Capp01", body: `{"m2m:grp":{"mnm":1,"mid":[]}}`}, code: 4108},
		{name: "C-074 no registration", ask: ask{op: "C2", to: "cse-in/app/g/fopt", from: "Capp01", body: `{"m2m:ae":{"api":"Nx","rr":false,"srv":["3"]}}`}, code: 4000},
		{name: "a remote member has no route", ask: ask{op: "R", to: "cse-in/app/far/fopt", from: "Capp01"}, want: []string{"4004 /id-far/x1", "2000 cse-in/app/c1"}},
		{name: "C-347 two of them", ask: ask{op: "R", to: "cse-in/app/g/fopt", from: "Capp01", edit: target("/id-in/-/app/c3", "cse-in/app/c1")}, want: []string{all[0], all[2]}},
		{name: "C-347 one that is no member", ask: ask{op: "R", to: "cse-in/app/g/fopt", from: "Capp01", edit: target("cse-in/app/c1", "cse-in/app")}, code: 4000},
		{name: "C-347 in a sub-group", ask: ask{op: "R", to: "cse-in/app/top/fopt", from: "Capp01", edit: target("cse-in/app/c3")}, want: []string{"2000 cse-in/app/g/fopt [2000 cse-in/app/c3]"}},
		{name: "C-041 ignored elsewhere", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01", edit: target("cse-in/app/c3")}, code: 2000},
		{name: "C-348 C-359 what two groups have answers the first only", ask: ask{op: "R", to: "cse-in/app/top/fopt", from: "Capp01", edit: target("cse-in/app/g/fopt", "cse-in/app/typed/fopt")}, want: []string{"2000 cse-in/app/g/fopt [* * *]", "2000 cse-in/app/typed/fopt [*]"}},
		{name: "C-356 a subscription at each", ask: ask{op: "C23", to: "cse-in/app/g/fopt", from: "Capp01", body: sub}, want: []string{"2001 cse-in/app/c1", "2001 cse-in/app/c2", "2001 cse-in/app/c3"}},
		{name: "C-356 with notifications that go through the group", ask: ask{op: "C23", to: "cse-in/app/g/fopt", from: "Capp01", body: `{"m2m:sub":{"nu":["Capp01"],"nfu":"Capp01"}}`}, want: []string{"2001 cse-in/app/c1", "2001 cse-in/app/c2", "2001 cse-in/app/c3"}},
		{name: "C-358 NOTIFY goes to members too", ask: ask{op: "N", to: "cse-in/app/typed/fopt", from: "Capp01", body: `{"m2m:sgn":{"sur":"x"}}`}, want: []string{"4005 cse-in/app/c1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.code != 0 {
				w.must(tt.code, tt.ask)
				return
			}
			res := w.do(tt.ask)
			if res.Code != onem2m.OK {
				t.Fatalf("got %d %s", res.Code, text(res))
			}
			got := answered(t, res.Content)
			if strings.Contains(tt.want[0], "*") { // who is first is a matter of luck
				if n := strings.Count(fmt.Sprint(got), "4104"); n != 1 {
					t.Errorf("got %v, want one 4104", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFanOut_C350_TheShapeOfTheAnswer(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	res := w.do(ask{op: "R", to: "cse-in/app/g/fopt/i1?atrl=con", from: "Cread01"})
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := o.Objects("m2m:rsp")
	seen := map[string]bool{}
	for i := range list {
		rqi, _ := list[i].Text("rqi")
		if seen[rqi] || rqi == "" {
			t.Errorf("request identifier %q isn't unique", rqi)
		}
		seen[rqi] = true
		list[i].Delete("rqi")
	}
	var got []string
	for _, m := range list {
		got = append(got, string(m.Append(nil)))
	}
	want := []string{
		`{"rsc":2000,"pc":{"m2m:cin":{"con":"c1"}},"fr":"cse-in/app/c1","rvi":"3"}`,
		`{"rsc":2000,"pc":{"m2m:cin":{"con":"c2"}},"fr":"cse-in/app/c2","rvi":"3"}`,
		`{"rsc":4103,"pc":{"m2m:dbg":"the originator has no RETRIEVE privilege"},"fr":"cse-in/app/c3","rvi":"3"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFanOut_C359_LoopsEnd(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	w.group("Capp01", "cse-in/app", "a", `"mid":["cse-in/app/c1"]`)
	w.group("Capp01", "cse-in/app", "b", `"mid":["cse-in/app/a/fopt"]`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/a", from: "Capp01", body: `{"m2m:grp":{"mid":["cse-in/app/b/fopt","cse-in/app/a/fopt"]}}`})
	res := w.do(ask{op: "R", to: "cse-in/app/a/fopt", from: "Capp01"})
	want := []string{"2000 cse-in/app/b/fopt [4104 cse-in/app/a/fopt]", "4104 cse-in/app/a/fopt"}
	if diff := cmp.Diff(want, answered(t, res.Content)); diff != "" {
		t.Error(diff)
	}
	again := w.do(ask{op: "R", to: "cse-in/app/a/fopt", from: "Capp01"})
	if diff := cmp.Diff(want, answered(t, again.Content)); diff != "" {
		t.Errorf("a request of its own: %s", diff)
	}
}

func TestFanOut_C348_GroupRequestIdentifier(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	gid := func(q *onem2m.Request) { q.GroupRequestID = "g-77" }
	w.follow(t, []step{
		{name: "C-348 the first one", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01", edit: gid}, code: 2000},
		{name: "C-348 the same at the same resource", ask: ask{op: "R", to: w.ri("cse-in/app/c1"), from: "Capp01", edit: gid}, code: 4104},
		{name: "C-348 the same elsewhere", ask: ask{op: "R", to: "cse-in/app/c2", from: "Capp01", edit: gid}, code: 2000},
		{name: "C-061 4004 comes before", ask: ask{op: "R", to: "cse-in/app/none", from: "Capp01", edit: gid}, code: 4004},
		{name: "C-061 4104 before 4103", ask: ask{op: "R", to: "cse-in/app/c1", from: "Cstrange", edit: gid}, code: 4104},
	})
	w.advance(time.Minute)
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01", edit: gid})
}

func TestFanOut_C348_TheMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var g groupRequests
	for i := range maxHeard + maxHeard/2 {
		if !g.first("g", fmt.Sprint(i), 100, 1) {
			t.Fatalf("%d is new", i)
		}
	}
	if len(g.seen) > maxHeard {
		t.Errorf("%d entries, at most %d", len(g.seen), maxHeard)
	}
	if !g.first("g", "late", 300, 200) || g.first("g", "late", 300, 200) {
		t.Error("the memory has stopped working")
	}
}

func TestFanOut_C354_DeletedMembersLeaveTheGroup(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	w.group("Capp01", "cse-in/app", "la", `"mid":["cse-in/app/c3/la"]`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/own", from: "Capp01", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Capp01","Cread01"],"acop":34}]}}}`})
	for _, step := range []struct {
		to, from, group string
		want            []string
		left, count     string
	}{
		{"cse-in/app/la/fopt", "Capp01", "la", []string{"4103 cse-in/app/c3/la"}, `["cse-in/app/c3/la"]`, "1"},
		{"cse-in/app/g/fopt/i1", "Cread01", "g", []string{"2002 cse-in/app/c1", "2002 cse-in/app/c2", "4103 cse-in/app/c3"}, `["cse-in/app/c1","cse-in/app/c2","cse-in/app/c3"]`, "3"},
		{"cse-in/app/g/fopt", "Cread01", "g", []string{"2002 cse-in/app/c1", "2002 cse-in/app/c2", "4103 cse-in/app/c3"}, `["cse-in/app/c3"]`, "1"},
	} {
		res := w.do(ask{op: "D", to: step.to, from: step.from})
		if diff := cmp.Diff(step.want, answered(t, res.Content)); diff != "" {
			t.Error(step.to, diff)
		}
		if got := w.attribute("cse-in/app/"+step.group, "mid"); got != step.left {
			t.Errorf("%s: mid is %s, want %s", step.to, got, step.left)
		}
		if got := w.attribute("cse-in/app/"+step.group, "cnm"); got != step.count {
			t.Errorf("%s: cnm is %s, want %s", step.to, got, step.count)
		}
	}
	var told bool
	for _, ev := range w.events {
		told = told || ev.Type == notify.Updated && ev.Resource.RN == "g" && strings.Contains(string(ev.Modified), `"cnm":1`)
	}
	if !told {
		t.Error("subscribers of the group aren't told")
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/own", from: "CAdmin", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Capp01"],"acop":63}]}}}`})
	res := w.do(ask{op: "D", to: "cse-in/app/la/fopt", from: "Capp01"})
	if diff := cmp.Diff([]string{"2002 cse-in/app/c3/la"}, answered(t, res.Content)); diff != "" {
		t.Error(diff)
	}
	if got := w.attribute("cse-in/app/la", "cnm"); got != "1" {
		t.Errorf("a virtual member has left the group: cnm is %s", got)
	}
}

// slow holds every read back from a certain moment on.
type slow struct {
	store.Store
	hold func(ctx context.Context)
}

func (s *slow) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.hold(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Store.Update(ctx, fn)
}

func TestFanOut_C351_LateMembersAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := gardens(t)
		short := func(q *onem2m.Request) { q.RequestExpiration = "150" }
		body := `{"m2m:cnt":{"lbl":["late"]}}`
		holding := 0
		w.c.Store = &slow{Store: w.store, hold: func(ctx context.Context) {
			w.mu.Lock()
			holding++
			late := holding > 1
			w.mu.Unlock()
			if late {
				<-ctx.Done()
			}
		}}
		res := w.do(ask{op: "U", to: "cse-in/app/g/fopt", from: "Capp01", body: body, edit: short})
		if got := answered(t, res.Content); len(got) != 1 || !strings.HasPrefix(got[0], "2004 ") {
			t.Errorf("got %v, want one answer", got)
		}
		w.must(onem2m.GroupMembersNotResponded, ask{op: "U", to: "cse-in/app/g/fopt", from: "Capp01", body: body, edit: short})
	})
}
