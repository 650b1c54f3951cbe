package cse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// series is a plain model of a container with bounds.
type series struct {
	mni, mbs int64 // -1: none
	st       int64
	kept     []string
}

func (s *series) bytes() (n int64) {
	for _, con := range s.kept {
		n += int64(len(con))
	}
	return n
}

func (s *series) fit() {
	for len(s.kept) > 0 && (s.mni >= 0 && int64(len(s.kept)) > s.mni || s.mbs >= 0 && s.bytes() > s.mbs) {
		s.kept = s.kept[1:]
	}
}

// TestSeries_C477_MatchesAPlainModel runs random streams of instances, deletions
// and changes of the bounds, and looks at everything after every operation.
func TestSeries_C477_MatchesAPlainModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		to := fmt.Sprintf("cse-in/app/c%d", round)
		w.container("Capp01", "cse-in/app", fmt.Sprintf("c%d", round), "")
		m := series{mni: -1, mbs: -1}
		do := func(op, to, body string) onem2m.StatusCode {
			return w.do(ask{op: op, to: to, from: "Capp01", body: body}).Code
		}
		bound := func(name string, into *int64, most int64) {
			n := rapid.Int64Range(-1, most).Draw(rt, name)
			value := "null"
			if n >= 0 {
				value = fmt.Sprint(n)
			}
			if code := do("U", to, `{"m2m:cnt":{"`+name+`":`+value+`}}`); code != onem2m.Updated {
				rt.Fatalf("UPDATE %s %s: %d", name, value, code)
			}
			*into = n
			m.st++
			m.fit()
		}
		edge := func(name string, at func() int) {
			want := onem2m.Deleted
			if len(m.kept) == 0 {
				want = onem2m.NotFound
			}
			if code := do("D", to+"/"+name, ""); code != want {
				rt.Fatalf("DELETE %s: %d, want %d", name, code, want)
			}
			if want == onem2m.Deleted {
				m.kept = slices.Delete(m.kept, at(), at()+1)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"instance": func(rt *rapid.T) {
				con := strings.Repeat("x", rapid.IntRange(0, 12).Draw(rt, "size"))
				code := do("C4", to, `{"m2m:cin":{"con":"`+con+`"}}`)
				if m.mbs >= 0 && int64(len(con)) > m.mbs {
					if code != onem2m.NotAcceptable {
						rt.Fatalf("C-233: %d octets into %d: %d", len(con), m.mbs, code)
					}
					return
				}
				if code != onem2m.Created {
					rt.Fatalf("CREATE: %d", code)
				}
				m.st++
				m.kept = append(m.kept, con)
				m.fit()
			},
			"mni":    func(rt *rapid.T) { bound("mni", &m.mni, 6) },
			"mbs":    func(rt *rapid.T) { bound("mbs", &m.mbs, 40) },
			"latest": func(*rapid.T) { edge("la", func() int { return len(m.kept) - 1 }) },
			"oldest": func(*rapid.T) { edge("ol", func() int { return 0 }) },
			"": func(rt *rapid.T) {
				o, err := onem2m.ParseObject(w.do(ask{op: "R", to: to + "?rcn=4", from: "Capp01"}).Content.Value)
				if err != nil {
					rt.Fatal(err)
				}
				st, _ := o.Int("st")
				cni, _ := o.Int("cni")
				cbs, _ := o.Int("cbs")
				var kept []string
				list, _ := o.Objects("m2m:cin")
				for _, instance := range list {
					con, _ := instance.Text("con")
					kept = append(kept, con)
				}
				if st != m.st || cni != int64(len(m.kept)) || cbs != m.bytes() || !slices.Equal(kept, m.kept) {
					rt.Fatalf("st %d cni %d cbs %d %q, want %d %d %d %q", st, cni, cbs, kept, m.st, len(m.kept), m.bytes(), m.kept)
				}
				for name, at := range map[string]int{"la": len(m.kept) - 1, "ol": 0} {
					res := w.do(ask{op: "R", to: to + "/" + name, from: "Capp01"})
					if len(m.kept) == 0 {
						if res.Code != onem2m.NotFound {
							rt.Fatalf("C-240 %s: %d", name, res.Code)
						}
						continue
					}
					o, _ := onem2m.ParseObject(res.Content.Value)
					if con, _ := o.Text("con"); con != m.kept[at] {
						rt.Fatalf("C-240 %s: %q, want %q", name, con, m.kept[at])
					}
				}
			},
		})
	})
}

// plant is a resource of the model tree.
type plant struct {
	address  string
	ty       onem2m.ResourceType
	labels   []string
	level    int
	open     bool // the guest may discover it
	children []*plant
}

// grow builds a random tree in the CSE and as a model.
func grow(rt *rapid.T, w *world, p *plant, name *int, depth int) {
	for range rapid.IntRange(0, 3).Draw(rt, "children") {
		*name++
		rn := fmt.Sprintf("n%d", *name)
		c := &plant{address: p.address + "/" + rn, ty: onem2m.TypeContainer, level: p.level + 1}
		c.labels = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "k:1", "k:2"}), 0, 2, rapid.ID).Draw(rt, "labels")
		body := `"rn":"` + rn + `"`
		if len(c.labels) > 0 {
			body += `,"lbl":` + string(onem2m.TextsValue(c.labels))
		}
		op, root := "C3", "m2m:cnt"
		if p.level > 0 && rapid.IntRange(0, 2).Draw(rt, "instance") == 0 {
			op, root, c.ty, c.open = "C4", "m2m:cin", onem2m.TypeContentInstance, p.open
			body += `,"con":"x"`
		} else if c.open = rapid.Bool().Draw(rt, "open"); c.open {
			body += `,"acpi":["cse-in/app/guests"]`
		}
		w.must(onem2m.Created, ask{op: op, to: p.address, from: "CAdmin", body: `{"` + root + `":{` + body + `}}`})
		p.children = append(p.children, c)
		if c.ty == onem2m.TypeContainer && depth > 1 {
			grow(rt, w, c, name, depth-1)
		}
	}
}

