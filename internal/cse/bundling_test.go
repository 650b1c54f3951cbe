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
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// trio is three CSEs in a bubble of their own: /id-mn and /id-far are
// registered with /id-in.
type trio struct {
	t           *testing.T
	mn, in, far *world
	stop        func()

	mu     sync.Mutex        // guards what follows
	passed []string          // what went from one to another
	refuse onem2m.StatusCode // what /id-in answers to a CREATE of <delivery>; 0: itself
	deaf   bool              // answers to delivered requests are lost
}

// hopper carries requests of one CSE of the three to others.
type hopper struct {
	trio *trio
	self onem2m.ID
}

func (l hopper) Carry(ctx context.Context, hop federation.Hop, req *onem2m.Request) (*onem2m.Response, error) {
	s := l.trio
	to := map[onem2m.ID]*world{"//m2m.example/id-mn": s.mn, "//m2m.example/id-in": s.in, "//m2m.example/id-far": s.far}[hop.ID]
	what := req.Operation.String()
	if req.Type != nil && *req.Type == int64(onem2m.TypeDelivery) {
		o, err := onem2m.ParseObject(req.Content.Value)
		if err != nil {
			s.t.Error(err)
		}
		list, err := requestsOf(o)
		if err != nil {
			s.t.Error(err)
		}
		what = fmt.Sprintf("%d in a delivery for %s", len(list), strings.Trim(string(o.Get("tg")), `"`))
	}
	s.mu.Lock()
	s.passed = append(s.passed, fmt.Sprintf("%s to %s: %s", l.self.SPRelative(), hop.ID.SPRelative(), what))
	refuse, deaf := s.refuse, s.deaf
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	if strings.Contains(what, "delivery") && refuse != 0 && to == s.in {
		return &onem2m.Response{Code: refuse, RequestID: req.RequestID}, nil
	}
	if deaf && req.Operation == onem2m.Notify {
		return nil, errDown
	}
	read, err := wire.DecodeRequest(wire.EncodeRequest(req), wire.Limits{})
	if err != nil {
		return nil, err
	}
	a := certificate(identity.KindCSE, l.self)
	a.Upstream = l.self == "//m2m.example/id-in"
	return to.c.Handle(ctx, a, read), nil
}

func inTrio(t *testing.T, f func(t *testing.T, s *trio)) {
	t.Helper()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		s := &trio{t: t}
		open := func(dir, name string, ty Type) *world {
			id := onem2m.ID("//m2m.example/id-" + name)
			return newWorldIn(t, dir, func(o *Options) {
				o.Home = onem2m.Home{SP: "//m2m.example", CSE: "/id-" + name, Name: "cse-" + name}
				o.Type, o.Now, o.Carrier = ty, time.Now, hopper{s, id}
				if ty != IN {
					o.Registrar = "//m2m.example/id-in"
				}
			})
		}
		s.in, s.mn, s.far = open(dirs[0], "in", IN), open(dirs[1], "mn", MN), open(dirs[2], "far", MN)
		for _, w := range []*world{s.mn, s.far} {
			name := strings.TrimPrefix(w.c.Home.CSE, "/id-")
			s.in.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: w.c.Home.CSE, assoc: mn("id-" + name), body: `{"m2m:csr":{"rn":"` + name + `","csi":"` + w.c.Home.CSE + `","cb":"` + w.c.Home.CSE + `/cse-` + name + `","rr":true,"poa":["https://x.example.com"],"srv":["3"]}}`})
			err := w.c.Mirror(t.Context(), onem2m.Object{
				{Name: "csi", Value: []byte(`"/id-in"`)},
				{Name: "cb", Value: []byte(`"/id-in/cse-in"`)},
				{Name: "rr", Value: []byte("true")},
				{Name: "poa", Value: []byte(`["https://in.example.com"]`)},
				{Name: "srv", Value: []byte(`["3"]`)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []string{"Capp01", "Capp02"} {
			s.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: who, body: `{"m2m:ae":{"rn":"` + who + `","api":"Ntest","rr":false,"srv":["3"]}}`})
		}
		for _, w := range []*world{s.in, s.far} {
			home := w.c.Home.Name
			w.must(onem2m.Created, ask{op: "C1", to: home, from: "CAdmin", body: `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-mn/Capp01"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`})
			w.must(onem2m.Created, ask{op: "C3", to: home, from: "CAdmin", body: `{"m2m:cnt":{"rn":"c","acpi":["` + home + `/acp"]}}`})
		}
		s.run(t)
		f(t, s)
		s.stop()
	})
}

