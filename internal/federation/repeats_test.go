package federation

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestRepeats_C007_OnlyTheSameRequestOfTheSameOriginatorGetsItsIdentifierAgain(t *testing.T) {
	t.Parallel()
	note := func(edit func(*Attempt, *onem2m.Request)) (Attempt, *onem2m.Request) {
		a := Attempt{From: "//m2m.example/id-in", By: "//m2m.example/id-mn", RequestID: "r1"}
		req := &onem2m.Request{
			Operation: onem2m.Notify, To: "/id-far/Clamp", From: "/id-in", HasFrom: true, RequestID: "r1", RequestExpiration: "20260304T103002",
			Content: &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{"sur":"s"}`)},
		}
		if edit != nil {
			edit(&a, req)
		}
		return a, req
	}
	for name, tt := range map[string]struct {
		edit  func(*Attempt, *onem2m.Request)
		after onem2m.Timestamp
		want  string
	}{
		"the same": {nil, 1, "mark1.r1"},
		"the same at another time": {func(_ *Attempt, r *onem2m.Request) {
			r.RequestExpiration, r.OriginatingTimestamp = "20260304T103012", "x"
		}, 1, "mark1.r1"},
		"much later":             {nil, repeatTime, ""},
		"another identifier":     {func(a *Attempt, _ *onem2m.Request) { a.RequestID = "r2" }, 1, ""},
		"of another originator":  {func(a *Attempt, _ *onem2m.Request) { a.From = "//m2m.example/id-else" }, 1, ""},
		"brought by another CSE": {func(a *Attempt, _ *onem2m.Request) { a.By = "" }, 1, ""},
		"to another target":      {func(_ *Attempt, r *onem2m.Request) { r.To = "/id-far/Cother" }, 1, ""},
		"with other content":     {func(_ *Attempt, r *onem2m.Request) { r.Content = &onem2m.Content{Name: "m2m:sgn", Value: []byte(`{}`)} }, 1, ""},
		"of another operation":   {func(_ *Attempt, r *onem2m.Request) { r.Operation = onem2m.Delete }, 1, ""},
		"with another filter":    {func(_ *Attempt, r *onem2m.Request) { r.Filter = &onem2m.FilterCriteria{} }, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Repeats
			a, req := note(nil)
			r.Keep(a, req, "mark1.r1", 0)
			a, req = note(tt.edit)
			if got := r.Take(a, req, tt.after); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := r.Take(a, req, tt.after); got != "" {
				t.Errorf("two requests get %q", got)
			}
		})
	}
}

func TestRepeats_C007_AreBoundedAndGiveNoIdentifierTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r Repeats
		open := map[string]bool{} // identifiers that are on their way
		free := map[string]bool{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			a := Attempt{RequestID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "rqi")}
			req := &onem2m.Request{Operation: onem2m.Retrieve, To: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "to"), RequestID: a.RequestID}
			sent := r.Take(a, req, 1)
			if open[sent] || sent != "" && !free[sent] {
				t.Fatalf("%q was given away already", sent)
			}
			delete(free, sent)
			if sent == "" {
				sent = strconv.Itoa(i)
			}
			if open[sent] = true; rapid.Bool().Draw(t, "fails") {
				r.Keep(a, req, sent, 1)
				open[sent], free[sent] = false, true
			}
		}
	})
	var r Repeats
	for i := range 2 * maxRepeats {
		r.Keep(Attempt{RequestID: strconv.Itoa(i)}, &onem2m.Request{}, "x", 0)
	}
	if len(r.failed) != maxRepeats {
		t.Errorf("%d are kept", len(r.failed))
	}
}
