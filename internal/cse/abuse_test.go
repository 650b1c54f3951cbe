package cse

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/internal/identity"
	"bulwark/internal/notify"
	"bulwark/onem2m"
)

// TestConditions_C063_C106_C125_TellAStrangerNothing: a condition that holds
// and one that doesn't are answered alike, or anybody could find out what a
// resource holds, letter by letter.
func TestConditions_C063_C106_C125_TellAStrangerNothing(t *testing.T) {
	t.Parallel()
	w := gardens(t)
	w.register("Cevil01", "evil")
	w.container("Capp01", "cse-in/app", "dark", `"disr":true,"acpi":["cse-in/app/open"]`)
	w.instance("Capp01", "cse-in/app/dark", "i1", "c3")
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/c3", from: "Capp01", body: `{"m2m:cnt":{"lbl":["c3"]}}`})
	for _, tt := range []struct {
		name string
		ask
		holds, fails string
		code         onem2m.StatusCode
	}{
		{"C-106 RETRIEVE", ask{op: "R", to: "cse-in/app/c3/i1", from: "Cevil01"}, "con=c*", "con=d*", 4004},
		{"C-106 RETRIEVE of latest", ask{op: "R", to: "cse-in/app/c3/la", from: "Cevil01"}, "con=c*", "con=d*", 4004},
		{"C-125 DELETE", ask{op: "D", to: "cse-in/app/c3/i1", from: "Cevil01"}, "con=c*", "con=d*", 4004},
		{"C-106 UPDATE", ask{op: "U", to: "cse-in/app/c3", from: "Cevil01", body: `{"m2m:cnt":{"mni":5}}`}, "lbl=c3", "lbl=d", 4004},
		{"A-54 UPDATE of acpi and more", ask{op: "U", to: "cse-in/app/c3", from: "Cevil01", body: `{"m2m:cnt":{"mni":5,"acpi":[]}}`}, "lbl=c3", "lbl=d", 4004},
		{"C-241 an instance that can't be retrieved", ask{op: "R", to: "cse-in/app/dark/i1", from: "Cread01"}, "con=c*", "con=d*", 4004},
		{"C-106 without conditions it is the privilege", ask{op: "R", to: "cse-in/app/c3/i1", from: "Cevil01"}, "drt=1", "drt=2", 4103},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var answers [2]string
			for i, query := range []string{tt.holds, tt.fails} {
				q := tt.ask
				q.to += "?" + query
				res := w.do(q)
				answers[i] = fmt.Sprint(res.Code, text(res))
				if res.Code != tt.code {
					t.Errorf("%s: got %s, want %d", query, answers[i], tt.code)
				}
			}
			if answers[0] != answers[1] {
				t.Errorf("got %s if the condition holds, %s if not", answers[0], answers[1])
			}
		})
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in/app/c3/i1?con=c*", from: "Capp01"})
}

// TestFanOut_C348_DoesNotMultiply: members below the group's own fanOutPoint are
// other targets to gid at each level.
func TestFanOut_C348_DoesNotMultiply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.group("Capp01", "cse-in/app", "g", `"mid":[]`)
	var mid []string
	for i := range 7 {
		mid = append(mid, fmt.Sprintf(`"cse-in/app/g/fopt/a%d"`, i))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/g", from: "Capp01", body: `{"m2m:grp":{"mid":[` + strings.Join(mid, ",") + `]}}`})
	res := w.do(ask{op: "R", to: "cse-in/app/g/fopt", from: "Capp01", edit: func(r *onem2m.Request) { r.RequestExpiration = "600000" }})
	if n := strings.Count(text(res), `"rsc":`); res.Code != onem2m.OK || n > maxSpread || !strings.Contains(text(res), "spreads to more than") {
		t.Errorf("got %d with %d answers, want %d at most and a refusal of the rest", res.Code, n, maxSpread)
	}
}

func TestFanOut_C350_AnswersAreBounded(t *testing.T) {
	t.Parallel()
	var s spread
	answer := func() *onem2m.Response {
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:cnt", Value: make([]byte, maxGathered/2)}}
	}
	for i, want := range []bool{true, true, false} {
		res := s.gather(answer())
		if got := res.Content != nil; got != want || got == (res.ContentStatus == 1) || res.Code != onem2m.OK {
			t.Errorf("answer %d: content %t, cnst %d", i, got, res.ContentStatus)
		}
	}
}

