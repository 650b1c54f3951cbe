package cse

import (
	"fmt"
	"testing"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

func TestMembership_OfAnOriginator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for stem, name := range map[string]string{"Capp01": "app", "Cin0001": "in", "Cdeep01": "deep", "Cpath01": "path", "Cout001": "out"} {
		w.register(stem, name)
	}
	w.must(onem2m.Created, ask{op: "C16", to: "cse-in", from: "/id-mn", body: `{"m2m:csr":{"rn":"mn","cb":"/id-mn/cse","csi":"/id-mn","rr":false,"srv":["3"]}}`, assoc: certificate(2, "//m2m.example/id-mn")})
	w.group("Capp01", "cse-in/app", "sub", `"mid":["Cdeep01"]`)
	w.group("Capp01", "cse-in/app", "ops", `"mid":["Cin0001","cse-in/path","cse-in/app/sub/fopt","cse-in/mn","/id-far/Cout001"]`)
	w.group("Capp01", "cse-in/app", "plain", `"mid":["cse-in/app/sub"]`)
	w.group("Capp01", "cse-in/app", "below", `"mid":["cse-in/app/sub/fopt/fopt"]`)
	ri := w.ri("cse-in/app/ops")
	for _, tt := range []struct {
		id, name, group string
		who             onem2m.ID
		want            bool
	}{
		{"A-66", "a member by its identifier", ri, "//m2m.example/id-in/Cin0001", true},
		{"A-59", "the group by its name", "cse-in/app/ops", "//m2m.example/id-in/Cin0001", true},
		{"A-59", "the group by its SP-relative address", "/id-in/" + ri, "//m2m.example/id-in/Cin0001", true},
		{"A-66", "a member by its name", ri, "//m2m.example/id-in/Cpath01", true},
		{"A-66", "a member of a sub-group", ri, "//m2m.example/id-in/Cdeep01", true},
		{"A-66", "a CSE", ri, "//m2m.example/id-mn", true},
		{"A-66", "not a member", ri, "//m2m.example/id-in/Cout001", false},
		{"A-66", "not the same stem at another CSE", ri, "//m2m.example/id-mn/Cin0001", false},
		{"A-66", "a group that is a member without fopt brings nobody", "cse-in/app/plain", "//m2m.example/id-in/Cdeep01", false},
		{"A-66", "nor does what stands below its members", "cse-in/app/below", "//m2m.example/id-in/Cdeep01", false},
		{"A-67", "no such group", "cse-in/app/none", "//m2m.example/id-in/Cin0001", false},
		{"A-67", "an AE is no group", "Cin0001", "//m2m.example/id-in/Cin0001", false},
		{"A-67", "a group elsewhere", "/id-far/" + ri, "//m2m.example/id-in/Cin0001", false},
		{"A-67", "no address at all", "a b", "//m2m.example/id-in/Cin0001", false},
		{"A-67", "nobody", ri, "", false},
	} {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			err := w.store.Read(t.Context(), func(r store.Reader) error {
				g := &groups{snapshot: snapshot{c: w.c, r: r, now: onem2m.TimestampOf(w.now())}}
				if got := g.Member(tt.group, tt.who); got != tt.want {
					t.Errorf("got %v, want %v", got, tt.want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestMembership_C361_IsDecidedWhenItIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cin0001", "in")
	w.group("Capp01", "cse-in/app", "ops", `"mid":[]`)
	w.policy("Capp01", "cse-in/app", "p", `{"acor":["`+w.ri("cse-in/app/ops")+`"],"acop":2}`)
	w.container("Capp01", "cse-in/app", "c", `"acpi":["cse-in/app/p"]`)
	read := ask{op: "R", to: "cse-in/app/c", from: "Cin0001"}
	w.must(onem2m.OriginatorHasNoPrivilege, read)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/ops", from: "Capp01", body: `{"m2m:grp":{"mid":["Cin0001"]}}`})
	w.must(onem2m.OK, read)
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "D", to: "cse-in/app/c", from: "Cin0001"})
	w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/app/ops", from: "Capp01"})
	w.must(onem2m.OriginatorHasNoPrivilege, read)
}

func TestMembership_A191_EndsInLoopsAndDeepNests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cin0001", "in")
	w.group("Capp01", "cse-in/app", "g0", `"mid":["Cin0001"]`)
	for i := range maxGroupDepth + 1 {
		w.group("Capp01", "cse-in/app", fmt.Sprintf("g%d", i+1), fmt.Sprintf(`"mid":["cse-in/app/g%d/fopt"]`, i))
	}
	w.group("Capp01", "cse-in/app", "loop", `"mid":[]`)
	w.must(onem2m.Updated, ask{op: "U", to: "cse-in/app/loop", from: "Capp01", body: `{"m2m:grp":{"mid":["cse-in/app/loop/fopt"]}}`})
	for group, want := range map[string]bool{
		fmt.Sprintf("g%d", maxGroupDepth-1): true, fmt.Sprintf("g%d", maxGroupDepth): false, "loop": false,
	} {
		err := w.store.Read(t.Context(), func(r store.Reader) error {
			g := &groups{snapshot: snapshot{c: w.c, r: r, now: onem2m.TimestampOf(w.now())}}
			if got := g.Member("cse-in/app/"+group, "//m2m.example/id-in/Cin0001"); got != want {
				t.Errorf("%s: got %v, want %v", group, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
