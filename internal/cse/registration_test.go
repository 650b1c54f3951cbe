package cse

import (
	"strings"
	"sync"
	"testing"
	"time"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

func ae(members string) string {
	return `{"m2m:ae":{"api":"Ntest","rr":false,"srv":["3"]` + members + `}}`
}

func TestRegistration_OfAEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	none := &identity.Association{Framework: "none", Binding: "http"}
	c := func(from, body string) ask { return ask{op: "C2", to: "cse-in", from: from, body: body} }
	w.follow(t, []step{
		{name: "C-201 C-004 a proposed stem", ask: c("Capp01", ae(`,"rn":"app"`)), code: 2001, show: map[string]string{"aei": `"Capp01"`, "ri": `"Capp01"`, "pi": `"id-in"`}},
		{name: "C-198 the same again", ask: c("Capp01", ae(`,"rn":"app"`)), code: 4117},
		{name: "C-198 the same under another name", ask: c("Capp01", ae(`,"rn":"app2"`)), code: 4117},
		{name: "C-198 another under the same name", ask: c("Cother1", ae(`,"rn":"app"`)), code: 4105},
		{name: "C-195 below an AE", ask: ask{op: "C2", to: "cse-in/app", from: "Cother1", body: ae("")}, code: 4108},
		{name: "C-200 no api", ask: c("Cother1", `{"m2m:ae":{"rr":false,"srv":["3"]}}`), code: 4000},
		{name: "C-200 no rr", ask: c("Cother1", `{"m2m:ae":{"api":"N","srv":["3"]}}`), code: 4000},
		{name: "C-200 no srv from release 2 on", ask: c("Cother1", `{"m2m:ae":{"api":"N","rr":false}}`), code: 4000},
		{name: "C-200 no srv in release 1", ask: ask{op: "C2", to: "cse-in", from: "Cother1", body: `{"m2m:ae":{"api":"N","rr":false}}`, edit: func(r *onem2m.Request) { r.Release = "" }}, code: 2001},
		{name: "C-010 C-200 api with another letter", ask: c("Cother2", `{"m2m:ae":{"api":"0.2.481","rr":false,"srv":["3"]}}`), code: 4000},
		{name: "C-010 api with r in release 3", ask: c("Cother2", `{"m2m:ae":{"api":"r01","rr":false,"srv":["3"]}}`), code: 2001},
		{name: "C-010 api with r in release 4", ask: ask{op: "C2", to: "cse-in", from: "Cother3", rvi: "4", body: `{"m2m:ae":{"api":"r01","rr":false,"srv":["3"]}}`}, code: 4000},
		{name: "C-010 api with R in release 4", ask: ask{op: "C2", to: "cse-in", from: "Cother3", rvi: "4", body: `{"m2m:ae":{"api":"R01","rr":false,"srv":["3"]}}`}, code: 2001},
		{name: "C-201 aei in the request", ask: c("Cother4", ae(`,"aei":"Cother4"`)), code: 4000},
		{name: "C-202 link to a missing node", ask: c("Cother4", ae(`,"nl":"nodes"`)), code: 4000},
		{name: "C-211 a CSE without association", ask: ask{op: "C2", to: "cse-in", from: "/id-far", body: ae(""), assoc: none}, code: 4107},
		{name: "C-211 a CSE over its own association", ask: ask{op: "C2", to: "cse-in", from: "/id-far", body: ae(""), assoc: certificate(identity.KindCSE, "//m2m.example/id-far")}, code: 4117},
		{name: "the administrator's stem", ask: c("CAdmin", ae("")), code: 4117},
		{name: "an SP-relative AE-ID", ask: c("/id-in/Cother5", ae("")), code: 4000},
		{name: "any other text", ask: c("app", ae("")), code: 4000},
		{name: "C-205 an SP-assigned stem on the IN-CSE", ask: c("Sapp01", ae("")), code: 2001, show: map[string]string{"aei": `"Sapp01"`, "ri": `"Sapp01"`}},
		{name: "C-114 UPDATE of aei", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"aei":"Cx"}}`}, code: 4000},
		{name: "C-010 UPDATE of api", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"api":"x"}}`}, code: 4000},
		{name: "C-209 the AE has all access by default", ask: ask{op: "R", to: "cse-in/app", from: "Capp01"}, code: 2000},
		{name: "C-209 A-42 nobody else", ask: ask{op: "R", to: "cse-in/app", from: "Cother1"}, code: 4103},
	})
	t.Run("C-196 A-79 no privilege on the CSEBase is asked", func(t *testing.T) {
		w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Cplain1", body: ae(""), assoc: none})
	})
	for _, from := range []string{"", "C", "S"} {
		t.Run("C-205 an assigned stem for From "+from, func(t *testing.T) {
			o := w.must(onem2m.Created, c(from, ae("")))
			aei, _ := o.Text("aei")
			ri, _ := o.Text("ri")
			rn, _ := o.Text("rn")
			class := byte('C')
			if from == "S" {
				class = 'S'
			}
			if len(aei) != 13 || aei[0] != class || ri != aei || rn != aei {
				t.Errorf("aei %q ri %q rn %q", aei, ri, rn)
			}
			w.must(onem2m.OK, ask{op: "R", to: ri, from: aei})
		})
	}
}

