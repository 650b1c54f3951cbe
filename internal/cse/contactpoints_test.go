package cse

import (
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// stored writes points of access into a resource that no request could.
func (w *world) stored(address string, points ...string) {
	w.t.Helper()
	rec := w.record(address)
	err := w.c.Store.Update(w.t.Context(), func(tx store.Tx) error {
		rec, err := tx.ByID(rec.ID)
		if err != nil {
			return err
		}
		return w.c.amend(tx, rec, rec.Origin, onem2m.Object{
			{Name: "poa", Value: onem2m.TextsValue(points)}, {Name: "rr", Value: onem2m.BoolValue(true)},
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestContactPoint_C077_NobodyNamesTheInnerWaysOfTheCSE(t *testing.T) {
	t.Parallel()
	w, _ := crossroads(t)
	for _, point := range []string{"mcc:", "MCC:", " mcc:", "pcu:pch-1", "crs:x"} {
		body := `{"rr":true,"poa":["http://a.example","` + point + `"]`
		w.must(onem2m.BadRequest, ask{op: "C2", to: "cse-in", from: "Cnew1", body: `{"m2m:ae":` + body + `,"api":"Na","srv":["3"]}}`})
		w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/lamp", from: "Clamp", body: `{"m2m:ae":` + body + `}}`})
		w.must(onem2m.BadRequest, ask{op: "C16", to: "cse-in", from: "/id-new", body: `{"m2m:csr":` + body + `,"cb":"/id-new/cse","srv":["3"]}}`})
		w.must(onem2m.BadRequest, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: `{"m2m:csr":` + body + `}}`})
	}
}

func TestContactPoint_C077_AnInnerWayThatIsStoredLeadsNowhere(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	w.stored("cse-in/lamp", "mcc:")
	w.must(onem2m.TargetNotReachable, ask{op: "N", to: "cse-in/lamp", from: "Clamp", body: notification})
	w.stored("cse-in/id-open", "mcc:")
	if err := w.c.loadRegistrees(t.Context()); err != nil { // as after a start
		t.Fatal(err)
	}
	w.must(onem2m.TargetNotReachable, ask{op: "R", to: "/id-open/cse/x", from: "Clamp"})
	if len(c.sent) > 0 || len(w.sent) > 0 {
		t.Errorf("sent %v %v", c.sent, w.sent)
	}
	for who, to := range map[onem2m.ID]string{"//m2m.example/id-in/Clamp": "/id-in/Clamp", "//m2m.example/id-open": "cse-in/lamp", "": "/id-open/Cx", "//m2m.example/id-far": "/id-open/Cx"} {
		req := w.request(ask{op: "N", to: to, from: "Clamp", body: notification})
		if res, err := w.c.Send(t.Context(), acrossPoint, who, req); err == nil {
			t.Errorf("%q reaches %s: %v", who, to, res)
		}
	}
}

func TestContactPoint_S014_WhoHasAPointOverTLSIsReachedByNoOther(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/id-open", from: "/id-open", body: `{"m2m:csr":{"poa":["http://open.example","https://open.example"]}}`})
	w.must(onem2m.OK, ask{op: "R", to: "/id-open/cse/x", from: "Clamp"})
	if got := c.hops[len(c.hops)-1].Points; len(got) != 1 || got[0] != "https://open.example" {
		t.Errorf("by %v", got)
	}
}
