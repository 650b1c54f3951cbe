package cse

import (
	"context"
	"errors"
	"slices"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// ipe answers like an Interworking Proxy Entity, having done what act does.
type ipe struct {
	heard  []*onem2m.Request
	answer *onem2m.Response
	act    func()
}

func (p *ipe) Send(_ context.Context, _ string, _ onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	p.heard = append(p.heard, req)
	if p.act != nil {
		p.act()
	}
	if p.answer == nil {
		return nil, errors.New("nobody there")
	}
	return p.answer, nil
}

func TestDiscovery_C151_AnIPELooksOutside(t *testing.T) {
	t.Parallel()
	p := &ipe{}
	w := newWorld(t, func(o *Options) { o.Sender = p })
	w.register("Cguest1", "guest")
	w.must(onem2m.Created, ask{op: "C2", to: "cse-in", from: "Cipe001", body: `{"m2m:ae":{"rn":"ipe","api":"N.ipe","rr":true,"srv":["3"],"poa":["http://192.0.2.1/"],"lbl":["IPE:zigbee"]}}`})
	w.policy("Cipe001", "cse-in/ipe", "guests", `{"acor":["Cipe001"],"acop":63},{"acor":["Cguest1"],"acop":34}`)
	w.register("Cother1", "other")
	if res := w.do(ask{op: "R", to: "cse-in/ipe?fu=3", from: "Cother1"}); res.Code != onem2m.OriginatorHasNoPrivilege {
		t.Errorf("C-151 a stranger: %d %s", res.Code, text(res))
	}
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/ipe", from: "Cipe001", body: `{"m2m:ae":{"acpi":["cse-in/ipe/guests"]}}`})
	open := `"acpi":["cse-in/ipe/guests"]`
	w.container("Cipe001", "cse-in/ipe", "known", `"lbl":["known"],`+open)
	w.container("Cguest1", "cse-in/guest", "own", `"lbl":["lamp"]`)
	find := func(query string) *onem2m.Response {
		return w.do(ask{op: "R", to: "cse-in/ipe?fu=3&" + query, from: "Cguest1"})
	}
	list := func(addresses ...string) *onem2m.Response {
		return &onem2m.Response{Code: onem2m.OK, Content: &onem2m.Content{Name: "m2m:uril", Value: onem2m.TextsValue(addresses)}}
	}

	t.Run("C-151 what is known is found without it", func(t *testing.T) {
		if res := find("lbl=known"); text(res) != uril("cse-in/ipe/known") || len(p.heard) != 0 {
			t.Errorf("%d %s; the IPE was asked %d times", res.Code, text(res), len(p.heard))
		}
	})
	t.Run("C-151 nobody answers", func(t *testing.T) {
		if res := find("lbl=lamp"); res.Code != onem2m.TargetNotReachable {
			t.Errorf("%d %s", res.Code, text(res))
		}
	})
	t.Run("C-151 it refuses", func(t *testing.T) {
		p.answer = &onem2m.Response{Code: onem2m.DiscoveryDeniedByIPE}
		if res := find("lbl=lamp"); res.Code != onem2m.DiscoveryDeniedByIPE {
			t.Errorf("%d %s", res.Code, text(res))
		}
	})
	t.Run("C-151 it has found nothing", func(t *testing.T) {
		p.answer = &onem2m.Response{Code: onem2m.OK}
		if res := find("lbl=lamp"); res.Code != onem2m.OK || text(res) != uril() {
			t.Errorf("%d %s", res.Code, text(res))
		}
	})
	t.Run("C-151 what it lists is filtered, and shown to who may discover it", func(t *testing.T) {
		p.heard = nil
		p.act = func() {
			w.container("Cipe001", "cse-in/ipe", "lamp1", `"lbl":["lamp"],`+open)
			w.container("Cipe001", "cse-in/ipe", "lamp2", `"lbl":["lamp"]`)
			w.container("Cipe001", "cse-in/ipe", "lamp3", `"lbl":["lamp"],`+open)
			w.container("Cipe001", "cse-in/ipe", "sensor", `"lbl":["sensor"],`+open)
			w.container("Cipe001", "cse-in/ipe", "unlisted", `"lbl":["lamp"],`+open)
		}
		p.answer = list("cse-in/ipe/lamp3", "/id-in/cse-in/ipe/lamp1", "cse-in/ipe/lamp2", "cse-in/ipe/sensor", "cse-in/guest/own", "cse-in/ipe/none", "///", "/id-mn/x", "cse-in/ipe/lamp1")
		if res := find("lbl=lamp"); text(res) != uril("cse-in/ipe/lamp1", "cse-in/ipe/lamp3") {
			t.Errorf("%d %s", res.Code, text(res))
		}
		if len(p.heard) != 1 || p.heard[0].Operation != onem2m.Notify {
			t.Fatalf("the IPE heard %v", p.heard)
		}
		if got, want := string(p.heard[0].Content.Append(nil)), `{"m2m:sgn":{"idr":{"or":"Cguest1","fc":{"lbl":["lamp"],"fu":3}},"sur":"/id-in/Cipe001"}}`; got != want {
			t.Errorf("it heard %s, want %s", got, want)
		}
	})
	t.Run("C-151 only an IPE", func(t *testing.T) {
		for _, to := range []string{"cse-in/guest", "cse-in/ipe/known"} {
			if res := w.do(ask{op: "R", to: to + "?fu=3", from: "Cguest1"}); res.Code != onem2m.BadRequest {
				t.Errorf("%s: %d %s", to, res.Code, text(res))
			}
		}
	})
}

// What an IPE lists is cut to where the discovery began, whatever it lists.
func TestAmong_C151_StaysBelowTheRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.container("Capp01", "cse-in/app", "a", "")
	w.container("Capp01", "cse-in/app/a", "b", "")
	w.container("Capp01", "cse-in/app", "c", "")
	err := w.store.Read(t.Context(), func(r store.Reader) error {
		find := func(path ...string) *store.Record {
			found, err := w.c.resolve(r, path, onem2m.TimestampOf(w.now()))
			if err != nil {
				t.Fatal(err)
			}
			return found.rec
		}
		root := find("cse-in", "app", "a")
		var found []string
		v := &walk{k: &call{c: w.c, req: &onem2m.Request{}, now: onem2m.TimestampOf(w.now())}, r: r, from: 1, to: 10}
		v.k.from.ID, v.k.from.Authenticated = w.c.admin, true
		v.found = func(_ *store.Record, address string) error { found = append(found, address); return nil }
		err := v.among(t.Context(), root, "x", []*store.Record{find("cse-in"), root, find("cse-in", "app", "c"), find("cse-in", "app", "a", "b")})
		if want := []string{"x/b"}; !slices.Equal(found, want) {
			t.Errorf("found %v, want %v", found, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