func TestRegistration_C102_StemTakenAsAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cfirst1", "Csecond")
	o := w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Csecond", body: ae("")})
	if rn, _ := o.Text("rn"); rn == "Csecond" || rn == "" || string(o.Get("ri")) != `"Csecond"` {
		t.Errorf("got %s", o.Append(nil))
	}
}

func TestRegistration_C196_AllowListOfTheOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Allowed = []string{"Cgood*", "C*x*y", "S1"} })
	for from, code := range map[string]onem2m.StatusCode{
		"Cgood1": 2001, "Cbad01": 4126, "C1x2y": 2001, "Cxy": 2001, "Cyx": 4126, "S1": 2001, "S11": 4126, "": 4126,
	} {
		w.must(code, ask{op: "C2", to: "cse-in", from: from, body: ae("")})
	}
}

func TestRegistration_C199_StemBelongsToItsCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := certificate(identity.KindAE, "//m2m.example/id-in/Capp01")
	theirs := certificate(identity.KindAE, "//m2m.example/id-in/Cother1")
	none := &identity.Association{Framework: "none", Binding: "http"}
	w.follow(t, []step{
		{name: "decision 25: unknown inside an association", ask: ask{op: "R", to: "cse-in", from: "Capp01", assoc: mine}, code: 4106},
		{name: "C-201 registered over a certificate", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: mine}, code: 2001},
		{name: "A-16 not believed without it", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", assoc: none}, code: 4106},
		{name: "A-11 nor over another's", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", assoc: theirs}, code: 4106},
		{name: "C-207 deregistered", ask: ask{op: "D", to: "cse-in/app", from: "Capp01", assoc: mine}, code: 2002},
		{name: "C-207 unknown afterwards", ask: ask{op: "R", to: "cse-in", from: "Capp01", assoc: mine}, code: 4106},
		{name: "C-199 not given to nobody", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(""), assoc: none}, code: 4106},
		{name: "C-199 nor to another", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(""), assoc: theirs}, code: 4106},
		{name: "C-199 but to the holder", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(""), assoc: mine}, code: 2001, show: map[string]string{"ri": `"Capp01"`}},
	})
}

