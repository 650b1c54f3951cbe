package cse

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

func TestTimes_OfARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // 2026-03-04T10:30:00
	r := func(edit func(*onem2m.Request)) ask { return ask{op: "R", to: "cse-in", from: "CAdmin", edit: edit} }
	w.follow(t, []step{
		{name: "C-053 rqet is over", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "20260304T102959" }), code: 4008},
		{name: "C-053 rqet is now", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "20260304T103000" }), code: 4008},
		{name: "C-053 rqet is to come", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "20260304T103010" }), code: 2000},
		{name: "C-012 rqet in milliseconds", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "500000" }), code: 2000},
		{name: "C-012 rqet in negative milliseconds", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "-1" }), code: 4008},
		{name: "C-012 relative times count from ot", ask: r(func(q *onem2m.Request) { q.OriginatingTimestamp = "20260304T102950"; q.RequestExpiration = "5000" }), code: 4008},
		{name: "C-011 rqet isn't a time", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "tomorrow" }), code: 4000},
		{name: "C-011 ot isn't a time", ask: r(func(q *onem2m.Request) { q.OriginatingTimestamp = "2026-03-04" }), code: 4000},
		{name: "C-054 rset is over", ask: r(func(q *onem2m.Request) { q.ResultExpiration = "20260101T000000" }), code: 4008},
		{name: "C-054 rset is not behind rqet", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "5000"; q.ResultExpiration = "5000" }), code: 4000},
		{name: "C-055 oet is not before rqet", ask: r(func(q *onem2m.Request) { q.RequestExpiration = "5000"; q.ExecutionTime = "5000" }), code: 4000},
		{name: "C-055 oet is not before rset", ask: r(func(q *onem2m.Request) { q.ResultExpiration = "5000"; q.ExecutionTime = "6000" }), code: 4000},
		{name: "C-055 oet is over: at once", ask: r(func(q *onem2m.Request) { q.ExecutionTime = "20260101T000000" }), code: 2000},
		{name: "C-059 rp isn't a time", ask: r(func(q *onem2m.Request) { q.ResultPersistence = "long" }), code: 4000},
		{name: "C-060 ec 2", ask: r(func(q *onem2m.Request) { q.EventCategory = new(int64(2)) }), code: 2000},
		{name: "C-060 ec 999", ask: r(func(q *onem2m.Request) { q.EventCategory = new(int64(999)) }), code: 2000},
		{name: "C-060 ec 5", ask: r(func(q *onem2m.Request) { q.EventCategory = new(int64(5)) }), code: 4000},
		{name: "C-036 drt 3", ask: r(func(q *onem2m.Request) { q.DesiredIDType = new(int64(3)) }), code: 4000},
		{name: "C-037 nu without rt 2 or 4", ask: r(func(q *onem2m.Request) { q.HasNotifyURIs = true }), code: 4000},
		{name: "C-037 rt 2 goes with addresses", ask: r(func(q *onem2m.Request) { q.HasNotifyURIs, q.ResponseType = true, new(int64(2)) }), code: 1002},
		{name: "C-173 rt 1", ask: r(func(q *onem2m.Request) { q.ResponseType = new(int64(1)) }), code: 1001},
		{name: "C-036 rt 6", ask: r(func(q *onem2m.Request) { q.ResponseType = new(int64(6)) }), code: 4000},
		{name: "C-186 rt 4 is answered at once", ask: r(func(q *onem2m.Request) { q.ResponseType = new(int64(4)) }), code: 2000},
		{name: "C-033 C-348 gid", ask: r(func(q *onem2m.Request) { q.GroupRequestID = "g" }), code: 2000},
		{name: "C-348 a very long gid", ask: r(func(q *onem2m.Request) { q.GroupRequestID = strings.Repeat("x", MaxRequestID+1) }), code: 4000},
		{name: "C-057 C-187 da says nothing to the CSE that a request is for", ask: r(func(q *onem2m.Request) { q.DeliveryAggregate = new(true) }), code: 2000},
		{name: "C-009 a very long rqi", ask: r(func(q *onem2m.Request) { q.RequestID = strings.Repeat("x", MaxRequestID+1) }), code: 4000},
		{name: "C-031 no rqi", ask: r(func(q *onem2m.Request) { q.RequestID = "" }), code: 4000},
		{name: "C-031 unknown operation", ask: r(func(q *onem2m.Request) { q.Operation = 6 }), code: 4000},
		{name: "A-14 no From", ask: ask{op: "R", to: "cse-in"}, code: 4000},
	})
}

