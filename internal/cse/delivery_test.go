package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

// delivery makes the attributes of a <delivery> from /id-mn.
func delivery(more string) string {
	return `{"m2m:dlv":{"rn":"d","sr":"/id-mn","tg":"/id-in","ls":"20260304T113000","ec":3,"dmd":{"tcop":true}` + more + `}}`
}

// carryDeliveries carries out what is due.
func (w *world) carryDeliveries() {
	w.t.Helper()
	if _, err := w.c.CarryDeliveries(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestDelivery_C193_BetweenCSEsAndBlocking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, notifiable)
	w.registerCSE("id-mn")
	w.registerCSE("id-far")
	w.register("Capp01", "app")
	c := func(from, body string) ask {
		a := ask{op: "C6", to: "cse-in", from: from, body: body}
		if strings.HasPrefix(from, "/id") {
			a.assoc = mn(strings.Split(from, "/")[1])
		}
		return a
	}
	one := `{"op":2,"to":"cse-in/app","fr":"/id-mn/Cx01","rqi":"1"}`
	later := c("/id-mn", delivery(""))
	later.edit = func(r *onem2m.Request) { r.ResponseType = new(int64(1)) }
	w.follow(t, []step{
		{name: "C-193 an AE creates none", ask: c("Capp01", delivery("")), code: 4005},
		{name: "C-193 C-061 wherever", ask: ask{op: "C6", to: "cse-in/nothing", from: "Capp01", body: `{"m2m:dlv":{}}`}, code: 4005},
		{name: "C-193 nor an AE behind a CSE", ask: c("/id-mn/Cx01", delivery("")), code: 4005},
		{name: "C-193 only blocking", ask: later, code: 4000},
		{name: "C-193 a source that isn't the originator's", ask: c("/id-far", delivery("")), code: 4000},
		{name: "C-193 a source that is no CSE", ask: c("/id-mn", strings.Replace(delivery(""), "/id-mn", "/id-mn/Cx01", 1)), code: 4000},
		{name: "C-193 a target that is no CSE", ask: c("/id-mn", strings.Replace(delivery(""), "/id-in", "Cx01", 1)), code: 4000},
		{name: "C-193 a lifespan that is over", ask: c("/id-mn", strings.Replace(delivery(""), "T113000", "T103000", 1)), code: 4000},
		{name: "C-193 no request in it", ask: c("/id-mn", delivery(`,"arq":{"req":[]}`)), code: 4000},
		{name: "C-193 one that can't be read", ask: c("/id-mn", delivery(`,"arq":{"req":[{"op":2,"to":"cse-in/app","fr":"/id-mn/Cx01","rqi":"1","mi":{"rcn":"x"}}]}`)), code: 4000},
		{name: "C-193 too many", ask: c("/id-mn", delivery(`,"arq":{"req":[`+strings.Repeat(one+",", maxAggregated)+one+`]}`)), code: 4000},
		{name: "C-193 without requests", ask: c("/id-mn", delivery("")), code: 2001, show: map[string]string{"dmd": `{"tcop":true,"tcin":["/id-in"]}`, "sr": `"/id-mn"`}},
		{name: "C-194 an AE updates none", ask: ask{op: "U", to: "cse-in/d", from: "CAdmin", body: `{"m2m:dlv":{"ec":4}}`}, code: 4005},
		{name: "C-194 and deletes none", ask: ask{op: "D", to: "cse-in/d", from: "CAdmin"}, code: 4005},
		{name: "C-194 a CSE does", ask: ask{op: "U", to: "cse-in/d", from: "/id-mn", body: `{"m2m:dlv":{"ec":4,"ls":"20260304T123000"}}`, assoc: mn("id-mn")}, code: 2004},
		{name: "C-194 with requests", ask: ask{op: "U", to: "cse-in/d", from: "/id-mn", body: `{"m2m:dlv":{"arq":{"req":[` + one + `]}}}`, assoc: mn("id-mn")}, code: 2004},
		{name: "C-194 which are its last", ask: ask{op: "U", to: "cse-in/d", from: "/id-mn", body: `{"m2m:dlv":{"arq":{"req":[` + one + `]}}}`, assoc: mn("id-mn")}, code: 4000},
		{name: "C-194 its progress", ask: ask{op: "R", to: "cse-in/d", from: "/id-mn", assoc: mn("id-mn")}, code: 2000, show: map[string]string{"dmd": `{"tcop":true,"tcin":["/id-in"]}`}},
		{name: "C-194 deleted", ask: ask{op: "D", to: "cse-in/d", from: "/id-mn", assoc: mn("id-mn")}, code: 2002},
	})
	w.carryDeliveries() // what was in it isn't done any more
	if len(w.results) != 0 {
		t.Errorf("C-194: %v", w.results)
	}
}

