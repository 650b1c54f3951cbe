package cse

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"bulwark/onem2m"
)

// tieable is another CSE with one subscription, that of an entity there.
type tieable struct {
	mu      sync.Mutex // guards what follows
	w       *world
	attrs   onem2m.Object
	root    string
	refuse  onem2m.StatusCode // of UPDATE
	away    bool
	asked   []string
	verdict onem2m.StatusCode // what this CSE has answered to the verification
}

func (f *tieable) Answer(_ context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.Join([]string{req.Operation.String(), req.From, req.To}, " "))
	answer := func(code onem2m.StatusCode) (*onem2m.Response, error) {
		return &onem2m.Response{Code: code, From: "/id-open", Content: &onem2m.Content{Name: f.root, Value: f.attrs.Append(nil)}}, nil
	}
	switch {
	case f.away:
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody")
	case req.To != "/id-open/cse/box/sub" && req.To != "/id-open/sub1":
		return &onem2m.Response{Code: onem2m.NotFound, From: "/id-open"}, nil
	case req.Operation == onem2m.Retrieve:
		return answer(onem2m.OK)
	case req.Operation != onem2m.Update:
		return &onem2m.Response{Code: onem2m.OperationNotAllowed, From: "/id-open"}, nil
	case f.refuse != 0:
		return &onem2m.Response{Code: f.refuse, From: "/id-open"}, nil
	}
	change, err := onem2m.ParseObject(req.Content.Value)
	if err != nil {
		return nil, err
	}
	added, _ := change.Texts("nu")
	if had, _ := f.attrs.Texts("nu"); len(added) > len(had) {
		f.verdict = f.w.do(ask{op: "N", to: added[len(added)-1], from: "/id-open", body: `{"m2m:sgn":{"vrq":true,"sur":"/id-open/sub1","cr":"/id-open/Cthere"}}`}).Code
		if f.verdict != onem2m.OK {
			return &onem2m.Response{Code: onem2m.SubscriptionVerificationInitiationFailed}, nil
		}
	}
	f.attrs = f.attrs.Clone()
	for _, m := range change {
		if string(m.Value) == "null" {
			f.attrs.Delete(m.Name)
		} else {
			f.attrs.Set(m.Name, m.Value)
		}
	}
	return answer(onem2m.Updated)
}

func (f *tieable) holds() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.attrs.Append(nil))
}

const untied = `{"ri":"sub1","nu":["/id-open/Cthere"],"enc":{"net":[1]}}`

func tieWorld(t *testing.T) (*world, *tieable) {
	t.Helper()
	w, c := crossroads(t)
	o, err := onem2m.ParseObject([]byte(untied))
	if err != nil {
		t.Fatal(err)
	}
	far := &tieable{w: w, root: "m2m:sub", attrs: o}
	c.answer = far.Answer
	w.container("Clamp", "cse-in/lamp", "near", "")
	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/lamp/near", from: "Clamp", body: `{"m2m:sub":{"rn":"s","nu":["Clamp"],"enc":{"net":[3]}}}`})
	return w, far
}

const tied = `"rn":"x","nu":["Clamp"],"tws":"PT4S","twt":2,"srat":["/id-open/cse/box/sub","cse-in/lamp/near/s","/id-open/sub1"]`

