package access

import (
	"fmt"
	"strings"
	"testing"
)

// manyRules gives a policy of n rules of which only the last permits Cop01,
// from an address in working hours: the worst place for it.
func manyRules(t testing.TB, n int) *Policy {
	var rules []string
	for i := range n - 1 {
		rules = append(rules, fmt.Sprintf(`{"acor":["Cother%d","/id-b/C*%d","op%d@das.example"],"acop":63}`, i, i, i))
	}
	rules = append(rules, `{"acor":["Cop01"],"acop":2,"acaf":true,
		"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["192.0.2.64/26"]}}]}`)
	return mustCompile(t, cseIn, `{"acr":[`+strings.Join(rules, ",")+`]}`)
}

func TestDecide_AllocatesNothing(t *testing.T) {
	sources := []Source{{"acp", manyRules(t, 100)}}
	permitted, denied := cop01(), cop01()
	permitted.Roles, permitted.Location = RoleSet{"x@das.example": {}}, &Location{Country: "AT"}
	denied.Authenticated = false
	denied.Originator = "//other.example/id-b/Cop01"
	if n := testing.AllocsPerRun(100, func() {
		if !Decide(permitted, sources).Permit || Decide(denied, sources).Permit {
			t.Fatal("wrong decision")
		}
	}); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			sources := []Source{{"acp", manyRules(b, n)}}
			q := cop01()
			b.ReportAllocs()
			for b.Loop() {
				if !Decide(q, sources).Permit {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	set := ruleForCop01(`"acco":[{"actw":["* * 8-17 * * 1-5 *"],"acip":{"ipv4":["192.0.2.64/26"]}}]`)
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, cseIn, set)
	}
}

func BenchmarkOwner(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Owner("//m2m.example/id-in/Cop01")
	}
}
