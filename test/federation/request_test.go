package federation

import (
	"strings"
	"testing"

	"bulwark/test/harness"
)

// ask sends a request with headers besides the usual ones.
func ask(t *testing.T, b *box, method, from, target string, ty int, body string, header map[string][]string) *harness.Answer {
	t.Helper()
	return b.plain.Send(t, harness.Request{Method: method, Target: target, From: from, Type: ty, Body: body, Header: header})
}

func TestRequests_C178_NonBlockingOnesAreForwarded(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)
	s.in.open(t, "box", "/id-mn/Cvisitor")
	sink := harness.NewSink(t)
	mn.plain.Make(t, "Cvisitor", "/cse-mn", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"]}}`)

	result := func(t *testing.T, a *harness.Answer) *harness.Answer {
		t.Helper()
		address := between(a.Body, `"m2m:uri":"`, `"`)
		if address == "" {
			t.Fatalf("no reference in %s", a)
		}
		var r *harness.Answer
		await(t, "the request is done", func() bool {
			r = mn.plain.Get(t, "Cvisitor", "/"+strings.TrimPrefix(address, "/id-mn/"))
			return r.Number("rs") == 1 || r.Number("rs") == 2
		})
		return r
	}
	t.Run("C-175 to be fetched", func(t *testing.T) {
		a := ask(t, mn, "POST", "Cvisitor", "/~/id-in/cse-in/box?rt=1", 4, `{"m2m:cin":{"con":"later"}}`, nil)
		a.Expect(t, 1001, 202)
		r := result(t, a)
		if r.Number("rs") != 1 || !strings.Contains(r.Body, `"rsc":2001`) {
			t.Errorf("got %s", r)
		}
	})
	t.Run("C-179 carried out there and refused", func(t *testing.T) {
		a := ask(t, mn, "GET", "Cvisitor", "/~/id-in/cse-in/none?rt=1", 0, "", nil)
		a.Expect(t, 1001, 202)
		if r := result(t, a); r.Number("rs") != 1 || !strings.Contains(r.Body, `"rsc":4004`) {
			t.Errorf("got %s", r)
		}
	})
	t.Run("C-183 told to the originator", func(t *testing.T) {
		a := ask(t, mn, "POST", "Cvisitor", "/~/id-in/cse-in/box?rt=2", 4, `{"m2m:cin":{"con":"told"}}`, nil)
		a.Expect(t, 1002, 202)
		got := sink.Wait(patience, harness.AtLeast(1))
		if len(got) != 1 || !strings.Contains(got[0].Body, "m2m:rsp") || !strings.Contains(got[0].Body, "told") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("C-178 a hop that can't be reached", func(t *testing.T) {
		s.in.halt()
		a := ask(t, mn, "POST", "Cvisitor", "/~/id-in/cse-in/box?rt=1", 4, `{"m2m:cin":{"con":"lost"}}`, nil)
		a.Expect(t, 1001, 202)
		if r := result(t, a); r.Number("rs") != 2 || !strings.Contains(r.Body, `"rsc":5103`) {
			t.Errorf("got %s", r)
		}
	})
}

func TestNotifications_ReachTargetsBehindOtherCSEs(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	sink := harness.NewSink(t)
	tr.asn.plain.Make(t, "CAdmin", "/cse-asn", 1, `{"m2m:acp":{"rn":"reach","pv":{"acr":[{"acor":["/id-in"],"acop":16},{"acor":["Cvisitor"],"acop":63}]},"pvs":{"acr":[{"acor":["CAdmin"],"acop":63}]}}}`)
	tr.asn.plain.Make(t, "Cvisitor", "/cse-asn", 2, `{"m2m:ae":{"rn":"visitor","api":"N.example.test","rr":true,"srv":["3"],"poa":["`+sink.URL+`"],"acpi":["cse-asn/reach"]}}`)
	tr.in.open(t, "box", "/id-asn/Cvisitor")
	tr.asn.plain.Create(t, "Cvisitor", "/~/id-in/cse-in/box", 23, `{"m2m:sub":{"rn":"watch","nu":["/id-asn/Cvisitor"],"enc":{"net":[3]}}}`).Expect(t, 2001, 201)
	tr.in.plain.Make(t, "CAdmin", "/cse-in/box", 4, `{"m2m:cin":{"con":"over two hops"}}`)
	got := sink.Wait(patience, harness.AtLeast(1))
	if len(got) != 1 || !strings.Contains(got[0].Body, "over two hops") || !strings.Contains(got[0].Body, "/id-in/") {
		t.Errorf("got %+v", got)
	}
	t.Run("C-183 the result of a request at another CSE", func(t *testing.T) {
		a := ask(t, tr.in, "GET", "/id-asn/Cvisitor", "/cse-in/box?rt=2", 0, "", nil)
		a.Expect(t, 1002, 202)
		got := sink.Wait(patience, harness.AtLeast(2))
		if len(got) != 2 || !strings.Contains(got[1].Body, "m2m:rsp") {
			t.Errorf("got %+v", got)
		}
	})
}

// between cuts the text between two marks out of another.
func between(text, before, after string) string {
	_, rest, ok := strings.Cut(text, before)
	if !ok {
		return ""
	}
	inside, _, _ := strings.Cut(rest, after)
	return inside
}
