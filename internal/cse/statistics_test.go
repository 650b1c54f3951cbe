package cse

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// tally keeps the statistics that a CSE collects.
type tally struct {
	mu   sync.Mutex // guards list
	list []Statistic
}

func (c *tally) take(s Statistic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, s)
}

// lines returns what was collected since the last call: who did what on what
// type, how it went, and how much is held.
func (c *tally) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, s := range c.list {
		lines = append(lines, fmt.Sprintf("%s op %d ty %d rsc %d size %d", s.Originator.Stem(), s.Operation, s.Type, s.Code, s.Size))
	}
	c.list = nil
	return lines
}

// counts is a world that collects by an event with these members. The
// <statsCollect> has the members of more, too.
func counts(t *testing.T, event, more string) (*world, *tally) {
	t.Helper()
	c := &tally{}
	w := newWorld(t, func(o *Options) { o.Statistics = c.take })
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", "")
	w.instance("Capp01", "cse-in/app/c1", "first", "1234")
	w.must(onem2m.Created, ask{op: "C22", to: "cse-in", from: "CAdmin", body: `{"m2m:stcg":{"rn":"config"}}`})
	o := w.must(onem2m.Created, ask{op: "C7", to: "cse-in/config", from: "CAdmin", body: `{"m2m:evcg":{"rn":"event",` + event + `}}`})
	id, _ := o.Text("evi")
	if more != "" {
		more = "," + more
	}
	w.must(onem2m.Created, ask{op: "C21", to: "cse-in", from: "CAdmin", body: `{"m2m:stcl":{"rn":"stats","cei":"CAdmin","srs":1,"sm":1,"evi":"` + id + `"` + more + `}}`})
	c.lines()
	return w, c
}

func TestStatistics_Checks(t *testing.T) {
	t.Parallel()
	w, _ := counts(t, `"evt":1`, "")
	event := func(members string) ask {
		return ask{op: "C7", to: "cse-in/config", from: "CAdmin", body: `{"m2m:evcg":{` + members + `}}`}
	}
	collect := func(members string) ask {
		return ask{op: "C21", to: "cse-in", from: "CAdmin", body: `{"m2m:stcl":{"cei":"CAdmin","srs":2,"sm":1` + members + `}}`}
	}
	id := w.attribute("cse-in/config/event", "evi")
	w.follow(t, []step{
		{name: "C-454 an operation", ask: event(`"evt":1,"opt":[1,2]`), code: 2001, show: map[string]string{"evi": "*"}},
		{name: "C-454 storage", ask: event(`"evt":2,"ds":10`), code: 2001},
		{name: "C-454 storage without size", ask: event(`"evt":2`), code: 4000},
		{name: "C-454 a period", ask: event(`"evt":3,"evs":"20260304T100000","eve":"20260304T110000"`), code: 2001},
		{name: "C-454 no start", ask: event(`"evt":3,"eve":"20260304T110000"`), code: 4000},
		{name: "C-454 no end", ask: event(`"evt":3,"evs":"20260304T100000"`), code: 4000},
		{name: "C-454 the end first", ask: event(`"evt":3,"evs":"20260304T110000","eve":"20260304T100000"`), code: 4000},
		{name: "C-454 types and resources", ask: event(`"evt":1,"erts":[3],"eris":["x"]`), code: 4000},
		{name: "C-454 size of an operation", ask: event(`"evt":1,"ds":3`), code: 4000},
		{name: "C-454 operations of storage", ask: event(`"evt":2,"ds":3,"opt":[1]`), code: 4000},
		{name: "C-454 the eventID is the CSE's", ask: event(`"evt":1,"evi":"x"`), code: 4000},
		{name: "C-454 an UPDATE to what would be refused", ask: ask{op: "U", to: "cse-in/config/event", from: "CAdmin", body: `{"m2m:evcg":{"evt":2}}`}, code: 4000},
		{name: "C-455 a collection", ask: collect(`,"evi":` + id), code: 2001, show: map[string]string{"sci": "*", "srs": "2"}},
		{name: "C-455 of no event", ask: collect(""), code: 4000},
		{name: "C-455 of an event that isn't there", ask: collect(`,"evi":"none"`), code: 4000},
		{name: "C-455 of something else", ask: collect(`,"evi":"Capp01"`), code: 4000},
		{name: "C-455 from nobody", ask: collect(`,"cdi":["x"],"evi":` + id), code: 4000},
		{name: "C-455 an UPDATE to an event that isn't there", ask: ask{op: "U", to: "cse-in/stats", from: "CAdmin", body: `{"m2m:stcl":{"evi":"none"}}`}, code: 4000},
		{name: "C-457 a configuration", ask: ask{op: "U", to: "cse-in/config", from: "CAdmin", body: `{"m2m:stcg":{"lbl":["x"]}}`}, code: 2004},
		{name: "C-457 not for strangers", ask: ask{op: "C22", to: "cse-in", from: "Capp01", body: `{"m2m:stcg":{}}`}, code: 4103},
	})
	mn := newWorld(t, func(o *Options) { o.Type = MN })
	mn.must(onem2m.OperationNotAllowed, ask{op: "C22", to: "cse-in", from: "CAdmin", body: `{"m2m:stcg":{}}`}) // C-457
	mn.must(onem2m.OperationNotAllowed, ask{op: "C21", to: "cse-in", from: "CAdmin", body: `{"m2m:stcl":{"cei":"CAdmin","srs":1,"sm":1,"evi":"x"}}`})
}