func TestTimes_C055_C056_OperationWaitsForItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := time.Now()
		w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin", edit: func(q *onem2m.Request) { q.ExecutionTime = "60" }})
		if waited := time.Since(begin); waited != 60*time.Millisecond {
			t.Errorf("the operation ran after %s", waited)
		}
	})
}

func TestResponse_CarriesWhatItMust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	res := w.do(ask{op: "R", to: "cse-in", from: "CAdmin", edit: func(q *onem2m.Request) {
		q.RequestID, q.ResultExpiration, q.VendorInformation, q.EventCategory = "ä/%00 x", "60000", new("v"), new(int64(3))
	}})
	if res.RequestID != "ä/%00 x" || res.OriginatingTimestamp != "20260304T103000,000000" || res.ResultExpiration != "60000" ||
		*res.VendorInformation != "v" || *res.EventCategory != 3 || res.Release != "3" || res.From != "/id-in" || res.To != "CAdmin" {
		t.Errorf("C-008 C-009 C-042 C-043 C-044: got %+v", res)
	}
	res = w.do(ask{op: "R", to: "cse-in/none", from: "CAdmin", edit: func(q *onem2m.Request) { q.ResponseType = new(int64(5)) }})
	if !res.NoResponse || res.Code != onem2m.NotFound {
		t.Errorf("C-038: got %+v", res)
	}
}

func TestRelease_IsCheckedAndEchoed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	young := newWorld(t, func(o *Options) { o.Releases = []string{"2a", "3", "4"} })
	without := func(q *onem2m.Request) { q.Release = "" }
	for _, tt := range []struct {
		name string
		w    *world
		ask
		code onem2m.StatusCode
		rvi  string
	}{
		{"C-052 release 4", w, ask{op: "R", to: "-", from: "CAdmin", rvi: "4"}, 2000, "4"},
		{"C-052 release 2a", w, ask{op: "R", to: "-", from: "CAdmin", rvi: "2a"}, 2000, "2a"},
		{"C-048 none is release 1", w, ask{op: "R", to: "-", from: "CAdmin", edit: without}, 2000, ""},
		{"C-048 none where release 1 isn't served", young, ask{op: "R", to: "-", from: "CAdmin", edit: without}, 4001, ""},
		{"C-048 C-050 unknown", w, ask{op: "R", to: "-", from: "CAdmin", rvi: "9"}, 4001, "4"},
		{"C-049 unknown, for another CSE", w, ask{op: "R", to: "/id-far/-", from: "CAdmin", rvi: "9"}, 4004, "9"},
		{"C-050 echoed in an error", w, ask{op: "R", to: "cse-in/none", from: "CAdmin", rvi: "2a"}, 4004, "2a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if res := tt.w.do(tt.ask); res.Code != tt.code || res.Release != tt.rvi {
				t.Errorf("got %d, rvi %q", res.Code, res.Release)
			}
		})
	}
}

func TestRequestID_C007_PendingIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow := make(chan *onem2m.Response)
		request := w.request(ask{op: "R", to: "cse-in", from: "CAdmin", edit: func(q *onem2m.Request) { q.RequestID, q.ExecutionTime = "same", "300" }})
		go func() { slow <- w.c.Handle(t.Context(), trusted(), request) }()
		for w.c.pending.enter(bringer{who: w.c.admin}, "same") {
			w.c.pending.leave(bringer{who: w.c.admin}, "same")
			time.Sleep(time.Millisecond)
		}
		same := func(q *onem2m.Request) { q.RequestID = "same" }
		w.must(onem2m.BadRequest, ask{op: "R", to: "cse-in", from: "CAdmin", edit: same})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in", from: "Cother1", edit: same}) // another originator's is another request
		if res := <-slow; res.Code != onem2m.OK {
			t.Errorf("the first request: got %d", res.Code)
		}
		w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin", edit: same})
	})
}

