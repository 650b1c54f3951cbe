package cse

import (
	"strings"
	"testing"

	"bulwark/onem2m"
)

func TestRetrieve_GenericProcedure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cother1", "other")
	w.container("Capp01", "cse-in/app", "c1", `"lbl":["a"]`)
	w.follow(t, []step{
		{name: "C-104 all attributes", ask: ask{op: "R", to: "cse-in/app/c1", from: "Capp01"}, code: 2000, show: map[string]string{"rn": `"c1"`, "lbl": `["a"]`, "ty": "3"}},
		{name: "C-105 C-040 attribute list", ask: ask{op: "R", to: "cse-in/app/c1?atrl=lbl+cni+mni", from: "Capp01"}, code: 2000, body: `{"m2m:cnt":{"lbl":["a"],"cni":0}}`},
		{name: "C-105 C-023 attribute address", ask: ask{op: "R", to: "cse-in/app/c1#rn", from: "Capp01"}, code: 2000, body: `{"m2m:cnt":{"rn":"c1"}}`},
		{name: "C-023 attribute that isn't set", ask: ask{op: "R", to: "cse-in/app/c1#mni", from: "Capp01"}, code: 2000, body: `{"m2m:cnt":{}}`},
		{name: "C-023 attribute that the type doesn't have", ask: ask{op: "R", to: "cse-in/app/c1#api", from: "Capp01"}, code: 4000},
		{name: "C-040 the same in a list", ask: ask{op: "R", to: "cse-in/app/c1?atrl=api", from: "Capp01"}, code: 4000},
		{name: "C-040 attribute list with rcn 4", ask: ask{op: "R", to: "cse-in/app/c1?atrl=lbl&rcn=4", from: "Capp01"}, code: 4000},
		{name: "C-106 condition that holds", ask: ask{op: "R", to: "cse-in/app/c1?lbl=a", from: "Capp01"}, code: 2000},
		{name: "C-106 condition that doesn't hold", ask: ask{op: "R", to: "cse-in/app/c1?lbl=b", from: "Capp01"}, code: 4004},
		{name: "C-106 C-152 with fu=2", ask: ask{op: "R", to: "cse-in/app/c1?lbl=b&fu=2", from: "Capp01"}, code: 4004},
		{name: "C-106 conditions select descendants with rcn 4", ask: ask{op: "R", to: "cse-in/app?rcn=4&lbl=zzz", from: "Capp01"}, code: 2000, show: map[string]string{"rn": `"app"`, "m2m:cnt": ""}},
		{name: "C-039 sqi without rcn 10", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", edit: func(r *onem2m.Request) { r.SemanticQuery = new(true) }}, code: 4000},
		{name: "C-031 type on a RETRIEVE", ask: ask{op: "R", to: "cse-in", from: "Capp01", edit: func(r *onem2m.Request) { r.Type = new(int64(5)) }}, code: 4000},
		{name: "C-142 rcn 7 on a resource that isn't announced", ask: ask{op: "R", to: "cse-in/app?rcn=7", from: "Capp01"}, code: 4000},
		{name: "C-035 rcn 0", ask: ask{op: "R", to: "cse-in/app?rcn=0", from: "Capp01"}, code: 4000},
		{name: "C-035 rcn 2", ask: ask{op: "R", to: "cse-in/app?rcn=2", from: "Capp01"}, code: 4000},
		{name: "C-035 rcn 3", ask: ask{op: "R", to: "cse-in/app?rcn=3", from: "Capp01"}, code: 4000},
		{name: "C-035 rcn 9", ask: ask{op: "R", to: "cse-in/app?rcn=9", from: "Capp01"}, code: 4000},
		{name: "C-035 rcn 99", ask: ask{op: "R", to: "cse-in/app", from: "Capp01", edit: func(r *onem2m.Request) { r.ResultContent = new(int64(99)) }}, code: 4000},
		{name: "C-034 C-133 rcn 12", ask: ask{op: "R", to: "cse-in/app?rcn=12", from: "Capp01"}, code: 5001},
		{name: "no privilege", ask: ask{op: "R", to: "cse-in/app/c1", from: "Cother1"}, code: 4103},
		{name: "no privilege for a part either", ask: ask{op: "R", to: "cse-in/app/c1#rn", from: "Cother1"}, code: 4103},
	})
}