func TestStatistics_C456_Records(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event, more string
		want              []string
	}{
		{"C-456 every operation", `"evt":1`, "", []string{
			"Capp01 op 1 ty 4 rsc 2001 size 6", "Capp01 op 2 ty 3 rsc 2000 size 10", "Cother1 op 2 ty 3 rsc 4103 size 10",
			"Capp01 op 3 ty 3 rsc 2004 size 10", "Capp01 op 4 ty 4 rsc 2002 size 6", "Capp01 op 2 ty 0 rsc 4004 size 0",
		}},
		{"C-456 some operations", `"evt":1,"opt":[2]`, `"cdi":["Cother1"]`, []string{"Cother1 op 2 ty 3 rsc 4103 size 10"}},
		{"C-456 some types", `"evt":1,"erts":[4]`, "", []string{"Capp01 op 1 ty 4 rsc 2001 size 6", "Capp01 op 4 ty 4 rsc 2002 size 6"}},
		{"C-456 storage in a container", `"evt":2,"ds":9,"erts":[3]`, "", []string{"Capp01 op 1 ty 3 rsc 2001 size 10", "Capp01 op 3 ty 3 rsc 2004 size 10"}},
		{"C-456 storage in an instance", `"evt":2,"ds":5,"erts":[4]`, "", []string{"Capp01 op 1 ty 4 rsc 2001 size 6"}},
		{"C-456 not enough storage", `"evt":2,"ds":10`, "", nil},
		{"C-456 a period that is on", `"evt":3,"evs":"20260304T100000","eve":"20260304T110000","erts":[3]`, `"cdi":["Cother1"]`, []string{"Cother1 op 2 ty 3 rsc 4103 size 10"}},
		{"C-456 a period that is over", `"evt":3,"evs":"20260304T080000","eve":"20260304T090000"`, "", nil},
		{"C-456 a schedule that is on", `"evt":1,"opt":[4]`, `"cp":{"sce":["* * 10 * * * *"]}`, []string{"Capp01 op 4 ty 4 rsc 2002 size 6"}},
		{"C-456 a schedule that is off", `"evt":1`, `"cp":{"sce":["* * 11 * * * *"]}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, c := counts(t, tt.event, tt.more)
			w.instance("Capp01", "cse-in/app/c1", "i1", "123456")
			w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/app/c1", from: "Cother1"})
			w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"]}}`})
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/c1/la", from: "Capp01"})
			w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/app/none", from: "Capp01"})
			if diff := cmp.Diff(tt.want, c.lines()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatistics_C455_WhatIsCollectedFollowsTheResources(t *testing.T) {
	t.Parallel()
	look := ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}
	change := func(to, body string) func(*world) {
		return func(w *world) { w.must(onem2m.Updated, ask{op: "U", to: to, from: "CAdmin", body: body}) }
	}
	remove := func(to string) func(*world) {
		return func(w *world) { w.must(onem2m.Deleted, ask{op: "D", to: to, from: "CAdmin"}) }
	}
	tests := []struct {
		name string
		do   func(*world)
		want int
	}{
		{"C-455 as it is", func(*world) {}, 1},
		{"C-455 inactive", change("cse-in/stats", `{"m2m:stcl":{"srs":2}}`), 0},
		{"C-455 another event", change("cse-in/config/event", `{"m2m:evcg":{"opt":[4]}}`), 0},
		{"C-455 the collection expires", func(w *world) {
			change("cse-in/stats", `{"m2m:stcl":{"et":"20260304T113000"}}`)(w)
			w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin"})
			w.advance(2 * time.Hour)
		}, 0},
		{"C-455 the collection is gone", remove("cse-in/stats"), 0},
		{"C-455 the event is gone", remove("cse-in/config/event"), 0},
		{"C-455 the configuration is gone", remove("cse-in/config"), 0},
		{"C-455 the event expires", func(w *world) {
			change("cse-in/config/event", `{"m2m:evcg":{"et":"20260304T113000"}}`)(w)
			w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin"}) // it is read before it expires
			w.advance(2 * time.Hour)
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, c := counts(t, `"evt":1,"opt":[2]`, `"cdi":["Capp01"]`)
			tt.do(w)
			w.must(onem2m.OK, look)
			if got := len(c.lines()); got != tt.want {
				t.Errorf("%d records, want %d", got, tt.want)
			}
		})
	}
}