func TestDelivery_C193_RequestsAreCarriedOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorldIn(t, dir, notifiable)
	w.registerCSE("id-mn")
	w.register("Capp01", "app")
	w.must(onem2m.Created, ask{op: "C1", to: "cse-in/app", from: "Capp01", body: `{"m2m:acp":{"rn":"acp","pv":{"acr":[{"acor":["/id-mn/Cx01"],"acop":63}]},"pvs":{"acr":[{"acor":["Capp01"],"acop":63}]}}}`})
	w.must(onem2m.Created, ask{op: "C3", to: "cse-in/app", from: "Capp01", body: `{"m2m:cnt":{"rn":"c","acpi":["cse-in/app/acp"]}}`})
	put := func(name, from, meta string) string {
		return `{"op":1,"to":"/id-in/cse-in/app/c","fr":"` + from + `","rqi":"q` + name + `","pc":{"m2m:cin":{"rn":"` + name + `","con":"x"}},"mi":{"ty":4,"rvi":"3"` + meta + `}}`
	}
	w.must(onem2m.Created, ask{op: "C6", to: "cse-in", from: "/id-mn", assoc: mn("id-mn"), body: delivery(`,"arq":{"req":[` + strings.Join([]string{
		put("i1", "/id-mn/Cx01", ""),
		put("i2", "/id-mn/Cstrange", ""),
		put("i3", "Capp01", ""),
		put("i4", "/id-mn/Cx01", `,"rt":{"rtv":2}`),
		put("i5", "/id-mn/Cx01", `,"rt":{"rtv":5}`),
		put("i6", "/id-mn/Cx01", `,"rt":{"rtv":1}`),
	}, ",") + `]}`)})
	w.restart(dir, notifiable)
	if err := w.c.rearmDeliveries(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.carryDeliveries()
	for {
		e, _ := w.c.backlog.next(onem2m.TimestampOf(w.c.Now()))
		if e == nil {
			break
		}
		w.c.carryOut(t.Context(), e)
	}
	w.follow(t, []step{
		{name: "C-193 a request of an AE behind the CSE", ask: ask{op: "R", to: "cse-in/app/c/i1", from: "CAdmin"}, code: 2000},
		{name: "C-193 one without privilege", ask: ask{op: "R", to: "cse-in/app/c/i2", from: "CAdmin"}, code: 4004},
		{name: "C-193 A-15 one of somebody whom the CSE can't speak for", ask: ask{op: "R", to: "cse-in/app/c/i3", from: "CAdmin"}, code: 4004},
		{name: "C-193 asynchronous", ask: ask{op: "R", to: "cse-in/app/c/i4", from: "CAdmin"}, code: 2000},
		{name: "C-193 without answer", ask: ask{op: "R", to: "cse-in/app/c/i5", from: "CAdmin"}, code: 2000},
		{name: "C-193 synchronous", ask: ask{op: "R", to: "cse-in/app/c/i6", from: "CAdmin"}, code: 2000},
		{name: "C-193 each once", ask: ask{op: "R", to: "cse-in/app/c", from: "CAdmin"}, code: 2000, show: map[string]string{"cni": "4"}},
	})
	var told []string
	for _, r := range w.results {
		o, err := onem2m.ParseObject([]byte(r.response))
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, r.target+" "+string(o.Get("rqi"))+" "+string(o.Get("rsc")))
	}
	want := `/id-mn/- "qi3" 4106, /id-mn/- "qi1" 2001, /id-mn/- "qi2" 4103, /id-mn/Cx01 "qi4" 2001`
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("C-193: told %s, want %s", got, want)
	}
	if _, at := w.c.deliveries.first(); at != 0 {
		t.Error("C-193: something of it is left to do")
	}
}
