package cse

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/federation"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

const notification = `{"m2m:sgn":{"sur":"/id-far/sub1","nev":{"net":1,"rep":{"m2m:cnt":{}}}}}`

func TestNotify_RetargetsToTheAE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cdeaf01", "deaf")
	w.register("Cother1", "other")
	w.policy("Cother1", "cse-in/other", "notify", `{"acor":["Csend01"],"acop":16}`)
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":true,"poa":["http://192.0.2.1/"],"srv":["2a"],"acpi":["cse-in/other/notify"]}}`})
	w.answer = &onem2m.Response{Code: onem2m.OK}
	w.follow(t, []step{
		{name: "C-129 no content", ask: ask{op: "N", to: "cse-in/app", from: "Csend01"}, code: 4000},
		{name: "C-129 another root element", ask: ask{op: "N", to: "cse-in/app", from: "Csend01", body: `{"m2m:cnt":{}}`}, code: 4000},
		{name: "C-130 A-77 no NOTIFY privilege", ask: ask{op: "N", to: "cse-in/app", from: "Cother1", body: notification}, code: 4103},
		{name: "C-083 A-77 delivered", ask: ask{op: "N", to: "cse-in/app", from: "Csend01", body: notification}, code: 2000},
		{name: "C-083 by AE-ID", ask: ask{op: "N", to: "/id-in/Capp01", from: "Csend01", body: notification}, code: 2000},
		{name: "C-077 C-083 an AE without point of access", ask: ask{op: "N", to: "cse-in/deaf", from: "Cdeaf01", body: notification}, code: 5103},
		{name: "C-084 the CSE itself", ask: ask{op: "N", to: "cse-in", from: "CAdmin", body: notification}, code: 4000},
		{name: "C-130 the CSE itself, without privilege", ask: ask{op: "N", to: "cse-in", from: "Capp01", body: notification}, code: 4103},
		{name: "C-086 a policy takes none", ask: ask{op: "N", to: "cse-in/other/notify", from: "Cother1", body: notification}, code: 4005},
		{name: "C-169 filter criteria", ask: ask{op: "N", to: "cse-in/app?lbl=x", from: "Csend01", body: notification}, code: 4000},
		{name: "C-035 result content", ask: ask{op: "N", to: "cse-in/app?rcn=1", from: "Csend01", body: notification}, code: 4000},
	})
	if len(w.sent) != 2 || w.sent[0].To != "/id-in/Capp01" || w.sent[0].From != "/id-in/Csend01" || w.sent[0].Release != "2a" {
		t.Errorf("C-051 C-083: sent %+v", w.sent)
	}
	w.answer = nil
	w.must(onem2m.TargetNotReachable, ask{op: "N", to: "cse-in/app", from: "Csend01", body: notification})
	w.answer = &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: "cse-in/app", from: "Csend01", body: notification})
}

func TestNotify_B43_C083_AnAEThatAnswersWithoutACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":true,"srv":["3"],"poa":["http://192.0.2.1/"]}}`})
	w.answer = &onem2m.Response{}
	note := ask{op: "N", to: "cse-in/app", from: "Capp01", body: `{"m2m:sgn":{"sur":"cse-in/sub"}}`}
	w.must(onem2m.TargetNotReachable, note)
	note.edit = func(r *onem2m.Request) { r.ResponseType = new(int64(responseNone)) }
	w.must(onem2m.OK, note)
}

func TestReach_FindsOnlyAEsWithAPointOfAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cdeaf01", "deaf")
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":true,"poa":["http://192.0.2.1/","http://192.0.2.2/"],"srv":["2a","4"]}}`})
	for _, target := range []string{"cse-in/app", "Capp01", "/id-in/Capp01", "//m2m.example/id-in/cse-in/app"} {
		reach, err := w.c.Reach(t.Context(), target)
		if err != nil || len(reach.Points) != 2 || reach.ID != "//m2m.example/id-in/Capp01" || reach.Release != "2a" {
			t.Errorf("C-051 C-077 %s: got %+v, %v", target, reach, err)
		}
	}
	for _, target := range []string{"cse-in/deaf", "cse-in", "/id-far/Cx", "cse-in/nothing", "", "a//b"} {
		if reach, err := w.c.Reach(t.Context(), target); err == nil {
			t.Errorf("C-077 %s: got %+v", target, reach)
		}
	}
}