func TestRegistration_C199_InactiveAEComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := certificate(identity.KindAE, "//m2m.example/id-in/Capp01")
	theirs := certificate(identity.KindAE, "//m2m.example/id-in/Cother1")
	w.register("Cthird1", "third")
	w.follow(t, []step{
		{name: "registered over a certificate", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: mine}, code: 2001},
		{name: "with something below it", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1"}}`, assoc: mine}, code: 2001},
		{name: "C-198 not while it is active", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: mine}, code: 4117},
		{name: "C-208 it becomes INACTIVE and stays", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"regs":2}}`, assoc: mine}, code: 2004, show: map[string]string{"regs": "2"}},
		{name: "C-208 C-149 hidden from discovery, with what is below it", ask: ask{op: "R", to: "cse-in?fu=1&ty=2+3", from: "CAdmin"}, code: 2000, body: `{"m2m:uril":["cse-in/third"]}`},
		{name: "C-208 but there for who knows it", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", assoc: mine}, code: 2000},
		{name: "C-199 nobody else gets its AE-ID", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: theirs}, code: 4106},
		{name: "C-199 nor its name", ask: ask{op: "C2", to: "cse-in", from: "Cother1", body: ae(`,"rn":"app"`), assoc: theirs}, code: 4105},
		{name: "C-199 it registers again under the same AE-ID and name", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`), assoc: mine}, code: 2001, show: map[string]string{"ri": `"Capp01"`, "rn": `"app"`, "regs": ""}},
		{name: "C-199 and begins anew", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01", assoc: mine}, code: 4004},
		{name: "INACTIVE again", ask: ask{op: "U", to: "cse-in/app", from: "Capp01", body: `{"m2m:ae":{"regs":2}}`, assoc: mine}, code: 2004},
		{name: "C-199 under another name too", ask: ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app2"`), assoc: mine}, code: 2001, show: map[string]string{"ri": `"Capp01"`}},
		{name: "C-199 the old one is gone", ask: ask{op: "R", to: "cse-in/app", from: "CAdmin"}, code: 4004},
	})
}

func TestRegistration_C204_SPAssignedStemNeedsTheINCSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Type = MN })
	w.must(onem2m.NotImplemented, ask{op: "C2", to: "cse-in", from: "Sapp01", body: ae("")})
	w.must(onem2m.NotFound, ask{op: "R", to: "Sapp01", from: "CAdmin"})
}

const remote = `{"m2m:csr":{"rn":"far","csi":"/id-far","cb":"/id-far/cse-far","rr":true,"srv":["3"]}}`