// wish is a random filter: its query, and what it means by brute force.
type wish struct {
	tests      []func(*plant) bool
	fo         int64
	lvl        int
	ofst, lim  int
	parameters []string
}

func (q *wish) matches(p *plant) bool {
	if len(q.tests) == 0 {
		return true
	}
	n := 0
	for _, test := range q.tests {
		if test(p) {
			n++
		}
	}
	switch q.fo {
	case 2:
		return n > 0
	case 3:
		return n%2 == 1
	}
	return n == len(q.tests)
}

func drawWish(rt *rapid.T) *wish {
	q := &wish{fo: rapid.Int64Range(1, 3).Draw(rt, "fo"), ofst: 1, lim: 1 << 20}
	q.parameters = []string{"fu=1", fmt.Sprintf("fo=%d", q.fo)}
	add := func(parameter string, test func(*plant) bool) {
		if rapid.IntRange(0, 2).Draw(rt, parameter) == 0 {
			q.parameters = append(q.parameters, parameter)
			q.tests = append(q.tests, test)
		}
	}
	has := func(p *plant, list ...string) bool {
		return slices.ContainsFunc(p.labels, func(l string) bool { return slices.Contains(list, l) })
	}
	add("lbl=a", func(p *plant) bool { return has(p, "a") })
	add("ty=4", func(p *plant) bool { return p.ty == onem2m.TypeContentInstance })
	add("lbq=k EQ 1", func(p *plant) bool { return has(p, "k:1") })
	add("sza=1", func(p *plant) bool { return p.ty == onem2m.TypeContentInstance })
	add("sts=1", func(p *plant) bool {
		instances := slices.ContainsFunc(p.children, func(c *plant) bool { return c.ty == onem2m.TypeContentInstance })
		return p.ty == onem2m.TypeContainer && !instances
	})
	if n := rapid.IntRange(0, 4).Draw(rt, "lvl"); n > 0 {
		q.lvl = n
		q.parameters = append(q.parameters, fmt.Sprintf("lvl=%d", n))
	}
	if rapid.Bool().Draw(rt, "page") {
		q.ofst, q.lim = rapid.IntRange(1, 6).Draw(rt, "ofst"), rapid.IntRange(0, 6).Draw(rt, "lim")
		q.parameters = append(q.parameters, fmt.Sprintf("ofst=%d", q.ofst), fmt.Sprintf("lim=%d", q.lim))
	}
	return q
}

// TestDiscovery_C478_EqualsBruteForce compares discoveries on random trees with
// a walk over the model.
// referenced returns the addresses of a list of references.
func referenced(list string) (addresses []string) {
	for part := range strings.SplitSeq(list, `"val":"`) {
		if address, _, found := strings.Cut(part, `"`); found && strings.HasPrefix(address, "cse-in/") {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

func TestDiscovery_C478_EqualsBruteForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("Capp01", "app")
	w.register("Cguest1", "guest")
	w.policy("Capp01", "cse-in/app", "guests", `{"acor":["Cguest1"],"acop":34}`)
	name := 0
	rapid.Check(t, func(rt *rapid.T) {
		name++
		root := &plant{address: fmt.Sprintf("cse-in/app/root%d", name)}
		w.container("Capp01", "cse-in/app", fmt.Sprintf("root%d", name), `"acpi":["cse-in/app/guests"]`)
		grow(rt, w, root, &name, 4)
		for range 5 {
			q := drawWish(rt)
			guest := rapid.Bool().Draw(rt, "guest")
			children := rapid.Bool().Draw(rt, "children") // a result, in which what is hidden hides what is below it
			if children {
				q.parameters[0] = "rcn=6"
			}
			from := "CAdmin"
			if guest {
				from = "Cguest1"
			}
			var all []string
			var walk func(p *plant)
			walk = func(p *plant) {
				for _, c := range p.children {
					if (q.lvl == 0 || c.level <= q.lvl) && q.matches(c) && (c.open || !guest) {
						all = append(all, c.address)
					}
					if c.open || !guest || !children {
						walk(c)
					}
				}
			}
			walk(root)
			want := all[min(q.ofst-1, len(all)):]
			want = want[:min(q.lim, len(want))]
			cut := q.ofst-1+q.lim < len(all)
			res := w.do(ask{op: "R", to: root.address + "?" + strings.Join(q.parameters, "&"), from: from})
			found := text(res)
			if children {
				found = uril(referenced(found)...)
			}
			if found != uril(want...) {
				rt.Fatalf("%v by %s: got %s, want %v", q.parameters, from, text(res), want)
			}
			if cut != (res.ContentStatus == 1) || cut && res.ContentOffset != q.ofst+q.lim {
				rt.Fatalf("%v: cnst %d cnot %d of %d", q.parameters, res.ContentStatus, res.ContentOffset, len(all))
			}
		}
		w.must(onem2m.Deleted, ask{op: "D", to: root.address, from: "CAdmin"})
	})
}