// run keeps the three at work, and sends the results that they tell.
func (s *trio) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, w := range []*world{s.mn, s.in, s.far} {
		running.Go(func() {
			if err := w.c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() {
			for ctx.Err() == nil {
				pause(ctx, 5*time.Millisecond)
				s.tell(ctx, w)
			}
		})
	}
	s.stop = func() {
		cancel()
		running.Wait()
	}
}

// tell sends the results of requests that a CSE has put into its outbox.
func (s *trio) tell(ctx context.Context, w *world) {
	w.mu.Lock()
	list := w.results
	w.results = nil
	w.mu.Unlock()
	for i, r := range list {
		content, err := onem2m.ParseObject([]byte(`{"m2m:rsp":` + r.response + `}`))
		if err != nil {
			s.t.Error(err)
			continue
		}
		reach, err := w.c.Reach(ctx, r.target)
		if err != nil {
			s.t.Errorf("%s: %v", r.target, err)
			continue
		}
		res, err := w.c.sendAcross(ctx, reach.ID, &onem2m.Request{
			Operation: onem2m.Notify, To: r.target, From: w.c.Home.CSE, HasFrom: true, RequestID: fmt.Sprintf("tell%d-%d", i, time.Now().UnixNano()),
			Release: "3", Content: &onem2m.Content{Name: content[0].Name, Value: content[0].Value},
		})
		if s.mu.Lock(); err != nil || !res.Code.Success() && !s.deaf {
			s.t.Errorf("%s told %s: %v %v", w.c.Home.CSE, r.target, res, err)
		}
		s.mu.Unlock()
	}
}

func (s *trio) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.passed); diff != "" {
		t.Error(diff)
	}
	s.passed = nil
}

// ask is a request of an AE of /id-mn that is to be aggregated.
func (s *trio) ask(q ask, change ...func(*onem2m.Request)) ask {
	if q.from == "" {
		q.from = "Capp01"
	}
	q.edit = func(r *onem2m.Request) {
		r.DeliveryAggregate = new(true)
		for _, f := range change {
			f(r)
		}
	}
	return q
}

// put is one that makes an instance.
func (s *trio) put(at, name string, change ...func(*onem2m.Request)) ask {
	return s.ask(ask{op: "C4", to: at, body: `{"m2m:cin":{"rn":"` + name + `","con":"` + name + `"}}`}, change...)
}

func (s *trio) together(t *testing.T, list ...ask) []*onem2m.Response {
	t.Helper()
	answers := make([]*onem2m.Response, len(list))
	var sending sync.WaitGroup
	for i, q := range list {
		sending.Go(func() { answers[i] = s.mn.do(q) })
		time.Sleep(time.Microsecond)
	}
	sending.Wait()
	return answers
}