func TestRegistration_OfCSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Sapp01", "sapp")
	none := &identity.Association{Framework: "none", Binding: "http"}
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Cplain1", body: ae(""), assoc: none})
	far := certificate(identity.KindCSE, "//m2m.example/id-far")
	c := func(from, body string, a *identity.Association) ask {
		return ask{op: "C16", to: "cse-in", from: from, body: body, assoc: a}
	}
	w.follow(t, []step{
		{name: "C-212 A-80 no association", ask: c("/id-far", remote, none), code: 4107},
		{name: "C-212 A-80 an AE without association", ask: c("Cplain1", remote, none), code: 4107},
		{name: "C-212 C-220 A-80 an AE", ask: c("Capp01", remote, nil), code: 4005},
		{name: "C-212 C-220 A-80 an AE with an SP-assigned stem", ask: c("Sapp01", `{"m2m:csr":{"csi":"/Sapp01","cb":"/Sapp01/x","rr":true,"srv":["3"]}}`, nil), code: 4005},
		{name: "C-212 the administrator is an AE", ask: c("CAdmin", remote, nil), code: 4005},
		{name: "A-15 another's CSE-ID", ask: c("/id-more", remote, far), code: 4106},
		{name: "C-213 csi of another CSE", ask: c("/id-far", `{"m2m:csr":{"csi":"/id-more","cb":"/id-far/x","rr":true,"srv":["3"]}}`, far), code: 4000},
		{name: "C-213 no cb", ask: c("/id-far", `{"m2m:csr":{"csi":"/id-far","rr":true,"srv":["3"]}}`, far), code: 4000},
		{name: "C-212 registered", ask: c("/id-far", remote, far), code: 2001, show: map[string]string{"csi": `"/id-far"`}},
		{name: "C-212 registered already", ask: c("/id-far", remote, far), code: 4117},
		{name: "C-218 the CSE refreshes it", ask: ask{op: "U", to: "cse-in/far", from: "/id-far", body: `{"m2m:csr":{"lbl":["x"]}}`, assoc: far}, code: 2004},
		{name: "C-218 somebody is below it", ask: ask{op: "U", to: "cse-in/far", from: "/id-far", body: `{"m2m:csr":{"dcse":["/id-deep"]}}`, assoc: far}, code: 2004, show: map[string]string{"dcse": `["/id-deep"]`}},
		{name: "C-218 and nobody any more", ask: ask{op: "U", to: "cse-in/far", from: "/id-far", body: `{"m2m:csr":{"dcse":[]}}`, assoc: far}, code: 2004, show: map[string]string{"dcse": ""}},
		{name: "C-114 UPDATE of csi", ask: ask{op: "U", to: "cse-in/far", from: "/id-far", body: `{"m2m:csr":{"csi":"/id-x"}}`, assoc: far}, code: 4000},
		{name: "A-51 a registered CSE looks at the CSEBase", ask: ask{op: "R", to: "cse-in", from: "/id-far", assoc: far}, code: 2000},
		{name: "a policy for everybody", ask: ask{op: "C1", to: "cse-in", from: "Capp01", body: `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["all"],"acop":63}]}}}`}, code: 2001},
		{name: "opens it", ask: ask{op: "U", to: "cse-in/far", from: "/id-far", body: `{"m2m:csr":{"acpi":["cse-in/all"]}}`, assoc: far}, code: 2004},
		{name: "C-218 not for the UPDATE of an AE", ask: ask{op: "U", to: "cse-in/far", from: "Capp01", body: `{"m2m:csr":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-218 nor of one with an SP-assigned stem", ask: ask{op: "U", to: "cse-in/far", from: "Sapp01", body: `{"m2m:csr":{"lbl":["x"]}}`}, code: 4005},
		{name: "C-218 nor for its DELETE", ask: ask{op: "D", to: "cse-in/far", from: "Capp01"}, code: 4005},
		{name: "C-217 deregistered", ask: ask{op: "D", to: "cse-in/far", from: "/id-far", assoc: far}, code: 2002},
		{name: "C-217 and registered again, with nobody below", ask: c("/id-far", `{"m2m:csr":{"rn":"far","csi":"/id-far","cb":"/id-far/x","rr":true,"srv":["3"],"dcse":[]}}`, far), code: 2001},
		{name: "the administrator removes it", ask: ask{op: "D", to: "cse-in/far", from: "CAdmin"}, code: 2002},
		{name: "A-51 unknown afterwards", ask: ask{op: "R", to: "cse-in", from: "/id-far", assoc: far}, code: 4103},
	})
	asn := newWorld(t, func(o *Options) { o.Type = ASN })
	asn.must(onem2m.OperationNotAllowed, c("/id-far", remote, far))
	// "/Sensors" reads as an AE-ID, but over the association of that CSE it is a CSE.
	sensors := certificate(identity.KindCSE, "//m2m.example/Sensors")
	w.must(onem2m.Created, c("/Sensors", `{"m2m:csr":{"csi":"/Sensors","cb":"/Sensors/x","rr":true,"srv":["3"]}}`, sensors))
}

func TestRegistration_C212_OneOfManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := certificate(identity.KindCSE, "//m2m.example/id-far")
	codes := make([]onem2m.StatusCode, 16)
	var wg sync.WaitGroup
	for i := range codes {
		req := w.request(ask{op: "C16", to: "cse-in", from: "/id-far", body: `{"m2m:csr":{"cb":"/id-far/x","rr":true,"srv":["3"]}}`})
		wg.Go(func() { codes[i] = w.c.Handle(t.Context(), far, req).Code })
	}
	wg.Wait()
	made := 0
	for _, code := range codes {
		switch code {
		case onem2m.Created:
			made++
		case onem2m.OriginatorHasAlreadyRegistered:
		default:
			t.Errorf("C-212: got %d", code)
		}
	}
	if made != 1 {
		t.Errorf("C-212: %d registrations", made)
	}
}

func TestRegistration_C411_ExpiryEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := certificate(identity.KindCSE, "//m2m.example/id-far")
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-far", assoc: far, body: `{"m2m:csr":{"rn":"far","cb":"/id-far/x","rr":true,"srv":["3"],"et":"20260304T110000"}}`})
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app","et":"20260304T110000"`)})
	w.advance(time.Hour)
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in", from: "/id-far", assoc: far})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in", from: "Capp01"})
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-far", assoc: far, body: remote})
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Capp01", body: ae(`,"rn":"app"`)})
	if err := w.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "/id-far", assoc: far})
	w.must(onem2m.OK, ask{op: "R", to: "cse-in", from: "Capp01"})
}

