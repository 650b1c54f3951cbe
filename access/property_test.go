package access

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// pairs is how many questions are drawn from each seed: with the 100
// seeds of a rapid run 30,000 pairs, nearly a fifth of them permitted.
const pairs = 300

// The alphabets are small and overlap, so that matches and near misses are
// frequent.
var (
	someOriginators = []string{
		"//m2m.example/id-in/Ca", "//m2m.example/id-in/Cab", "//m2m.example/id-in/Cabab", "//m2m.example/id-in/Sa",
		"//m2m.example/id-b/Ca", "//m2m.example/id-in", "//m2m.example/id-b", "//m2m.example/Sa", "//m2m.example/Sab",
		"//other.example/id-in/Ca", "//other.example/id-in", "//other.example/Sa", "//sub.m2m.example/id-in/Cab", "",
	}
	someEntries = []string{
		"all", "All", "*", "", "//", "/", "//*", "//m2m.example", "//other.example", "//*.example", "//m2m.*",
		"Ca", "Cab", "C*", "C*b", "C*a", "C*ab*b", "C*a*b", "Ca*", "*a", "Sa", "S*", "S*b", "Ca?", "C.*", "CA",
		"/id-in", "/id-*", "/*", "/*/*", "/id-in/C*", "/id-in/*b*b", "/Sa", "/*/Ca", "/S*",
		"//m2m.example/id-in", "//m2m.example/*", "//*/id-in/Ca", "//*/id-in", "//*.example/*/C*b", "//other.example/Sa",
		"//m2m.example/", "//m2m.example//", "op@das.example", "guard@das.example", "op@*", "Cop@das.example", "C*@das.example",
		"cse-in/g1", "cse-in/g1/fopt", "cse-in/g*", "Cgroup", "/id-in/g2", "//m2m.example/id-in/g2", "g3",
	}
	someWindows = []string{
		"* * * * * * *", "* * 8-17 * * 1-5 *", "* * 10,11 * * * *", "* 0-59/15 * * * * *", "*/10 */15 * * * * *",
		"* * * 4 * * *", "* * * * 3 3 2026", "* * * */3 * * *", "* * * * * 0,6 *", "* * * 29 2 * */4", "* * * * * * 2027-2030",
	}
	someIPv4   = []string{"192.0.2.0/26", "192.0.2.64/26", "192.0.2.77", "192.0.2.99/24", "0.0.0.0/0", "198.51.100.0/24"}
	someIPv6   = []string{"2001:db8::/32", "2001:db8::1", "::/0", "fe80::/10"}
	someAddrs  = []string{"192.0.2.77", "192.0.2.1", "::ffff:192.0.2.77", "2001:db8::1", "fe80::1%eth0", "198.51.100.9", ""}
	someCircle = []string{"[48.2,16.4,500.0]", "[48.2,16.4,5000]", "[0,180,200000]", "[90,0,1000000]"}
	someTypes  = []int{2, 3, 4, 13, 28}
)

// source draws from a seeded generator of its own, because tens of thousands
// of pairs drawn value by value through rapid would take minutes.
type source struct{ *rand.Rand }

func pick[T any](s source, from []T) T { return from[s.IntN(len(from))] }

func (s source) chance(percent int) bool { return s.IntN(100) < percent }

