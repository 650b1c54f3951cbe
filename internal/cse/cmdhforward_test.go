package cse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/cmdh"
	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// courier is the way to other CSEs that notes when what left.
type courier struct {
	mu     sync.Mutex // guards what follows
	begin  time.Time
	left   []string
	seen   []*onem2m.Request
	answer func(hop onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) // nil: 2000
}

func (c *courier) Carry(_ context.Context, hop federation.Hop, req *onem2m.Request) (*onem2m.Response, error) {
	c.mu.Lock()
	c.left = append(c.left, fmt.Sprintf("%gs %s to %s", time.Since(c.begin).Seconds(), req.Operation, hop.ID.SPRelative()))
	c.seen = append(c.seen, req)
	answer := c.answer
	c.mu.Unlock()
	if answer != nil {
		return answer(hop.ID, req)
	}
	return &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, From: hop.ID.SPRelative()}, nil
}

// gone forgets and returns what has left.
func (c *courier) gone() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.left
	c.left, c.seen = nil, nil
	return list
}

// depotWorld is a CSE with a CMDH policy and two neighbours, that runs in a bubble
// of its own from eight in the morning on, when its network opens.
type depotWorld struct {
	*world
	dir   string
	far   *courier
	fates map[cmdh.Fate]int
	stop  func()
}

func inDepotWorld(t *testing.T, f func(t *testing.T, w *depotWorld)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &depotWorld{dir: dir, far: &courier{}, fates: map[cmdh.Fate]int{}}
		w.world = newWorldIn(t, dir, w.options)
		w.provision()
		w.register("Capp01", "app")
		w.register("Capp02", "app2")
		for _, id := range []string{"id-far", "id-sat"} {
			w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/" + id, assoc: mn(id), body: `{"m2m:csr":{"rn":"` + id + `","csi":"/` + id + `","cb":"/` + id + `/cse","rr":true,"poa":["https://far.example.com"],"srv":["3"]}}`})
		}
		time.Sleep(8 * time.Hour)
		w.far.begin = time.Now()
		w.run(t)
		f(t, w)
		w.stop()
	})
}

func (w *depotWorld) options(o *Options) {
	o.Now, o.Carrier = time.Now, w.far
	o.Networks = map[onem2m.ID]string{"//m2m.example/id-sat": "sat"}
	o.Handled = func(f cmdh.Fate) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fates[f]++
	}
}

func (w *depotWorld) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w.stop = func() {
		cancel()
		running.Wait()
	}
}

// change updates a part of the policy.
func (w *depotWorld) change(part, body string) {
	w.t.Helper()
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/n/" + part, from: "CAdmin", body: body})
}

// later sends a request and returns what its answer is going to be.
func (w *depotWorld) later(q ask) func() onem2m.StatusCode {
	w.t.Helper()
	var res *onem2m.Response
	var sending sync.WaitGroup
	sending.Go(func() { res = w.do(q) })
	time.Sleep(time.Millisecond)
	synctest.Wait()
	return func() onem2m.StatusCode {
		sending.Wait()
		return res.Code
	}
}

func (w *depotWorld) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.far.gone()); diff != "" {
		t.Error(diff)
	}
}

// away is a request of an AE to another CSE.
func away(q ask, change ...func(*onem2m.Request)) ask {
	if q.to == "" {
		q.to = "/id-far/cse/x"
	}
	if q.op == "" {
		q.op = "R"
	}
	if q.from == "" {
		q.from = "Capp01"
	}
	q.edit = func(r *onem2m.Request) {
		for _, f := range change {
			f(r)
		}
	}
	return q
}

func ofCategory(n int64) func(*onem2m.Request) {
	return func(r *onem2m.Request) { r.EventCategory = &n }
}

func expires(text string) func(*onem2m.Request) {
	return func(r *onem2m.Request) { r.RequestExpiration = text }
}

// closed lets the network open in a minute.
const closed = `{"m2m:sch":{"se":{"sce":["* 1-59 * * * * *"]}}}`

func (w *depotWorld) closeNetwork() { w.change("day", closed) }

var errDown = onem2m.Errorf(onem2m.TargetNotReachable, "", "down")