func TestCSEBase_IsThereFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Points = []string{"https://localhost:8443"} })
	w.follow(t, []step{
		{name: "C-223 C-224 C-225 attributes", ask: ask{op: "R", to: "-", from: "CAdmin"}, code: 2000, show: map[string]string{
			"ri": `"id-in"`, "rn": `"cse-in"`, "pi": `""`, "csi": `"/id-in"`, "cst": "1", "ty": "5", "ct": "*", "lt": "*", "et": "", "acpi": "",
			"srt": "*", "srv": `["1","2a","3","4"]`, "poa": `["https://localhost:8443"]`, "ctm": `"20260304T103000,000000"`,
		}},
		{name: "C-223 CREATE", ask: ask{op: "C5", to: "-", from: "CAdmin", body: `{"m2m:cb":{}}`}, code: 4005},
		{name: "C-223 UPDATE", ask: ask{op: "U", to: "-", from: "CAdmin", body: `{"m2m:cb":{}}`}, code: 4005},
		{name: "C-223 DELETE", ask: ask{op: "D", to: "-", from: "CAdmin"}, code: 4005},
		{name: "A-51 a stranger", ask: ask{op: "R", to: "-", from: "Cother1"}, code: 4103},
	})
	w.register("Capp01", "app")
	w.follow(t, []step{
		{name: "A-51 a registered AE", ask: ask{op: "R", to: "-", from: "Capp01"}, code: 2000},
		{name: "A-51 may put policies there", ask: ask{op: "C1", to: "-", from: "Capp01", body: `{"m2m:acp":{"pv":{},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}}}`}, code: 2001},
		{name: "A-51 but no containers", ask: ask{op: "C3", to: "-", from: "Capp01", body: `{"m2m:cnt":{}}`}, code: 4103},
		{name: "A-51 nor subscriptions", ask: ask{op: "C23", to: "-", from: "Capp01", body: `{"m2m:sub":{"nu":["Capp01"]}}`}, code: 4103},
	})
	open := newWorld(t, func(o *Options) { o.BasePolicy = []byte(`{"acr":[{"acor":["all"],"acop":1}]}`) })
	open.follow(t, []step{
		{name: "A-51 a configured policy takes its place: CREATE", ask: ask{op: "C3", to: "-", from: "Cother1", body: `{"m2m:cnt":{}}`}, code: 2001},
		{name: "A-51 a configured policy takes its place: RETRIEVE", ask: ask{op: "R", to: "-", from: "Cother1"}, code: 4103},
	})
}

func TestRemoteCSE_C220_OnlyCSEsOnTheListRegister(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listed := func(patterns ...string) func(*Options) {
		return func(o *Options) { o.Registrees = patterns }
	}
	w := newWorldIn(t, dir, listed("//m2m.example/id-home*", "//far.example/id-in"))
	register := func(id onem2m.ID, code onem2m.StatusCode) {
		t.Helper()
		from := id.Across(w.home)
		w.must(code, ask{op: "C16", to: "cse-in", from: from, assoc: certificate(identity.KindCSE, id), body: `{"m2m:csr":{"rn":"` + strings.ReplaceAll(strings.Trim(from, "/"), "/", "-") + `","cb":"` + from + `/cse","srv":["3"],"rr":false}}`})
	}
	register("//m2m.example/id-home1", onem2m.Created)
	register("//m2m.example/id-home2", onem2m.Created)
	register("//m2m.example/id-other", onem2m.OriginatorHasNoPrivilege)
	register("//far.example/id-home1", onem2m.OriginatorHasNoPrivilege)
	register("//far.example/id-in", onem2m.Created)
	w.must(onem2m.SecurityAssociationRequired, ask{op: "C16", to: "cse-in", from: "/id-other", assoc: &identity.Association{}, body: `{"m2m:csr":{"cb":"/id-other/cse","srv":["3"],"rr":false}}`})
	w.restart(dir, listed("//m2m.example/id-home1"))
	renew := func(name string, code onem2m.StatusCode) {
		t.Helper()
		w.must(code, ask{op: "U", to: "cse-in/" + name, from: "/" + name, assoc: mn(name), body: `{"m2m:csr":{"et":"20261231T000000"}}`})
	}
	renew("id-home1", onem2m.Updated)
	renew("id-home2", onem2m.OriginatorHasNoPrivilege) // it was taken off the list
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-home2", from: "/id-home2", assoc: mn("id-home2")})
	register("//m2m.example/id-home2", onem2m.OriginatorHasNoPrivilege)
}
