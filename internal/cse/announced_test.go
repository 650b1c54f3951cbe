package cse

import (
	"context"
	"strings"
	"testing"

	"bulwark/onem2m"
)

// host is an IN-CSE with the <CSEBaseAnnc> of a CSE that is registered with it.
func host(t *testing.T) (w *world, c *carrier, base string) {
	t.Helper()
	c = &carrier{}
	w = newWorld(t, func(o *Options) { o.Carrier = c })
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"id-mn","cb":"/id-mn/cse-mn","rr":true,"poa":["https://mn.example"],"dcse":["/id-deep"],"srv":["3"]}}`})
	w.register("Clamp", "lamp")
	o := w.must(onem2m.Created, ask{op: "C10005", to: "/id-in/-", from: "/id-mn", body: copyOf("cbA", "cse-mn", `"srv":["3"]`)})
	base, _ = o.Text("ri")
	return w, c, base
}

// copyOf is the Content of a CREATE of a copy of a resource of /id-mn.
func copyOf(root, original string, more ...string) string {
	return `{"m2m:` + root + `":{"lnk":"/id-mn/` + original + `","et":"20270101T000000",` + strings.Join(append(more, `"lbl":["copy"]`), ",") + `}}`
}

func TestAnnounced_WhoMakesCopies(t *testing.T) {
	t.Parallel()
	w, _, base := host(t)
	for name, tt := range map[string]struct {
		ask  ask
		code onem2m.StatusCode
	}{
		"C-398 the CSE of the original, below its <CSEBaseAnnc>":      {ask{op: "C10002", to: base, from: "/id-mn", body: copyOf("aeA", "Cx", `"srv":["3"]`)}, 2001},
		"C-399 a type that the table has":                             {ask{op: "C10003", to: base, from: "/id-mn", body: copyOf("cntA", "cnt1")}, 2001},
		"C-399 a type that the table hasn't":                          {ask{op: "C10004", to: base, from: "/id-mn", body: copyOf("cinA", "cin1")}, 4108},
		"C-398 another CSE":                                           {ask{op: "C10003", to: base, from: "/id-deep", body: copyOf("cntA", "cnt1")}, 4103},
		"C-398 the link of another CSE":                               {ask{op: "C10003", to: base, from: "/id-mn", body: `{"m2m:cntA":{"lnk":"/id-deep/x","et":"20270101T000000"}}`}, 4103},
		"C-398 an AE":                                                 {ask{op: "C10003", to: base, from: "Clamp", body: copyOf("cntA", "cnt1")}, 4103},
		"C-398 below what others may not use":                         {ask{op: "C10003", to: "cse-in/lamp", from: "/id-mn", body: copyOf("cntA", "cnt1")}, 4103},
		"C-401 a second <CSEBaseAnnc>":                                {ask{op: "C10005", to: "cse-in", from: "/id-mn", body: copyOf("cbA", "cse-mn", `"srv":["3"]`)}, 4105},
		"C-401 the first one of a CSE further down":                   {ask{op: "C10005", to: "cse-in", from: "/id-deep", body: `{"m2m:cbA":{"lnk":"/id-deep/cse","et":"20270101T000000","srv":["3"]}}`}, 2001},
		"C-392 without link":                                          {ask{op: "C10003", to: base, from: "/id-mn", body: `{"m2m:cntA":{"et":"20270101T000000"}}`}, 4103},
		"C-392 without expirationTime":                                {ask{op: "C10003", to: base, from: "/id-mn", body: `{"m2m:cntA":{"lnk":"/id-mn/x"}}`}, 4000},
		"C-399 another resource below it, by who has no privilege":    {ask{op: "C3", to: base, from: "Clamp", body: `{"m2m:cnt":{}}`}, 4103},
		"C-399 another resource below it, by the CSE of the original": {ask{op: "C3", to: base, from: "/id-mn", body: `{"m2m:cnt":{}}`}, 2001},
		"C-399 a subscription":                                        {ask{op: "C23", to: base, from: "/id-mn", body: `{"m2m:sub":{"nu":["/id-mn"]}}`}, 2001},
	} {
		t.Run(name, func(t *testing.T) {
			if res := w.do(tt.ask); res.Code != tt.code {
				t.Errorf("got %d %s, want %d", res.Code, text(res), tt.code)
			}
		})
	}
}

func TestAnnounced_A48_C398_OnlyTheCSEOfTheOriginalChangesACopy(t *testing.T) {
	t.Parallel()
	w, _, base := host(t)
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "Clamp", body: `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`})
	o := w.must(onem2m.Created, ask{op: "C10003", to: base, from: "/id-mn", body: copyOf("cntA", "cnt1", `"acpi":["/id-in/cse-in/all"]`)})
	ri, _ := o.Text("ri")
	update := `{"m2m:cntA":{"lbl":["new"],"mni":5}}`
	w.must(onem2m.OK, ask{op: "R", to: ri, from: "Clamp"})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: ri, from: "Clamp", body: update})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: ri, from: "Clamp"})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: ri, from: "/id-deep", body: update})
	o = w.must(onem2m.Updated, ask{op: "U", to: ri, from: "/id-mn", body: update})
	if n, _ := o.Int("mni"); n != 5 {
		t.Errorf("got %s", o.Append(nil))
	}
	w.must(onem2m.BadRequest, ask{op: "U", to: ri, from: "/id-mn", body: `{"m2m:cntA":{"lnk":"/id-deep/x"}}`})
	w.must(onem2m.Updated, ask{op: "U", to: ri, from: "/id-mn", body: `{"m2m:cntA":{"acpi":["/id-mn/acp1"]}}`})
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: ri, from: "Clamp"})
	w.must(onem2m.OK, ask{op: "R", to: ri, from: "/id-mn"})
	if res := w.do(ask{op: "R", to: "cse-in?fu=1&lbl=new", from: "/id-mn"}); !strings.Contains(text(res), "cntA") && !strings.Contains(text(res), ri) {
		t.Errorf("C-154 discovery finds %s", text(res))
	}
	w.must(onem2m.Deleted, ask{op: "D", to: ri, from: "/id-mn"})
}

func TestAnnounced_C142_TheOriginalIsReadForTheOriginator(t *testing.T) {
	t.Parallel()
	w, c, base := host(t)
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in", from: "Clamp", body: `{"m2m:acp":{"rn":"all","pv":{"acr":[{"acor":["all"],"acop":63}]},"pvs":{"acr":[{"acor":["Clamp"],"acop":63}]}}}`})
	o := w.must(onem2m.Created, ask{op: "C10002", to: base, from: "/id-mn", body: copyOf("aeA", "Cx", `"srv":["3"]`, `"acpi":["/id-in/cse-in/all"]`)})
	ri, _ := o.Text("ri")
	o = w.must(onem2m.OK, ask{op: "R", to: ri + "?rcn=7", from: "Clamp"})
	sent := c.sent[len(c.sent)-1]
	if rn, _ := o.Text("rn"); rn != "far" || sent.To != "/id-mn/Cx" || sent.From != "/id-in/Clamp" || sent.ResultContent != nil {
		t.Errorf("got %s, sent %+v", o.Append(nil), sent)
	}
	c.answer = func(context.Context, *onem2m.Request) (*onem2m.Response, error) {
		return &onem2m.Response{Code: onem2m.OriginatorHasNoPrivilege}, nil
	}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: ri + "?rcn=7", from: "Clamp"})
	w.must(onem2m.BadRequest, ask{op: "D", to: ri + "?rcn=7", from: "/id-mn"})

	t.Run("C-085 C-400 a NOTIFY goes on to the AE", func(t *testing.T) {
		c.answer = nil
		w.must(onem2m.OK, ask{op: "N", to: ri, from: "Clamp", body: `{"m2m:sgn":{"sur":"x"}}`})
		if sent := c.sent[len(c.sent)-1]; sent.Operation != onem2m.Notify || sent.To != "/id-mn/Cx" || sent.From != "/id-in/Clamp" {
			t.Errorf("sent %+v", sent)
		}
	})
}

func TestAnnounced_A30_PoliciesBelowCopies(t *testing.T) {
	t.Parallel()
	w, _, base := host(t)
	o := w.must(onem2m.Created, ask{op: "C10002", to: base, from: "/id-mn", body: copyOf("aeA", "Cx", `"srv":["3"]`)})
	ae, _ := o.Text("ri")
	for _, parent := range []string{base, ae} {
		o := w.must(onem2m.Created, ask{op: "C1", to: parent, from: "/id-mn", body: `{"m2m:acp":{"pv":{"acr":[{"acor":["Clamp"],"acop":2}]},"pvs":{"acr":[{"acor":["/id-mn"],"acop":63}]}}}`})
		ri, _ := o.Text("ri")
		w.must(onem2m.Created, ask{op: "C3", to: base, from: "/id-mn", body: `{"m2m:cnt":{"rn":"c-` + ri + `","acpi":["` + ri + `"]}}`})
		w.must(onem2m.OK, ask{op: "R", to: base + "/c-" + ri, from: "Clamp"})
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "U", to: base + "/c-" + ri, from: "Clamp", body: `{"m2m:cnt":{"lbl":["x"]}}`})
	}
	for _, child := range []onem2m.ResourceType{onem2m.TypeSubscription, onem2m.TypeTransaction} {
		if !onem2m.TypeByNumber(onem2m.TypeAccessControlPolicy).AllowsChild(child) {
			t.Errorf("no child of type %d below a policy", child)
		}
	}
}