// A CSE on the way sends a request again under another identifier when it was refused
// because of that, and not because there are too many.
func TestRequestID_C007_TooManyAreNotRefusedForTheirIdentifier(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Pending = 2 })
	for _, rqi := range []string{"a", "b"} {
		if !w.c.pending.enter(bringer{who: w.c.admin}, rqi) {
			t.Fatal(rqi)
		}
	}
	as := func(rqi string) ask {
		return ask{op: "R", to: "cse-in", from: "CAdmin", edit: func(q *onem2m.Request) { q.RequestID = rqi }}
	}
	w.must(onem2m.BadRequest, as("a"))
	w.must(onem2m.NotAcceptable, as("c"))
	w.c.pending.leave(bringer{who: w.c.admin}, "a")
	w.must(onem2m.OK, as("c"))
}

func TestPending_HasABound(t *testing.T) {
	t.Parallel()
	var p pending
	p.init(2, 100)
	if !p.enter(bringer{"a", ""}, "1") || !p.enter(bringer{"a", ""}, "2") || p.enter(bringer{"a", ""}, "3") || !p.enter(bringer{"b", ""}, "3") {
		t.Error("the third of one originator is too many, another's isn't")
	}
	p.leave(bringer{"a", ""}, "1")
	p.leave(bringer{"a", ""}, "2")
	p.leave(bringer{"b", ""}, "3")
	if len(p.open) != 0 {
		t.Errorf("%v is left", p.open)
	}
}

func TestPending_OneCSETakesHalfOfAllAtMost(t *testing.T) {
	t.Parallel()
	var p pending
	p.init(100, 4)
	if !p.enter(bringer{"a", "mn"}, "1") || !p.enter(bringer{"b", "mn"}, "1") || p.enter(bringer{"c", "mn"}, "1") {
		t.Error("a CSE that names many originators is one peer")
	}
	if !p.enter(bringer{"c", "mn2"}, "1") || !p.enter(bringer{"d", ""}, "1") || p.enter(bringer{"e", ""}, "1") {
		t.Error("others have the other half, and no more")
	}
	p.leave(bringer{"a", "mn"}, "1")
	p.leave(bringer{"d", ""}, "1")
	if !p.enter(bringer{"c", "mn"}, "2") {
		t.Error("what is answered still counts")
	}
	for _, e := range []bringer{{"b", "mn"}, {"c", "mn2"}} {
		p.leave(e, "1")
	}
	p.leave(bringer{"c", "mn"}, "2")
	if len(p.open)+len(p.shares.count)+len(p.shares.via) != 0 {
		t.Errorf("left: %v %v", p.open, p.shares)
	}
}

func TestBacklog_OneCSETakesHalfOfItAtMost(t *testing.T) {
	t.Parallel()
	var b backlog
	b.init(8)
	list := make([]*errand, 0, 5)
	for i := range 5 {
		e := &errand{whose: bringer{onem2m.ID(rune('a' + i)), "mn"}}
		if got := b.reserve(e); got != (i < 4) {
			t.Errorf("errand %d: %v", i, got)
		} else if got {
			list = append(list, e)
		}
	}
	if !b.reserve(&errand{whose: bringer{who: "z"}}) {
		t.Error("others have no place")
	}
	for _, e := range list {
		b.release(e)
	}
	if len(b.shares.via) != 0 {
		t.Errorf("left: %v", b.shares.via)
	}
}

func TestExecutionTime_C055_FewRequestsAreHeldBackAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		later := func(q *onem2m.Request) { q.ExecutionTime = "20" }
		for i := range maxHeldOfOne {
			if !w.c.held.enter(bringer{who: w.c.admin}, strconv.Itoa(i)) {
				t.Fatal(i)
			}
		}
		w.must(onem2m.NotAcceptable, ask{op: "R", to: "cse-in", from: "CAdmin", edit: later})
		w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin"})
		w.c.held.leave(bringer{who: w.c.admin}, "0")
		w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "CAdmin", edit: later})
		if len(w.c.held.open) != maxHeldOfOne-1 {
			t.Errorf("%d are held", len(w.c.held.open))
		}
	})
}