func TestCross_C319_SubscriptionsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w, far := tieWorld(t)
	o := w.must(onem2m.Created, ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(tied)})
	ri, _ := o.Text("ri")
	self := "/id-in/" + ri
	if got := far.holds(); !strings.Contains(got, `"nu":["/id-open/Cthere","`+self+`"]`) || !strings.Contains(got, `"acrs":["`+self+`"]`) {
		t.Fatalf("it holds %s", got)
	}
	for _, one := range far.asked {
		if !strings.Contains(one, " /id-in/Clamp ") {
			t.Errorf("not on behalf of the originator: %s", one)
		}
	}
	tell := func(from, sur string) {
		t.Helper()
		w.do(ask{op: "N", to: self, from: from, body: `{"m2m:sgn":{"sur":"` + sur + `"}}`})
	}
	tell("/id-open", "/id-open/sub1")
	near := w.must(onem2m.OK, ask{op: "R", to: "cse-in/lamp/near/s", from: "Clamp"})
	sub, _ := near.Text("ri")
	if code := w.notice(o, "/id-in/"+sub, ""); code != onem2m.OK || len(w.crossed) != 1 {
		t.Errorf("C-322 both have told: %d, %v", code, w.crossed)
	}
	w.advance(w.c.Timing.RequestExpiration * 2)
	if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 || !strings.Contains(far.holds(), self) {
		t.Fatalf("C-320 it is undone although it was stored: %v %v %s", at, err, far.holds())
	}
	t.Run("C-327 the end", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/lamp/x", from: "Clamp"})
		far.away = true
		if _, err := w.c.PayDebts(t.Context()); err != nil {
			t.Fatal(err)
		}
		far.away = false
		w.advance(debtPause)
		if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 {
			t.Fatal(at, err)
		}
		if got := far.holds(); got != untied {
			t.Errorf("it holds %s", got)
		}
	})
	t.Run("C-328 what its CSE tells then is for nobody", func(t *testing.T) {
		w.must(onem2m.OK, ask{op: "N", to: self, from: "/id-open", body: `{"m2m:sgn":{"sur":"/id-open/sub1","sud":true}}`})
	})
}

func TestCross_C320_SubscriptionsOfOtherCSEsAreLeftAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(*world, *tieable)
		srat  string
		code  onem2m.StatusCode
	}{
		"C-320 it may not be changed": {func(_ *world, far *tieable) { far.refuse = onem2m.OriginatorHasNoPrivilege }, "", onem2m.CrossResourceOperationFailure},
		"C-320 its CSE is away":       {func(_ *world, far *tieable) { far.away = true }, "", onem2m.CrossResourceOperationFailure},
		"C-320 there is none":         {nil, `["/id-open/cse/none"]`, onem2m.CrossResourceOperationFailure},
		"C-320 another target fails":  {nil, `["/id-open/cse/box/sub","/id-open/cse/none"]`, onem2m.CrossResourceOperationFailure},
		"C-321 it is no subscription": {func(_ *world, far *tieable) { far.root = "m2m:cnt" }, "", onem2m.BadRequest},
		"C-314 a blocking one": {func(_ *world, far *tieable) {
			far.attrs.Set("enc", []byte(`{"net":[7]}`))
		}, "", onem2m.CrossResourceOperationFailure},
		"C-274 the notification target refuses": {func(w *world, _ *tieable) {
			w.refuse = onem2m.Errorf(onem2m.SubscriptionVerificationInitiationFailed, "nu", "no")
		}, "", onem2m.SubscriptionVerificationInitiationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, far := tieWorld(t)
			if tt.spoil != nil {
				tt.spoil(w, far)
			}
			before := far.holds()
			body := tied
			if tt.srat != "" {
				body = strings.Replace(tied, `["/id-open/cse/box/sub","cse-in/lamp/near/s","/id-open/sub1"]`, tt.srat, 1)
			}
			if res := w.do(ask{op: "C48", to: "cse-in/lamp", from: "Clamp", body: crs(body)}); res.Code != tt.code {
				t.Fatalf("%d %s", res.Code, text(res))
			}
			far.away = false
			w.advance(w.c.Timing.RequestExpiration * 2)
			if at, err := w.c.PayDebts(t.Context()); err != nil || at != 0 {
				t.Fatal(at, err)
			}
			if got := far.holds(); got != before {
				t.Errorf("it holds %s", got)
			}
			if slices.ContainsFunc(far.asked, func(one string) bool { return strings.HasPrefix(one, "DELETE") }) {
				t.Error("a subscription of somebody else was to be deleted")
			}
		})
	}
}
