package cse

import (
	"testing"

	"bulwark/onem2m"
)

func TestSmoke(t *testing.T) {
	w := newWorld(t)
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c1","mni":2}}`})
	for range 3 {
		t.Log(w.must(onem2m.Created, ask{op: "C4", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cin":{"con":"hello"}}`}))
	}
	t.Log(text(w.do(ask{op: "R", to: "cse-in/app/c1", from: "Capp01"})))
	t.Log(text(w.do(ask{op: "R", to: "cse-in/app?rcn=4", from: "Capp01"})))
	t.Log(text(w.do(ask{op: "R", to: "cse-in?fu=1", from: "Capp01"})))
	t.Log(text(w.do(ask{op: "R", to: "-", from: "Capp01"})))
	t.Log(text(w.do(ask{op: "U", to: "cse-in/app/c1", from: "Capp01", body: `{"m2m:cnt":{"lbl":["x"]}}`})))
	t.Log(text(w.do(ask{op: "D", to: "cse-in/app", from: "Capp01"})))
	t.Log(text(w.do(ask{op: "R", to: "cse-in/app", from: "Capp01"})))
}