func TestBundling_C193_RequestsTravelInADelivery(t *testing.T) {
	t.Parallel()
	t.Run("C-193 to the next CSE", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			res := s.mn.do(s.put("/id-in/cse-in/c", "i1"))
			if res.Code != onem2m.Created || !strings.Contains(text(res), `"rn":"i1"`) || res.From != "/id-in" || res.RequestID == "" {
				t.Errorf("got %d %s from %s", res.Code, text(res), res.From)
			}
			s.expect(t, "/id-mn to /id-in: 1 in a delivery for /id-in", "/id-in to /id-mn: NOTIFY")
			s.in.must(onem2m.OK, ask{op: "R", to: "cse-in/c/i1", from: "CAdmin"})
		})
	})
	t.Run("C-193 those that come meanwhile in the next, over two hops, and each gets its own answer", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			far := "/id-far/cse-far/c"
			got := s.together(t,
				s.put(far, "i1"), s.put(far, "i2"), s.put(far, "i3"),
				s.ask(ask{op: "R", to: far + "/nothing"}),
				s.ask(ask{op: "R", to: far, from: "Capp02"}),
			)
			var codes []string
			for _, res := range got {
				codes = append(codes, fmt.Sprintf("%d from %s", res.Code, res.From))
			}
			want := []string{"2001 from /id-far", "2001 from /id-far", "2001 from /id-far", "4004 from /id-far", "4103 from /id-far"}
			if diff := cmp.Diff(want, codes); diff != "" {
				t.Error(diff)
			}
			for i, name := range []string{"i1", "i2", "i3"} {
				if !strings.Contains(text(got[i]), `"rn":"`+name+`"`) {
					t.Errorf("%s: got %s", name, text(got[i]))
				}
			}
			s.mu.Lock()
			if !slices.Contains(s.passed, "/id-mn to /id-in: 4 in a delivery for /id-far") || slices.ContainsFunc(s.passed, func(p string) bool {
				return strings.HasSuffix(p, "CREATE") || strings.HasSuffix(p, "RETRIEVE")
			}) {
				t.Errorf("passed: %q", s.passed)
			}
			s.mu.Unlock()
			if s.mn.c.Handling() != 0 || s.in.c.Handling() != 0 {
				t.Error("something is left")
			}
		})
	})
	t.Run("C-193 those that the policy lets go at the same time", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			s.policy()
			plain := s.put("/id-in/cse-in/c", "i4")
			plain.edit = nil
			no := s.put("/id-in/cse-in/c", "i5", func(r *onem2m.Request) { r.DeliveryAggregate = new(false) })
			for _, res := range s.together(t, s.put("/id-in/cse-in/c", "i1"), s.put("/id-in/cse-in/c", "i2"), s.put("/id-far/cse-far/c", "i3"), plain, no) {
				if res.Code != onem2m.Created {
					t.Errorf("got %d %s", res.Code, text(res))
				}
			}
			s.mu.Lock()
			slices.Sort(s.passed)
			s.passed = slices.DeleteFunc(s.passed, func(p string) bool { return !strings.HasPrefix(p, "/id-mn") })
			s.mu.Unlock()
			s.expect(t, "/id-mn to /id-in: 1 in a delivery for /id-far", "/id-mn to /id-in: 3 in a delivery for /id-in", "/id-mn to /id-in: CREATE")
		})
	})
	t.Run("C-193 C-183 of who waits for no answer itself", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			ack := s.mn.do(s.put("/id-in/cse-in/c", "i1", func(r *onem2m.Request) { r.ResponseType = new(int64(responseNonBlockingSync)) }))
			address := uriIn(t, ack)
			silent := s.mn.do(s.put("/id-in/cse-in/c", "i2", func(r *onem2m.Request) { r.ResponseType = new(int64(responseNone)) }))
			if !silent.NoResponse {
				t.Errorf("got %+v", silent)
			}
			time.Sleep(time.Second)
			got := s.mn.must(onem2m.OK, ask{op: "R", to: address, from: "Capp01"})
			if ors := string(got.Get("ors")); string(got.Get("rs")) != "1" || !strings.Contains(ors, `"rsc":2001`) {
				t.Errorf("status %s, %s", got.Get("rs"), ors)
			}
			s.in.must(onem2m.OK, ask{op: "R", to: "cse-in/c/i2", from: "CAdmin"})
		})
	})
}

// policy gives /id-mn a policy by which requests are aggregated, and whose network
// opens in the next minute.
func (s *trio) policy() {
	make := func(ty, to, body string) {
		s.t.Helper()
		s.mn.must(onem2m.Created, ask{op: "C" + ty, to: to, from: "CAdmin", body: body})
	}
	make("14", "cse-mn", `{"m2m:nod":{"rn":"n","ni":"n1","hcl":"cse-mn"}}`)
	make("18", "cse-mn/n", `{"m2m:sch":{"rn":"odd","se":{"sce":["* 1-59/2 * * * * *"]}}}`)
	make("13", "cse-mn/n", `{"m2m:cmp":{"rn":"p","mgd":1011,"cpn":"odd","cmlk":[{"nm":"net","typ":1017,"val":"cse-mn/n/p/net"}]}}`)
	make("13", "cse-mn/n", `{"m2m:acmp":{"rn":"active","mgd":1012,"acmlk":"cse-mn/n/p"}}`)
	make("13", "cse-mn/n/p", `{"m2m:cmnr":{"rn":"net","mgd":1017,"aecs":[0],"cmlk":[{"nm":"r","typ":1018,"val":"cse-mn/n/p/net/r"}]}}`)
	make("13", "cse-mn/n/p/net", `{"m2m:cmwr":{"rn":"r","mgd":1018,"ttn":["default"],"mrv":0,"swt":0,"bop":{"bops":[{"ibt":1000,"abt":1000,"mbt":5000}]},"cmlk":{"nm":"odd","typ":1018,"val":"cse-mn/n/odd"}}}`)
	time.Sleep(time.Until(time.Now().Truncate(2 * time.Minute).Add(2*time.Minute + 55*time.Second)))
}

