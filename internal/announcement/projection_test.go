package announcement

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func object(t testing.TB, s string) onem2m.Object {
	t.Helper()
	o, err := onem2m.ParseObject([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestProjection_OfTypes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		root, original, want string
	}{
		"C-392 what is mandatory":               {"m2m:ae", `{"ri":"Cx","ct":"1","lbl":["a"],"srv":["3"],"api":"N","rr":true}`, `{"lbl":["a"],"srv":["3"]}`},
		"C-392 what is listed":                  {"m2m:ae", `{"api":"N","rr":true,"aa":["api"],"at":["/x/y"]}`, `{"api":"N"}`},
		"C-392 what is never announced":         {"m2m:cnt", `{"cr":"C","cni":1,"st":2,"aa":["cni","st","cr"]}`, `null`},
		"C-392 a specialization of <mgmtObj>":   {"m2m:bat", `{"mgd":1006,"btl":3,"bts":1,"aa":["btl"]}`, `{"mgd":1006,"btl":3}`},
		"C-392 a type without announcement":     {"m2m:sub", `{"nu":["a"],"aa":["nu"]}`, `null`},
		"C-392 a listed one that isn't present": {"m2m:cnt", `{"aa":["mni"]}`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, info := "null", onem2m.TypeByRoot(tt.root)
			if o := Projection(info, Variant(info, onem2m.TypeByRoot), object(t, tt.original)); o != nil {
				got = string(o.Append(nil))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEffective_C393_C397(t *testing.T) {
	t.Parallel()
	container := onem2m.TypeByRoot("m2m:cnt")
	got, err := Effective(container, Variant(container, onem2m.TypeByRoot), []string{"mni", "lbl", "ri", "cr", "mni", "mbs"})
	if diff := cmp.Diff([]string{"mni", "lbl", "mbs"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := Effective(container, Variant(container, onem2m.TypeByRoot), []string{"api"}); onem2m.AsError(err).Code != onem2m.BadRequest {
		t.Errorf("got %v", err)
	}
}

// TestProjection_C479_ACopyFollowsItsOriginal changes an original at random; a
// copy gets an amendment for each step, or for several at once.
func TestProjection_C479_ACopyFollowsItsOriginal(t *testing.T) {
	t.Parallel()
	names := []string{"lbl", "mni", "mbs", "mia", "or", "disr", "cr", "cni"}
	info := onem2m.TypeByRoot("m2m:cnt")
	copies := Variant(info, onem2m.TypeByRoot)
	rapid.Check(t, func(t *rapid.T) {
		var original, copied onem2m.Object
		exists := false
		var owed []string
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			before := Projection(info, copies, original)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				original.Set(rapid.SampledFrom(names).Draw(t, "name"), onem2m.IntValue(rapid.Int64Range(0, 3).Draw(t, "value")))
			case 1:
				original.Delete(rapid.SampledFrom(names).Draw(t, "name"))
			case 2:
				original.Set("aa", onem2m.TextsValue(rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, "aa")))
			case 3: // announced, or not any more
				exists, owed = !exists, nil
				copied = Projection(info, copies, original).Clone()
				continue
			}
			owed = append(owed, Changed(before, Projection(info, copies, original))...)
			if !exists || rapid.Bool().Draw(t, "later") {
				continue
			}
			for _, m := range Amendment(Projection(info, copies, original), owed) {
				if string(m.Value) == "null" {
					copied.Delete(m.Name)
				} else {
					copied.Set(m.Name, m.Value)
				}
			}
			owed = nil
			want := map[string]string{}
			listed, _ := original.Texts("aa")
			for _, m := range original { // MA ∪ (OA ∩ aa), by the table of <container>
				if m.Name == "lbl" || slices.Contains([]string{"mni", "mbs", "mia", "or", "disr"}, m.Name) && slices.Contains(listed, m.Name) {
					want[m.Name] = string(m.Value)
				}
			}
			got := map[string]string{}
			for _, m := range copied {
				got[m.Name] = string(m.Value)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestCompare_C389_C396(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
	copies := []string{"/id-in/a", "//far.example/id-far/b"}
	for name, tt := range map[string]struct {
		wanted []string
		want   Targets
	}{
		"an address stays":             {[]string{"/id-in/a"}, Targets{Kept: copies[:1], Gone: copies[1:]}},
		"a CSE-ID stands for its copy": {[]string{"/id-in", "//far.example/id-far"}, Targets{Kept: copies}},
		"a new CSE-ID":                 {[]string{"/id-in/a", "/id-new", "//m2m.example/id-new"}, Targets{Kept: copies[:1], New: []Target{{Host: "//m2m.example/id-new"}}, Gone: copies[1:]}},
		"a new address":                {[]string{"/id-in/c"}, Targets{New: []Target{{Host: "//m2m.example/id-in", To: "/id-in/c"}}, Gone: copies}},
		"nothing":                      {nil, Targets{Gone: copies}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Compare(home, copies, tt.wanted)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
	for _, bad := range []string{"", "/id-mn", "//m2m.example/id-mn/x", "cse-mn/x", "https://x.example"} {
		if _, err := Compare(home, nil, []string{bad}); onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Compare(home, nil, slices.Repeat([]string{"/id-in"}, MaxTargets+1)); err == nil {
		t.Error("too many targets")
	}
}

func TestWidened_C021(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
	o := object(t, `{"acpi":["cse-mn/acp","acp1","/id-x/y","//far.example/id-far/z"],"aei":"Cx","nl":"nod1","or":"cse-mn/x","mid":["https://x.example/"]}`)
	for host, want := range map[onem2m.ID]string{
		"//m2m.example/id-in":  `{"acpi":["/id-mn/cse-mn/acp","/id-mn/acp1","/id-x/y","//far.example/id-far/z"],"aei":"/id-mn/Cx","nl":"/id-mn/nod1","or":"cse-mn/x","mid":["https://x.example/"]}`,
		"//far.example/id-far": `{"acpi":["//m2m.example/id-mn/cse-mn/acp","//m2m.example/id-mn/acp1","//m2m.example/id-x/y","//far.example/id-far/z"],"aei":"//m2m.example/id-mn/Cx","nl":"//m2m.example/id-mn/nod1","or":"cse-mn/x","mid":["https://x.example/"]}`,
	} {
		if diff := cmp.Diff(want, string(Widened(o, home, host).Append(nil))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWidened_C021_OriginatorsInRules(t *testing.T) {
	t.Parallel()
	home := onem2m.Home{SP: "//m2m.example", CSE: "/id-mn", Name: "cse-mn"}
	o := object(t, `{"pv":{"acr":[{"acor":["Cx","Sx","C*","/id-in/Cy","//far.example/id-far/Cz","//far.example","all","role@far.example","cse-mn/grp","grp1","/id-in/cse-in/grp"],"acop":2,"acod":[{"chty":[3]}]},{"acor":["all"],"acop":1}]},"pvs":{"acr":[{"acor":["Cx"],"acop":63}]},"apri":["cse-mn/point"]}`)
	for host, want := range map[onem2m.ID]string{
		"//m2m.example/id-in":  `{"pv":{"acr":[{"acor":["/id-mn/Cx","/Sx","/id-mn/C*","/id-in/Cy","//far.example/id-far/Cz","//far.example","all","role@far.example","/id-mn/cse-mn/grp","/id-mn/grp1","/id-in/cse-in/grp"],"acop":2,"acod":[{"chty":[3]}]},{"acor":["all"],"acop":1}]},"pvs":{"acr":[{"acor":["/id-mn/Cx"],"acop":63}]},"apri":["/id-mn/cse-mn/point"]}`,
		"//far.example/id-far": `{"pv":{"acr":[{"acor":["//m2m.example/id-mn/Cx","//m2m.example/Sx","//m2m.example/id-mn/C*","//m2m.example/id-in/Cy","//far.example/id-far/Cz","//far.example","all","role@far.example","//m2m.example/id-mn/cse-mn/grp","//m2m.example/id-mn/grp1","//m2m.example/id-in/cse-in/grp"],"acop":2,"acod":[{"chty":[3]}]},{"acor":["all"],"acop":1}]},"pvs":{"acr":[{"acor":["//m2m.example/id-mn/Cx"],"acop":63}]},"apri":["//m2m.example/id-mn/cse-mn/point"]}`,
	} {
		if diff := cmp.Diff(want, string(Widened(o, home, host).Append(nil))); diff != "" {
			t.Error(diff)
		}
	}
	for _, odd := range []string{`{"pv":{}}`, `{"pv":[]}`, `{"pv":{"acr":[{"acop":1}]}}`, `{"pv":{"acr":1}}`} {
		if got := string(Widened(object(t, odd), home, "//m2m.example/id-in").Append(nil)); got != odd {
			t.Errorf("%s became %s", odd, got)
		}
	}
}