func TestRetrieve_C139_CutsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	const each = 1_000_000
	for i := range 18 {
		w.instance("Capp01", "cse-in/app/c1", fmt.Sprintf("i%d", i), strings.Repeat("x", each))
	}
	seen, offset := 0, 1
	for range 3 {
		res := w.do(ask{op: "R", to: fmt.Sprintf("cse-in/app/c1?rcn=8&ofst=%d", offset), from: "Capp01"})
		if n := len(res.Content.Value); n > maxOctets+2*each {
			t.Errorf("got %d octets", n)
		}
		seen += strings.Count(string(res.Content.Value), `"con":`)
		if res.ContentStatus != 1 {
			break
		}
		offset = res.ContentOffset
	}
	if seen != 18 || offset == 1 {
		t.Errorf("got %d instances, the last page from %d", seen, offset)
	}
}

// TestRegistration_S086_ClaimsTakeNothing: who only says who it is takes no
// place of the one it claims to be, and nobody is told that this one did it.
func TestRegistration_S086_ClaimsTakeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Limits.Backlog, o.Limits.Pending = 8, 1 })
	w.register("Capp01", "app")
	none := &identity.Association{Framework: "none", Binding: "http"}
	claim := ask{op: "C2", to: "cse-in?rt=1", from: "Capp01", assoc: none, body: `{"m2m:ae":{"api":"N","rr":false,"srv":["3"]}}`}
	for range 3 {
		w.must(onem2m.BadRequest, claim)
	}
	w.must(onem2m.AcceptedForNonBlockingRequestSynch, ask{op: "R", to: "cse-in/app?rt=1", from: "Capp01"})

	w.must(onem2m.Created, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: `{"m2m:sub":{"nu":["Capp01"],"enc":{"om":[{"ops":1}]}}}`})
	before := len(w.events)
	claim.to = "cse-in/app"
	w.must(onem2m.InvalidChildResourceType, claim)
	for _, ev := range w.events[before:] {
		if ev.Type == notify.Operation {
			t.Errorf("an attempt by %s was told", ev.Originator)
		}
	}
}

func TestSubscription_C270_ThereAreNotTooMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "c1", "")
	sub := ask{op: "C23", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:sub":{"nu":["Capp01"]}}`}
	for range maxSubscriptions {
		w.must(onem2m.Created, sub)
	}
	w.must(onem2m.NotAcceptable, sub)
	nu := strings.TrimSuffix(strings.Repeat(`"Capp01",`, 201), ",")
	w.must(onem2m.BadRequest, ask{op: "C23", to: "cse-in/app", from: "Capp01", body: `{"m2m:sub":{"nu":[` + nu + `]}}`})
}

func TestRequest_A49_SubscribersOfTheBaseSeeNoContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.run()
	address := w.nonblocking(1001, ask{op: "C3", to: "cse-in/app?rt=1", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","lbl":["secret"]}}`})
	w.outcome(address, "Capp01")
	w.must(onem2m.Deleted, ask{op: "D", to: address, from: "Capp01"})
	told := 0
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		if ev.Child == nil || ev.Child.Type != onem2m.TypeRequest {
			continue
		}
		told++
		if strings.Contains(string(ev.Child.Attributes), "secret") {
			t.Errorf("event %d: %s", ev.Type, ev.Child.Attributes)
		}
	}
	if told != 2 {
		t.Errorf("told of %d events, want creation and deletion", told)
	}
}

// TestRequest_S118_ThrownOutMeanwhile: who isn't registered any more does
// nothing, whatever was accepted before.
func TestRequest_S118_ThrownOutMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Chost01", "host")
	w.policy("Chost01", "cse-in/host", "open", `{"acor":["all"],"acop":63}`)
	w.container("Chost01", "cse-in/host", "c1", `"acpi":["cse-in/host/open"]`)
	app := certificate(identity.KindAE, "//m2m.example/id-in/Cevil01")
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Cevil01", assoc: app, body: `{"m2m:ae":{"rn":"evil","api":"N","rr":false,"srv":["3"]}}`})
	address := w.nonblocking(1001, ask{op: "C4", to: "cse-in/host/c1?rt=1", from: "Cevil01", assoc: app, body: `{"m2m:cin":{"rn":"i1","con":"x"}}`})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/evil", from: "CAdmin"})
	w.run()
	if got := rsc(w.outcome(address, "CAdmin")); got != int64(onem2m.OriginatorNotAuthenticated) {
		t.Errorf("got %d, want 4106", got)
	}
	w.must(onem2m.NotFound, ask{op: "R", to: "cse-in/host/c1/i1", from: "Chost01"})
}