func (s source) list(n int, item func() string) string {
	var items []string
	for range n {
		items = append(items, item())
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (s source) strings(n int, from []string) string {
	return s.list(n, func() string { return fmt.Sprintf("%q", pick(s, from)) })
}

func (s source) policy() string {
	return `{"acr":` + s.list(s.IntN(4), s.rule) + `}`
}

// acop is everything as often as any other sum.
func (s source) acop() int { return pick(s, []int{int(AllPrivileges), 1 + s.IntN(63)}) }

func (s source) rule() string {
	out := fmt.Sprintf(`{"acor":%s,"acop":%d`, s.strings(1+s.IntN(4), someEntries), s.acop())
	if s.chance(30) {
		out += fmt.Sprintf(`,"acaf":%v`, s.chance(70))
	}
	if s.chance(50) {
		out += `,"acco":` + s.list(s.IntN(3), s.context)
	}
	if s.chance(40) {
		out += `,"acod":` + s.list(s.IntN(3), s.details)
	}
	return out + "}"
}

func (s source) context() string {
	var members []string
	if s.chance(40) {
		members = append(members, `"actw":`+s.strings(s.IntN(3), someWindows))
	}
	if s.chance(40) {
		var families []string
		if s.chance(70) {
			families = append(families, `"ipv4":`+s.strings(s.IntN(3), someIPv4))
		}
		if s.chance(50) {
			families = append(families, `"ipv6":`+s.strings(s.IntN(3), someIPv6))
		}
		members = append(members, `"acip":{`+strings.Join(families, ",")+`}`)
	}
	switch {
	case s.chance(20):
		members = append(members, `"aclr":{"accr":`+pick(s, someCircle)+`}`)
	case s.chance(20):
		members = append(members, `"aclr":{"accc":`+s.strings(1+s.IntN(2), []string{"AT", "DE", "FR"})+`}`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (s source) details() string {
	out := `{"chty":` + s.list(1+s.IntN(3), func() string { return fmt.Sprint(pick(s, someTypes)) })
	ty := pick(s, someTypes)
	if s.chance(50) {
		out += fmt.Sprintf(`,"ty":%d`, ty)
	}
	switch {
	case ty == 28, s.chance(15):
		out += `,"spty":{"cnd":"` + pick(s, []string{"com.example.a", "com.example.b"}) + `"}`
	case ty == 13, s.chance(15):
		out += fmt.Sprintf(`,"spty":{"mgd":%d}`, pick(s, []int{0, 1001}))
	}
	return out + "}"
}

func (s source) query() *Query {
	q := &Query{
		Home: cseIn, Originator: onem2m.ID(pick(s, someOriginators)), Authenticated: s.chance(60),
		Operation:  onem2m.Operation(1 + s.IntN(5)),
		TargetType: onem2m.ResourceType(pick(s, someTypes)), ChildType: onem2m.ResourceType(pick(s, someTypes)),
		Time: wednesday.Add(time.Duration(s.IntN(7*86400)-3*86400) * time.Second),
	}
	q.Privilege = PrivilegeOf(q.Operation, s.chance(30))
	if ip := pick(s, someAddrs); ip != "" {
		q.IP = netip.MustParseAddr(ip)
	}
	if s.chance(60) {
		q.Location = &Location{
			Latitude: 48.2 + float64(s.IntN(100))/2000, Longitude: 16.4 + float64(s.IntN(100))/2000,
			Uncertainty: float64(s.IntN(3)) * 300, HasPosition: s.chance(80), Country: pick(s, []string{"", "AT", "DE"}),
		}
	}
	if s.chance(40) {
		q.Specialization.ContainerDefinition = pick(s, []string{"com.example.a", "com.example.b"})
	}
	if s.chance(40) {
		q.Specialization.MgmtDefinition, q.Specialization.HasMgmtDefinition = pick(s, []int64{0, 1001}), true
	}
	if q.Originator != "" && s.chance(50) { // nobody holds no role
		q.Roles = RoleSet{pick(s, []string{"op@das.example", "guard@das.example", "Cop@das.example"}): {}}
	}
	if s.chance(50) {
		members := []onem2m.ID{onem2m.ID(pick(s, someOriginators[:6])), onem2m.ID(pick(s, someOriginators[:6]))}
		q.Groups = &groups{members: map[string][]onem2m.ID{
			"cse-in/g1": members, "Cgroup": members, "/id-in/g2": members[:1], "g3": members[1:], "cse-in/g*": members,
		}}
	}
	return q
}

func newSource(t *rapid.T) source {
	return source{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
}

func TestDecision_A02_A04_AgreesWithAPlainReadingOfTheAlgorithm(t *testing.T) {
	t.Parallel()
	total, permitted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		for range pairs {
			set, q := s.policy(), s.query()
			p, err := Compile(cseIn, jsontext.Value(set), "pv")
			if err != nil {
				t.Fatalf("%s: %v", set, err)
			}
			want := naivePermits(cseIn, set, q)
			if got := p.Permits(q); got != want {
				t.Fatalf("%s\n%+v\ngot %v, want %v", set, q, got, want)
			}
			checkExplanation(t, p, q, want)
			total++
			if want {
				permitted++
			}
		}
	})
	if permitted*10 < total {
		t.Errorf("only %d of %d pairs are permitted, which tests little", permitted, total)
	}
	t.Logf("%d of %d pairs permitted", permitted, total)
}

// checkExplanation makes sure that what is explained is what was decided.
func checkExplanation(t *rapid.T, p *Policy, q *Query, want bool) {
	sources := []Source{{"acp", p}}
	decision := Decide(q, sources)
	first := -1
	for _, r := range Explain(q, sources) {
		if r.Permits && first < 0 {
			first = r.Rule
		}
		if r.Text == "" || r.Permits != (r.Part == "") {
			t.Fatalf("an explanation without a reason: %+v", r)
		}
	}
	if decision.Permit != want || decision.Rule != first {
		t.Fatalf("decision %+v, explained rule %d, want %v", decision, first, want)
	}
}

func TestDecision_A05_MoreRulesNeverDenyAndOrderNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		for range 20 {
			q := s.query()
			var rules []string
			for range 1 + s.IntN(4) {
				rules = append(rules, s.rule())
			}
			permits := func(rules []string) bool {
				p, err := Compile(cseIn, jsontext.Value(`{"acr":[`+strings.Join(rules, ",")+`]}`), "pv")
				if err != nil {
					t.Fatal(err)
				}
				return p.Permits(q)
			}
			before := permits(rules)
			if before && !permits(append([]string{s.rule()}, rules...)) {
				t.Fatalf("a rule more denies: %v", rules)
			}
			s.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
			if permits(rules) != before {
				t.Fatalf("the order of the rules matters: %v", rules)
			}
		}
	})
}

func TestDecision_A83_RestrictionsOnlyRestrict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		for range 20 {
			q := s.query()
			bare := fmt.Sprintf(`{"acor":%s,"acop":%d`, s.strings(2, someEntries), s.acop())
			permits := func(members string) bool {
				p, err := Compile(cseIn, jsontext.Value(`{"acr":[`+bare+members+`}]}`), "pv")
				if err != nil {
					t.Fatal(err)
				}
				return p.Permits(q)
			}
			if permits("") {
				continue
			}
			for _, members := range []string{
				`,"acco":` + s.list(1+s.IntN(3), s.context), `,"acod":` + s.list(1+s.IntN(3), s.details), `,"acaf":true`,
			} {
				if permits(members) {
					t.Fatalf("%s permits only with %s", bare, members)
				}
			}
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add(`{"acr":[{"acor":["all"],"acop":63}]}`)
	f.Add(ruleForCop01(`"acaf":true,"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["192.0.2.0/24"],"ipv6":["::1"]}}]`))
	f.Add(ruleForCop01(`"acco":[{"aclr":{"accr":[48.2,16.4,500.0]}},{"aclr":{"accc":["AT"]}}]`))
	f.Add(ruleForCop01(`"acod":[{"ty":28,"spty":{"cnd":"com.example.lamp"},"chty":[4]}]`))
	f.Add(`{"acr":[{"acor":["//*/id-in/C*","op@das.example","cse-in/g1"],"acop":2}]}`)
	f.Add(`{"acr":[],"acr":[]}`)
	f.Fuzz(func(t *testing.T, set string) {
		p, err := Compile(cseIn, jsontext.Value(set), "pv")
		if err != nil {
			if e := onem2m.AsError(err); e.Code != onem2m.BadRequest || e.Text == "" || len(e.Text) > 300 {
				t.Fatalf("got %v", err)
			}
			return
		}
		q := cop01()
		if got, want := p.Permits(q), naivePermits(cseIn, set, q); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		Explain(q, []Source{{"acp", p}})
		p.Findings(wednesday)
	})
}
