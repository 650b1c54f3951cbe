package cse

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulwark/onem2m"
)

// subscribed is another CSE that takes subscriptions.
type subscribed struct {
	mu      sync.Mutex // guards what follows
	made    []string   // contents
	changed []string   // contents of updates
	deleted []string   // addresses
	refuse  string     // target that can't be subscribed to
	away    bool
}

func (s *subscribed) Answer(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.away:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	case req.Operation == onem2m.Create && req.To == s.refuse:
		return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege, From: "/id-open"}, nil
	case req.Operation == onem2m.Create:
		s.made = append(s.made, req.From+" "+req.To+" "+string(req.Content.Value))
		return &onem2m.Response{Code: onem2m.Created, From: "/id-open", Content: &onem2m.Content{Name: "m2m:sub", Value: []byte(`{"ri":"/id-open/sub` + string(rune('0'+len(s.made))) + `"}`)}}, nil
	case req.Operation == onem2m.Update:
		s.changed = append(s.changed, req.From+" "+req.To+" "+string(req.Content.Value))
		return &onem2m.Response{Code: onem2m.Updated, From: "/id-open"}, nil
	case req.Operation == onem2m.Delete:
		s.deleted = append(s.deleted, req.From+" "+req.To)
		return &onem2m.Response{Code: onem2m.Deleted, From: "/id-open"}, nil
	}
	return &onem2m.Response{Code: onem2m.NotFound}, nil
}

func farCross(t *testing.T) (*world, *subscribed) {
	t.Helper()
	w, c := crossroads(t)
	far := &subscribed{}
	c.answer = far.Answer
	w.container("Clamp", "cse-in/lamp", "near", "")
	return w, far
}

const farMembers = `"rn":"x","nu":["Clamp"],"tws":"PT4S","twt":2,"rrat":["/id-open/cse/a","cse-in/lamp/near","/id-open/cse/b"],"encs":{"encn":[{"net":[3]}]}`

func TestCross_C319_TargetsOnOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := farCross(t)
	o := w.must(onem2m.Created, ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(farMembers)})
	ri, _ := o.Text("ri")
	if len(far.made) != 2 || !strings.HasPrefix(far.made[0], "/id-in/Clamp /id-open/cse/a ") || !strings.Contains(far.made[0], `"nu":["/id-in/`+ri+`"]`) || !strings.Contains(far.made[0], `"acrs":["/id-in/`+ri+`"]`) {
		t.Errorf("made %q for %s", far.made, ri)
	}
	made, _ := o.Texts("rrats")
	if len(made) != 3 || made[0] != "/id-open/sub1" || !strings.HasPrefix(made[1], "/id-in/sub") || made[2] != "/id-open/sub2" {
		t.Fatalf("rrats %v", made)
	}
	tell := func(from, sur string) onem2m.StatusCode {
		return w.do(ask{op: "N", to: "/id-in/" + ri, from: from, body: `{"m2m:sgn":{"sur":"` + sur + `"}}`}).Code
	}
	for _, tt := range []struct {
		name, from, sur string
		code            onem2m.StatusCode
		fires           int
	}{
		{"C-323 not from its host", "/id-poll", "/id-open/sub1", 4103, 0},
		{"C-323 not from an AE", "Clamp", "/id-open/sub1", 4103, 0},
		{"C-323 another subscription", "/id-open", "/id-open/sub9", 4103, 0},
		{"C-323 of this CSE", "/id-open", made[1], 4103, 0},
		{"C-322 the first", "/id-open", "/id-open/sub1", 2000, 0},
		{"C-322 the second", "/id-open", "/id-open/sub2", 2000, 0},
	} {
		if code := tell(tt.from, tt.sur); code != tt.code || len(w.crossed) != tt.fires {
			t.Errorf("%s: %d, told %v", tt.name, code, w.crossed)
		}
	}
	if res := w.do(ask{op: "N", to: "/id-in/" + ri, from: "/id-poll", body: `{"m2m:agn":{"m2m:sgn":[]}}`}); res.Code != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("C-323 nothing, from anybody: %d", res.Code)
	}
	if code := w.notice(o, made[1], ""); code != onem2m.OK || len(w.crossed) != 1 {
		t.Errorf("C-322 the third: %d, told %v", code, w.crossed)
	}
	w.advance(w.c.Timing.RequestExpiration * 2)
	if _, err := w.c.PayDebts(t.Context()); err != nil || len(far.deleted) != 0 {
		t.Fatalf("C-320: %v, deleted %v", err, far.deleted)
	}
	t.Run("C-327 the end", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/lamp/x", from: "Clamp"})
		far.away = true
		if _, err := w.c.PayDebts(t.Context()); err != nil {
			t.Fatal(err)
		}
		far.away = false
		w.c.debts = newAlarms() // as after a start
		if err := w.c.rearmDebts(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.advance(debtPause)
		if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 {
			t.Fatal(at, err)
		}
		slices.Sort(far.deleted)
		if len(far.deleted) != 2 || far.deleted[0] != "/id-in/Clamp /id-open/sub1" {
			t.Errorf("deleted %q", far.deleted)
		}
	})
}

func TestCross_C320_NothingIsLeftOnOtherCSEs(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world, *subscribed){
		"a target refuses": func(_ *world, far *subscribed) { far.refuse = "/id-open/cse/b" },
		"the notification target does": func(w *world, _ *subscribed) {
			w.refuse = onem2m.Errorf(onem2m.SubscriptionVerificationInitiationFailed, "nu", "no")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, far := farCross(t)
			spoil(w, far)
			if res := w.do(ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(farMembers)}); res.Code.Success() {
				t.Fatalf("%d %s", res.Code, text(res))
			}
			w.advance(w.c.Timing.RequestExpiration * 2)
			if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 {
				t.Fatal(at, err)
			}
			if len(far.deleted) != 2 || !slices.ContainsFunc(far.deleted, func(s string) bool { return strings.HasPrefix(s, "/id-in/Clamp /id-open/cse/a/x") }) {
				t.Errorf("deleted %q", far.deleted)
			}
		})
	}
}

func TestCross_C328_AMemberElsewhereEnds(t *testing.T) {
	t.Parallel()
	w, _ := farCross(t)
	o := w.must(onem2m.Created, ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(farMembers)})
	ri, _ := o.Text("ri")
	w.must(onem2m.OK, ask{op: "N", to: "/id-in/" + ri, from: "/id-open", body: `{"m2m:sgn":{"sur":"/id-open/sub1","sud":true}}`})
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/lamp/x", from: "Clamp"})
}

func TestCross_C325_ANewEndReachesMembersElsewhere(t *testing.T) {
	t.Parallel()
	w, far := farCross(t)
	w.must(onem2m.Created, ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(farMembers)})
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/lamp/x", from: "Clamp", body: `{"m2m:crs":{"et":"20270101T000000"}}`})
	far.away = true
	if _, err := w.c.PayDebts(t.Context()); err != nil {
		t.Fatal(err)
	}
	far.away = false
	w.advance(debtPause)
	if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 {
		t.Fatal(at, err)
	}
	slices.Sort(far.changed)
	if len(far.changed) != 2 || far.changed[0] != `/id-in/Clamp /id-open/sub1 {"et":"20270101T000000,000000"}` || len(far.deleted) != 0 {
		t.Errorf("changed %q, deleted %q", far.changed, far.deleted)
	}
}