func TestCMDH_C190_RequestsWaitForANetwork(t *testing.T) {
	t.Parallel()
	inDepotWorld(t, func(t *testing.T, w *depotWorld) {
		w.must(onem2m.OK, away(ask{}))
		if r := w.far.seen[0]; *r.EventCategory != 100 || r.RequestExpiration != "20000101T090000,000000" {
			t.Errorf("C-188: %+v went on", r)
		}
		w.expect(t, "0s RETRIEVE to /id-far")
		w.closeNetwork()
		first := w.later(away(ask{}))
		second := w.later(away(ask{to: "/id-sat/cse/x"}))
		w.must(onem2m.BadRequest, away(ask{}, expires("30000"))) // C-189: too late then
		if first() != onem2m.OK || second() != onem2m.OK {
			t.Error("C-190: refused")
		}
		got := w.far.gone()
		slices.Sort(got)
		if diff := cmp.Diff([]string{"60s RETRIEVE to /id-far", "60s RETRIEVE to /id-sat"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCMDH_C190_AChangeOfThePolicyCountsAtOnceForWhatWaits(t *testing.T) {
	t.Parallel()
	always := `{"m2m:sch":{"se":{"sce":["* * * * * * *"]}}}`
	for name, open := range map[string]func(w *depotWorld){
		"the schedule of a network": func(w *depotWorld) { w.change("day", always) },
		"the rules": func(w *depotWorld) {
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n/p/net", from: "CAdmin"})
		},
		"no policy at all": func(w *depotWorld) {
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n/active", from: "CAdmin"})
		},
	} {
		t.Run("C-190 "+name, func(t *testing.T) {
			inDepotWorld(t, func(t *testing.T, w *depotWorld) {
				w.closeNetwork()
				waits := w.later(away(ask{}))
				time.Sleep(2 * time.Second)
				open(w)
				if waits() != onem2m.OK {
					t.Error("refused")
				}
				w.expect(t, "2.001s RETRIEVE to /id-far")
			})
		})
	}
}

func TestCMDH_C190_TheNetworkToACSEIsTheOperatorsToName(t *testing.T) {
	t.Parallel()
	inDepotWorld(t, func(t *testing.T, w *depotWorld) {
		w.change("p/net/r", `{"m2m:cmwr":{"ttn":["cell"]}}`)
		w.must(onem2m.OK, away(ask{}))
		w.must(onem2m.RequestTimeout, away(ask{to: "/id-sat/cse/x"}, expires("5000")))
		w.expect(t, "0s RETRIEVE to /id-far")
	})
}

func TestCMDH_C190_TheNextCSEIsTriedAgain(t *testing.T) {
	t.Parallel()
	t.Run("C-190 H.2.5 until it is reached", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			tries := 0
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) {
				if tries++; tries < 4 {
					return nil, errDown
				}
				return &onem2m.Response{Code: onem2m.OK}, nil
			}
			w.must(onem2m.OK, away(ask{}))
			w.expect(t, "0s RETRIEVE to /id-far", "1s RETRIEVE to /id-far", "3s RETRIEVE to /id-far", "6s RETRIEVE to /id-far")
			if w.fates[cmdh.Sent] != 1 || w.c.Handling() != 0 {
				t.Errorf("%v", w.fates)
			}
		})
	})
	t.Run("C-190 C-191 or the request has expired", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) { return nil, errDown }
			w.must(onem2m.RequestTimeout, away(ask{}, expires("2500")))
			w.expect(t, "0s RETRIEVE to /id-far", "1s RETRIEVE to /id-far")
		})
	})
	t.Run("C-190 not if it may have got the request", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) {
				return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Cause: leftError{}}
			}
			w.must(onem2m.TargetNotReachable, away(ask{}))
			w.expect(t, "0s RETRIEVE to /id-far")
		})
	})
	t.Run("C-007 C-190 and what is repeated then goes under the identifier that it had", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) {
				return nil, &onem2m.Error{Code: onem2m.TargetNotReachable, Cause: leftError{}}
			}
			create := away(ask{op: "C4", body: `{"m2m:cin":{"con":"1"}}`}, func(r *onem2m.Request) { r.RequestID = "r1" })
			w.must(onem2m.TargetNotReachable, create)
			time.Sleep(time.Second)
			w.must(onem2m.TargetNotReachable, create)
			w.far.answer = nil
			w.must(onem2m.OK, create)
			w.must(onem2m.OK, create)
			var used []string
			for _, req := range w.far.seen {
				used = append(used, req.RequestID)
			}
			if len(used) != 4 || used[1] != used[0] || used[2] != used[0] || used[3] == used[0] {
				t.Errorf("sent as %q", used)
			}
		})
	})
	t.Run("C-190 without a policy at once or never", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n/active", from: "CAdmin"})
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) { return nil, errDown }
			w.must(onem2m.TargetNotReachable, away(ask{}))
			w.expect(t, "0s RETRIEVE to /id-far")
			if len(w.fates) != 0 {
				t.Errorf("C-187: it was held: %v", w.fates)
			}
		})
	})
}

// leftError is that of a request that may have arrived.
type leftError struct{}

func (leftError) Error() string { return "connection lost" }
func (leftError) Sent() bool    { return true }

