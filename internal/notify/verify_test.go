package notify

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

const (
	maker    = onem2m.ID("//m2m.example/id-in/Cmaker1")
	receiver = onem2m.ID("//m2m.example/id-in/Crecv01")
	point    = "http://192.0.2.60:8000/in"
)

func TestVerify_C274_AsksEachTargetThatIsNotTheOriginator(t *testing.T) {
	t.Parallel()
	no := func(context.Context, call) (*onem2m.Response, error) { return nil, errRefusedConnection }
	tests := []struct {
		id, name string
		targets  []string
		urls     bool
		answer   func(context.Context, call) (*onem2m.Response, error)
		asked    []string // To of the requests, sorted
		fails    bool
	}{
		{id: "C-274", name: "an entity that agrees", targets: []string{"/id-in/Crecv01"}, asked: []string{"/id-in/Crecv01"}},
		{id: "C-277", name: "the serialization is not part of To", targets: []string{"/id-in/Crecv01?ct=json"}, asked: []string{"/id-in/Crecv01"}},
		{id: "C-274", name: "an entity that refuses", targets: []string{"/id-in/Crecv01"}, answer: code(onem2m.OriginatorHasNoPrivilege), asked: []string{"/id-in/Crecv01"}, fails: true},
		{id: "C-274", name: "an answer without code", targets: []string{"/id-in/Crecv01"}, answer: code(0), asked: []string{"/id-in/Crecv01"}, fails: true},
		{id: "C-274", name: "another success than 2000", targets: []string{"/id-in/Crecv01"}, answer: code(onem2m.Created), asked: []string{"/id-in/Crecv01"}, fails: true},
		{id: "C-274", name: "no answer in time", targets: []string{"/id-in/Crecv01"}, answer: hang, asked: []string{"/id-in/Crecv01"}, fails: true},
		{id: "C-274", name: "connection refused", targets: []string{"/id-in/Crecv01"}, answer: no, asked: []string{"/id-in/Crecv01"}, fails: true},
		{id: "C-274", name: "a plain URL is not asked", targets: []string{"http://192.0.2.60:8000/in"}, answer: no},
		{id: "C-274", name: "a plain URL is asked if so set", targets: []string{urlA}, urls: true, answer: no, asked: []string{urlA}, fails: true},
		{id: "C-274", name: "a plain URL agrees with any success", targets: []string{urlA}, urls: true, answer: code(0), asked: []string{urlA}},
		{id: "C-274", name: "the originator is not asked", targets: []string{"Cmaker1", "/id-in/Cmaker1"}, answer: no},
		{id: "C-274", name: "the originator under a resource path is not asked", targets: []string{"cse-in/maker"}, answer: no},
		{id: "C-274", name: "one of two is unknown", targets: []string{"/id-in/Cnobody"}, fails: true},
		{id: "C-274", name: "a target named twice is asked once", targets: []string{"/id-in/Crecv01", "/id-in/Crecv01"}, asked: []string{"/id-in/Crecv01"}},
		{id: "C-276", name: "no new target", targets: nil},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(o *Options) { o.VerifyURLs = tt.urls })
				b.sender.answer = tt.answer
				b.directory["/id-in/Crecv01"] = Reach{ID: receiver, Points: []string{point}, Release: "3"}
				b.directory["cse-in/maker"] = Reach{ID: maker, Points: []string{point}}
				begin := time.Now()
				err := b.engine.Verify(t.Context(), "sub9", maker, maker, tt.targets)
				if d := time.Since(begin); d > DefaultVerifyTimeout {
					t.Errorf("took %v", d)
				}
				var e *onem2m.Error
				if tt.fails != (err != nil) || err != nil && (!errors.As(err, &e) || e.Code != onem2m.SubscriptionVerificationInitiationFailed || e.Subject != "nu") {
					t.Errorf("returned %v", err)
				}
				var asked []string
				for _, c := range b.sender.seen() {
					asked = append(asked, c.request.To)
				}
				slices.Sort(asked)
				if diff := cmp.Diff(tt.asked, asked); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestVerify_C274_TheRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.directory["/id-in/Crecv01"] = Reach{ID: receiver, Points: []string{point}, Release: "2a"}
	b.directory["/id-far/Cx"] = Reach{ID: "//m2m.example/id-far/Cx", Points: []string{urlB}}
	if err := b.engine.Verify(t.Context(), "sub9", maker, maker, []string{"/id-in/Crecv01"}); err != nil {
		t.Fatal(err)
	}
	if err := b.engine.Verify(t.Context(), "sub9", maker, maker, []string{"/id-far/Cx"}); err != nil {
		t.Fatal(err)
	}
	calls := b.sender.seen()
	if len(calls) != 2 {
		t.Fatalf("%d requests, want 2", len(calls))
	}
	near, far := calls[0], calls[1]
	if want := `{"m2m:sgn":{"vrq":true,"sur":"/id-in/sub9","cr":"Cmaker1"}}`; near.content != want {
		t.Errorf("content %s, want %s", near.content, want)
	}
	if want := `{"m2m:sgn":{"vrq":true,"sur":"/id-in/sub9","cr":"/id-in/Cmaker1"}}`; far.content != want {
		t.Errorf("content %s, want %s", far.content, want)
	}
	r := near.request
	if near.url != point || near.identity != receiver || r.Operation != onem2m.Notify || r.From != "/id-in" ||
		!r.HasFrom || r.RequestID == "" || r.Release != "2a" || r.RequestID == far.request.RequestID {
		t.Errorf("request %+v to %s", r, near.url)
	}
}

func TestVerify_C274_OneRefusalIsEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		var targets []string
		for _, name := range []string{"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10"} {
			targets = append(targets, name)
			b.directory[name] = Reach{ID: onem2m.ID("//m2m.example/id-in/" + name), Points: []string{point + name}}
		}
		b.sender.answer = func(ctx context.Context, c call) (*onem2m.Response, error) {
			if c.url == point+"C2" {
				return code(onem2m.OriginatorHasNoPrivilege)(ctx, c)
			}
			return hang(ctx, c)
		}
		begin := time.Now()
		if err := b.engine.Verify(t.Context(), "sub9", maker, maker, targets); err == nil {
			t.Error("verified although one refused")
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("took %v although the answer was known at once", d)
		}
	})
}