func TestReach_B96_C374_AnOpenConnectionGoesBeforePointsOfAccessAndAfterAChannel(t *testing.T) {
	t.Parallel()
	open := map[onem2m.ID]bool{}
	since := map[onem2m.ID]onem2m.Timestamp{} // that the connection was asked for
	w := newWorld(t, func(o *Options) {
		o.Connected = func(id onem2m.ID, kind identity.Kind, credential string, at onem2m.Timestamp) bool {
			since[id] = at
			return open[id] && kind == identity.KindAE && credential == ""
		}
	})
	w.register("Cdeaf01", "deaf")
	w.must(onem2m.Created, ask{op: "C2", to: "-", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"N","rr":true,"poa":["http://192.0.2.1/"],"srv":["3"]}}`})
	const socket = "socket"
	for _, tt := range []struct {
		name, target string
		open         bool
		want         []string
	}{
		{"B-96 without a connection", "cse-in/deaf", false, nil},
		{"B-96 an AE that can't be called", "cse-in/deaf", true, []string{socket}},
		{"B-96 one that can", "cse-in/app", true, []string{socket, "http://192.0.2.1/"}},
		{"B-96 one that can, without", "cse-in/app", false, []string{"http://192.0.2.1/"}},
	} {
		open["//m2m.example/id-in/Cdeaf01"], open["//m2m.example/id-in/Capp01"] = tt.open, tt.open
		reach, err := w.c.Reach(t.Context(), tt.target)
		ct := w.must(onem2m.OK, ask{op: "R", to: tt.target, from: "CAdmin"}).Get("ct")
		if at, found := since[reach.ID]; found && string(ct) != `"`+at.String()+`"` {
			t.Errorf("%s: the connection has to be from %s, the AE is from %s", tt.name, at, ct)
		}
		for i, point := range reach.Points {
			if point == federation.SocketOf("", since[reach.ID]) {
				reach.Points[i] = socket
			}
		}
		if diff := cmp.Diff(tt.want, reach.Points); diff != "" {
			t.Errorf("%s: %v %s", tt.name, err, diff)
		}
	}
	open["//m2m.example/id-in/Capp01"] = true
	w.must(onem2m.Created, ask{op: "C15", to: "cse-in/app", from: "Capp01", body: `{"m2m:pch":{"rn":"pch"}}`})
	reach, err := w.c.Reach(t.Context(), "cse-in/app")
	if err != nil || len(reach.Points) != 1 || !strings.HasPrefix(reach.Points[0], pollScheme) {
		t.Errorf("C-374: %+v, %v", reach, err)
	}
}

func TestNotify_C275_A78_TheVerificationOfAnotherCSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: `{"m2m:ae":{"rn":"app","api":"Ntest","rr":true,"srv":["3"],"poa":["http://192.0.2.1/"]}}`})
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["/id-far","/id-far/Cgood"],"acop":16},{"acor":["Capp01"],"acop":63}`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"acpi":["cse-in/app/p"]}}`})
	w.answer = &onem2m.Response{Code: onem2m.OK}
	for _, tt := range []struct {
		name, from, cr string
		code           onem2m.StatusCode
	}{
		{"C-275 both may", "/id-far", "/id-far/Cgood", 2000},
		{"C-275 the AE's own", "/id-far", "/id-in/Capp01", 2000},
		{"C-275 the creator may not", "/id-far", "/id-far/Cbad", 4101},
		{"C-275 the creator is nobody", "/id-far", "//", 4101},
		{"C-275 the host may not", "/id-other", "/id-far/Cgood", 5205},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.must(tt.code, ask{op: "N", to: "cse-in/app", from: tt.from, body: `{"m2m:sgn":{"vrq":true,"sur":"/id-far/s","cr":"` + tt.cr + `"}}`})
		})
	}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "N", to: "cse-in/app", from: "/id-other", body: `{"m2m:sgn":{"sur":"/id-far/s"}}`})
}