func TestResult_ChildrenInEveryShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Cweb01", "site")
	w.register("Cguest1", "guest")
	w.container("Cweb01", "cse-in/site", "floor1", "")
	w.container("Cweb01", "cse-in/site/floor1", "room", "")
	w.instance("Cweb01", "cse-in/site/floor1/room", "cin-a", "1")
	w.instance("Cweb01", "cse-in/site/floor1/room", "cin-b", "2")
	w.container("Cweb01", "cse-in/site/floor1", "hall", "")
	floor := func(query string) ask { return ask{op: "R", to: "cse-in/site/floor1" + query, from: "Cweb01"} }
	room := w.ri("cse-in/site/floor1/room")
	ref := func(name, ty, address string) string {
		return `{"nm":"` + name + `","typ":` + ty + `,"val":"` + address + `"}`
	}
	four := `[` + ref("room", "3", "cse-in/site/floor1/room") + `,` + ref("cin-a", "4", "cse-in/site/floor1/room/cin-a") + `,` +
		ref("cin-b", "4", "cse-in/site/floor1/room/cin-b") + `,` + ref("hall", "3", "cse-in/site/floor1/hall") + `]`
	w.follow(t, []step{
		{name: "C-136 C-137 rcn 6", ask: floor("?rcn=6"), code: 2000, body: `{"m2m:rrl":{"rrf":` + four + `}}`},
		{name: "C-145 C-137 unstructured references", ask: floor("?rcn=6&drt=2&lim=1"), code: 2000, body: `{"m2m:rrl":{"rrf":[` + ref("room", "3", room) + `]}}`},
		{name: "C-137 rcn 5", ask: floor("?rcn=5"), code: 2000, show: map[string]string{"ch": four, "rn": `"floor1"`}},
		{name: "C-136 rcn 5 without children", ask: ask{op: "R", to: "cse-in/site/floor1/hall?rcn=5", from: "Cweb01"}, code: 2000, show: map[string]string{"ch": "[]"}},
		{name: "C-136 rcn 6 without children", ask: ask{op: "R", to: "cse-in/site/floor1/hall?rcn=6", from: "Cweb01"}, code: 2000, body: `{"m2m:rrl":{"rrf":[]}}`},
		{name: "C-136 rcn 8 without children", ask: ask{op: "R", to: "cse-in/site/floor1/hall?rcn=8", from: "Cweb01"}, code: 2000, body: `{"m2m:cnt":{}}`},
		{name: "C-136 rcn 8 has no attributes of the target", ask: floor("?rcn=8"), code: 2000, show: map[string]string{"rn": "", "m2m:cnt": "*"}},
		{name: "C-144 level", ask: floor("?rcn=6&lvl=1"), code: 2000, body: `{"m2m:rrl":{"rrf":[` + ref("room", "3", "cse-in/site/floor1/room") + `,` + ref("hall", "3", "cse-in/site/floor1/hall") + `]}}`},
		{name: "C-035 attribute list isn't for discovery", ask: floor("?fu=1&atrl=lbl"), code: 4000},
		{name: "C-133 C-152 discovery with rcn 4", ask: floor("?fu=1&rcn=4"), code: 4000},
		{name: "C-134 discovery", ask: floor("?fu=1&ty=3"), code: 2000, body: uril("cse-in/site/floor1/room", "cse-in/site/floor1/hall")},
		{name: "C-134 discovery with rcn 6", ask: floor("?fu=1&ty=3&lvl=1&lim=1&rcn=6"), code: 2000, body: `{"m2m:rrl":{"rrf":[` + ref("room", "3", "cse-in/site/floor1/room") + `]}}`},
		{name: "C-134 discovery with rcn 11", ask: floor("?fu=1&ty=3&lim=1&rcn=11"), code: 2000, body: uril("cse-in/site/floor1/room")},
	})
	t.Run("C-135 rcn 4 nests children in arrays", func(t *testing.T) {
		o := w.must(onem2m.OK, floor("?rcn=4"))
		containers, _ := o.Objects("m2m:cnt")
		if len(containers) != 2 || o.Get("rn") == nil {
			t.Fatalf("got %s", o.Append(nil))
		}
		instances, _ := containers[0].Objects("m2m:cin")
		if len(instances) != 2 || string(instances[1].Get("con")) != `"2"` || containers[1].Has("m2m:cin") {
			t.Errorf("got %s", o.Append(nil))
		}
	})
	t.Run("C-106 rcn 4 with a type puts matches below the nearest part of the result", func(t *testing.T) {
		o := w.must(onem2m.OK, floor("?rcn=4&ty=4"))
		if instances, _ := o.Objects("m2m:cin"); len(instances) != 2 || o.Has("m2m:cnt") {
			t.Errorf("got %s", o.Append(nil))
		}
	})
	t.Run("C-138 C-139 a limit cuts, and the offset goes on", func(t *testing.T) {
		var all []string
		offset := "1"
		for range 4 {
			res := w.do(floor("?rcn=6&lim=3&ofst=" + offset))
			o, _ := onem2m.ParseObject(res.Content.Value)
			list, _ := o.Objects("rrf")
			for _, ref := range list {
				s, _ := ref.Text("nm")
				all = append(all, s)
			}
			if res.ContentStatus != 1 {
				break
			}
			offset = string(onem2m.IntValue(int64(res.ContentOffset)))
		}
		if len(all) != 4 || all[0] != "room" || all[3] != "hall" {
			t.Errorf("got %v", all)
		}
	})
	t.Run("C-138 a direct child is shown with all that is below it or not at all", func(t *testing.T) {
		w.must(onem2m.Created, ask{op: "C3", to: "cse-in/site", from: "Cweb01", body: `{"m2m:cnt":{"rn":"floor2"}}`})
		for _, path := range []string{"a", "a/x", "a/y", "b", "b/z", "c"} {
			to, name := "cse-in/site/floor2", path
			if above, below, deep := strings.Cut(path, "/"); deep {
				to, name = to+"/"+above, below
			}
			w.must(onem2m.Created, ask{op: "C3", to: to, from: "Cweb01", body: `{"m2m:cnt":{"rn":"` + name + `"}}`})
		}
		for _, tt := range []struct {
			query, want string
			next        int // 0: nothing is left
		}{
			{"lim=6", "a(x y) b(z) c", 0},
			{"lim=5", "a(x y) b(z)", 6},
			{"lim=4", "a(x y)", 4},
			{"lim=4&ofst=4", "b(z) c", 0},
			{"lim=3", "a(x y)", 4},
			{"lim=2", "a(x)", 3}, // the first would never come else
			{"lim=2&ofst=3", "y", 4},
			{"lim=4&lvl=1", "a b c", 0},
			{"lim=2&lvl=1", "a b", 3},
		} {
			res := w.do(ask{op: "R", to: "cse-in/site/floor2?rcn=8&" + tt.query, from: "Cweb01"})
			o, err := onem2m.ParseObject(res.Content.Value)
			if err != nil {
				t.Fatal(err)
			}
			var shown []string
			list, _ := o.Objects("m2m:cnt")
			for _, child := range list {
				name, _ := child.Text("rn")
				var names []string
				below, _ := child.Objects("m2m:cnt")
				for _, one := range below {
					name, _ := one.Text("rn")
					names = append(names, name)
				}
				if len(names) > 0 {
					name += "(" + strings.Join(names, " ") + ")"
				}
				shown = append(shown, name)
			}
			if got := strings.Join(shown, " "); got != tt.want || int(res.ContentOffset) != tt.next {
				t.Errorf("%s: got %q, next %d, want %q, %d", tt.query, got, res.ContentOffset, tt.want, tt.next)
			}
		}
	})
	t.Run("C-108 A-75 children without RETRIEVE vanish with all below them", func(t *testing.T) {
		w.policy("Cweb01", "cse-in/site", "open", `{"acor":["Cguest1"],"acop":34}`)
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/site/floor1", from: "CAdmin", body: `{"m2m:cnt":{"acpi":["cse-in/site/open"]}}`})
		w.must(onem2m.Updated, ask{op: "U", to: "cse-in/site/floor1/hall", from: "CAdmin", body: `{"m2m:cnt":{"acpi":["cse-in/site/open"]}}`})
		for _, rcn := range []string{"5", "6"} {
			res := w.do(ask{op: "R", to: "cse-in/site/floor1?rcn=" + rcn, from: "Cguest1"})
			want := `[` + ref("hall", "3", "cse-in/site/floor1/hall") + `]`
			o, _ := onem2m.ParseObject(res.Content.Value)
			got := string(o.Get("ch")) + string(o.Get("rrf"))
			if got != want {
				t.Errorf("rcn %s: got %s", rcn, text(res))
			}
		}
		for _, rcn := range []string{"4", "8"} {
			o := w.must(onem2m.OK, ask{op: "R", to: "cse-in/site/floor1?rcn=" + rcn, from: "Cguest1"})
			list, _ := o.Objects("m2m:cnt")
			if len(list) != 1 || string(list[0].Get("rn")) != `"hall"` {
				t.Errorf("rcn %s: got %s", rcn, o.Append(nil))
			}
		}
	})
}
