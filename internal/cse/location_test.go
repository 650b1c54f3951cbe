package cse

import "testing"

func TestLocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	const ring = `[[0.0,0.0],[1.0,0.0],[1.0,1.0],[0.0,1.0],[0.0,0.0]]`
	w.container("Capp01", "cse-in/app", "square", `"loc":{"typ":3,"crd":"`+ring+`"}`)
	w.container("Capp01", "cse-in/app", "far", `"loc":{"typ":1,"crd":"[50.0,8.0]"}`)
	w.container("Capp01", "cse-in/app", "nowhere", "")
	loc := func(s string) string { return `{"m2m:cnt":{"loc":` + s + `}}` }
	w.follow(t, []step{
		{name: "C-430 no object", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: loc(`"x"`)}, code: 4000},
		{name: "C-430 a point that is a line", ask: ask{op: "C3", to: "cse-in/app", from: "Capp01", body: loc(`{"typ":1,"crd":"[[1.0,2.0],[3.0,4.0]]"}`)}, code: 4000},
		{name: "C-430 on UPDATE too", ask: ask{op: "U", to: "cse-in/app/far", from: "Capp01", body: loc(`{"typ":2,"crd":"[[1.0,2.0]]"}`)}, code: 4000},
		{name: "C-431 within", ask: ask{op: "R", to: "cse-in/app?fu=1&gmty=1&gsf=1&geom=[0.5,0.5]", from: "Capp01"}, code: 2000, body: uril("cse-in/app/square")},
		{name: "C-431 contains", ask: ask{op: "R", to: "cse-in/app?fu=1&gmty=3&gsf=2&geom=[[40,0],[60,0],[60,10],[40,10],[40,0]]", from: "Capp01"}, code: 2000, body: uril("cse-in/app/far")},
		{name: "C-431 intersects", ask: ask{op: "R", to: "cse-in/app?fu=1&gmty=2&gsf=3&geom=[[0.5,0.5],[50.0,8.0]]", from: "Capp01"}, code: 2000, body: uril("cse-in/app/square", "cse-in/app/far")},
		{name: "C-431 nothing there", ask: ask{op: "R", to: "cse-in/app?fu=1&gmty=1&gsf=3&geom=[7,7]", from: "Capp01"}, code: 2000, body: uril()},
		{name: "C-431 against the target itself", ask: ask{op: "R", to: "cse-in/app/far?gmty=1&gsf=1&geom=[0.5,0.5]", from: "Capp01"}, code: 4004},
	})
}