func TestCMDH_C190_C191_WhoGivesWayIsToldSo(t *testing.T) {
	t.Parallel()
	inDepotWorld(t, func(t *testing.T, w *depotWorld) {
		w.change("p/lim", `{"m2m:cml":{"lec":[2,3,4,100]}}`)
		w.change("p/buf", `{"m2m:cmbf":{"mbfs":3000}}`)
		w.closeNetwork()
		old := w.later(away(ask{}, ofCategory(4)))
		other := w.later(away(ask{from: "Capp02"}, ofCategory(4)))
		update := w.later(away(ask{op: "D"}, ofCategory(4)))
		young := w.later(away(ask{}, ofCategory(4)))
		if old() != onem2m.Conflict {
			t.Errorf("C-190: the older one got %d", old())
		}
		note := func(from, sur, to string) ask {
			return away(ask{op: "N", from: from, to: to, body: `{"m2m:sgn":{"sur":"` + sur + `","nev":{"rep":{},"net":1}}}`}, ofCategory(4))
		}
		s1 := w.later(note("Capp01", "cse-in/s1", "/id-far/Cx"))
		s2 := w.later(note("Capp01", "cse-in/s2", "/id-far/Cx"))
		hers := w.later(note("Capp02", "cse-in/s1", "/id-far/Cx"))
		again := w.later(note("Capp01", "cse-in/s1", "/id-far/Cy"))
		if s1() != onem2m.Conflict {
			t.Errorf("C-190: the older notification got %d", s1())
		}
		w.must(onem2m.OK, away(ask{}, ofCategory(cmdh.Immediate)))
		w.expect(t, "0.008s RETRIEVE to /id-far")
		w.must(onem2m.BadRequest, away(ask{op: "C4", body: `{"m2m:cin":{"con":"` + strings.Repeat("x", 3000) + `"}}`}))
		for i, code := range []func() onem2m.StatusCode{other, update, young, s2, hers, again} {
			if got := code(); got != onem2m.OK {
				t.Errorf("%d got %d", i, got)
			}
		}
		if w.fates[cmdh.Replaced] != 2 || w.fates[cmdh.Full] != 1 || w.fates[cmdh.Sent] != 7 {
			t.Errorf("%v", w.fates)
		}
	})
}

func TestCMDH_C190_NonBlockingRequestsWaitInTheDepot(t *testing.T) {
	t.Parallel()
	request := func(op string) ask {
		return away(ask{op: op}, func(r *onem2m.Request) { r.ResponseType = new(int64(responseNonBlockingSync)) })
	}
	t.Run("C-181 C-190 and can be recalled", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.closeNetwork()
			ack := w.do(request("D"))
			address := uriIn(t, ack)
			time.Sleep(time.Second)
			if w.c.Handling() != 1 {
				t.Error("it doesn't wait in the depot")
			}
			w.must(onem2m.Deleted, ask{op: "D", to: address, from: "Capp01"})
			time.Sleep(time.Second)
			if w.c.Handling() != 0 {
				t.Error("C-181: it still waits")
			}
			time.Sleep(2 * time.Minute)
			w.expect(t)
		})
	})
	t.Run("C-190 also after a restart, and what isn't reached is no loss", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) { return nil, errDown }
			address := uriIn(t, w.do(request("D")))
			time.Sleep(5 * time.Second) // between two attempts
			if rs := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"}); string(rs.Get("rs")) != "3" {
				t.Errorf("C-178: status %s", rs.Get("rs"))
			}
			w.far.gone()
			w.stop()
			w.far.mu.Lock()
			w.far.answer = nil
			w.far.mu.Unlock()
			w.restart(w.dir, w.options)
			w.run(t)
			time.Sleep(time.Second)
			w.expect(t, "5s DELETE to /id-far")
			if rs := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"}); string(rs.Get("rs")) != "1" {
				t.Errorf("C-178: status %s", rs.Get("rs"))
			}
		})
	})
	t.Run("C-191 its end is told", func(t *testing.T) {
		inDepotWorld(t, func(t *testing.T, w *depotWorld) {
			w.change("p/net/r", `{"m2m:cmwr":{"mrv":100000}}`)
			q := request("R")
			edit := q.edit
			q.edit = func(r *onem2m.Request) {
				edit(r)
				r.RequestExpiration = "2000"
			}
			address := uriIn(t, w.do(q))
			time.Sleep(3 * time.Second)
			got := w.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"})
			if ors := string(got.Get("ors")); string(got.Get("rs")) != "2" || !strings.Contains(ors, `"rsc":4008`) {
				t.Errorf("C-179: status %s, %s", got.Get("rs"), ors)
			}
			w.expect(t)
		})
	})
}

// uriIn is the address of the <request> in an acknowledgement.
func uriIn(t *testing.T, ack *onem2m.Response) string {
	t.Helper()
	if ack.Code != onem2m.AcceptedForNonBlockingRequestSynch {
		t.Fatalf("got %d %s", ack.Code, text(ack))
	}
	address, _ := onem2m.TextOf(ack.Content.Value)
	return address
}