func TestBundling_C193_WhatGoesWrong(t *testing.T) {
	t.Parallel()
	for _, code := range []onem2m.StatusCode{onem2m.NotImplemented, onem2m.OperationNotAllowed, onem2m.BadRequest, onem2m.OriginatorHasNoPrivilege} {
		t.Run(fmt.Sprintf("C-193 a next CSE that takes no delivery gets each as it is: %d", code), func(t *testing.T) {
			inTrio(t, func(t *testing.T, s *trio) {
				s.refuse = code
				for _, name := range []string{"i1", "i2"} {
					if res := s.mn.do(s.put("/id-in/cse-in/c", name)); res.Code != onem2m.Created {
						t.Errorf("%s: got %d %s", name, res.Code, text(res))
					}
				}
				s.expect(t, "/id-mn to /id-in: 1 in a delivery for /id-in", "/id-mn to /id-in: CREATE", "/id-mn to /id-in: CREATE")
			})
		})
	}
	t.Run("C-193 it is asked again when it only has no time", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			s.refuse = onem2m.NotAcceptable
			s.mn.must(onem2m.Created, s.put("/id-in/cse-in/c", "i1"))
			s.mu.Lock()
			s.refuse = 0
			s.mu.Unlock()
			s.mn.must(onem2m.Created, s.put("/id-in/cse-in/c", "i2"))
			s.expect(t, "/id-mn to /id-in: 1 in a delivery for /id-in", "/id-mn to /id-in: CREATE", "/id-mn to /id-in: 1 in a delivery for /id-in", "/id-in to /id-mn: NOTIFY")
		})
	})
	t.Run("C-193 C-191 an answer that never comes", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			s.deaf = true
			begin := time.Now()
			s.mn.must(onem2m.RequestTimeout, s.put("/id-in/cse-in/c", "i1", expires("3000")))
			if took := time.Since(begin); took < 2900*time.Millisecond || took > 3100*time.Millisecond {
				t.Errorf("after %s", took)
			}
		})
	})
	t.Run("C-193 an answer of somebody else", func(t *testing.T) {
		inTrio(t, func(t *testing.T, s *trio) {
			forged := ask{op: "N", to: "cse-mn", body: `{"m2m:rsp":{"rsc":2000,"rqi":"x"}}`}
			forged.from = "Capp02"
			s.mn.must(onem2m.OriginatorHasNoPrivilege, forged)
			forged.from, forged.assoc = "/id-in", certificate(identity.KindCSE, "//m2m.example/id-in")
			forged.assoc.Upstream = true
			s.mn.must(onem2m.OriginatorHasNoPrivilege, forged)
			forged.body = `{"m2m:rsp":{"rqi":"x"}}`
			s.mn.must(onem2m.BadRequest, forged)
		})
	})
	t.Run("C-193 what is bundled by no one", func(t *testing.T) {
		for name, content := range map[string]string{"an answer": "m2m:rsp", "a delivery": "m2m:dlv"} {
			if bundles(&onem2m.Request{Content: &onem2m.Content{Name: content}}) {
				t.Error(name)
			}
		}
	})
}

func TestBundling_C193_TheDeliveryAsTheCatalogueHasIt(t *testing.T) {
	t.Parallel()
	inDepotWorld(t, func(t *testing.T, w *depotWorld) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/n/active", from: "CAdmin"})
		w.far.answer = func(onem2m.ID, *onem2m.Request) (*onem2m.Response, error) {
			return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: leftError{}} // it may have it
		}
		q := away(ask{op: "C4", body: `{"m2m:cin":{"con":"1"}}`}, expires("9000"), ofCategory(cmdh.Latest), func(r *onem2m.Request) {
			r.DeliveryAggregate, r.RequestID = new(true), "mine"
		})
		code := w.later(q)
		req := w.far.seen[0]
		rqi := ""
		if o, err := onem2m.ParseObject(req.Content.Value); err == nil {
			list, err := requestsOf(o)
			if err != nil || len(list) != 1 {
				t.Fatal(err)
			}
			rqi = list[0].RequestID
			o.Delete("arq")
			want := `{"et":"20000101T080009,000000","sr":"/id-in","tg":"/id-far","ls":"20000101T080009,000000","ec":4,"dmd":{"tcop":false}}`
			if got := string(o.Append(nil)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			one := list[0]
			if !strings.HasSuffix(rqi, ".mine") || one.From != "/id-in/Capp01" || *one.Type != 4 || *one.ResponseType != responseNonBlockingAsync ||
				one.NotificationURIs[0] != "/id-in/-" || one.RequestExpiration != "20000101T080009,000000" {
				t.Errorf("in it: %+v", one)
			}
		}
		if req.To != "/id-far/-" || req.From != "/id-in" || req.ResponseType != nil || *req.Type != 6 {
			t.Errorf("got %+v", req)
		}
		w.must(onem2m.OK, ask{op: "N", to: "cse-in", from: "/id-far", assoc: mn("id-far"), body: `{"m2m:rsp":{"rsc":2001,"rqi":"` + rqi + `","fr":"/id-far"}}`})
		if got := code(); got != onem2m.Created {
			t.Errorf("got %d", got)
		}
	})
}