func TestStatistics_C456_ByResource(t *testing.T) {
	t.Parallel()
	w, c := counts(t, `"evt":1,"opt":[1,2]`, "")
	ri := w.ri("cse-in/app/c1")
	c.lines()
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/config/event", from: "CAdmin", body: `{"m2m:evcg":{"eris":["/id-in/` + ri + `"]}}`})
	w.instance("Capp01", "cse-in/app/c1", "i1", "123456")
	w.must(onem2m.OK, ask{op: "R", to: ri, from: "Capp01"})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app", from: "Capp01"})
	want := []string{"Capp01 op 1 ty 4 rsc 2001 size 10", "Capp01 op 2 ty 3 rsc 2000 size 10"}
	if diff := cmp.Diff(want, c.lines()); diff != "" {
		t.Error(diff)
	}
}

func TestStatistics_C456_WhatDoesNotCount(t *testing.T) {
	t.Parallel()
	w, c := counts(t, `"evt":2,"ds":1`, "")
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: "cse-in/app/c1", from: "Cother1", body: `{"m2m:cnt":{"lbl":["x"]}}`})
	if diff := cmp.Diff([]string(nil), c.lines()); diff != "" {
		t.Errorf("storage that was refused: %s", diff)
	}
	w, c = counts(t, `"evt":1`, "")
	none := &identity.Association{Framework: "none", Binding: "http"}
	w.must(onem2m.OriginatorHasAlreadyRegistered, joins("Capp01", "Nx", none))
	if diff := cmp.Diff([]string(nil), c.lines()); diff != "" {
		t.Errorf("a registration that was refused counts for whom it claims to be: %s", diff)
	}
	w.must(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "R", to: "cse-in/app/c1?rt=1", from: "Capp01"})
	if diff := cmp.Diff([]string(nil), c.lines()); diff != "" {
		t.Errorf("an acknowledgement: %s", diff)
	}
}
