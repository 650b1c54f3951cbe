package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

// permissionOf reads a permission as naiveWithTokens does.
func permissionOf(t testing.TB, text string) Permission {
	t.Helper()
	var p struct {
		Resources  []string       `json:"ris"`
		Privileges jsontext.Value `json:"pv"`
		Roles      []string       `json:"rids"`
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	out := Permission{Resources: p.Resources, Roles: p.Roles}
	if p.Privileges != nil {
		out.Privileges = mustCompile(t, cseIn, string(p.Privileges))
	}
	return out
}

var someResources = []string{"1", "2", "3"}

// permission makes one of the shapes that a token may have.
func (s source) permission() string {
	var members []string
	limited := s.chance(70)
	if limited {
		members = append(members, `"ris":`+s.strings(s.IntN(3), someResources))
	}
	if s.chance(60) {
		members = append(members, `"pv":`+s.policy())
	}
	if s.chance(60) {
		members = append(members, `"rids":`+s.strings(1+s.IntN(2), []string{"op@das.example", "guard@das.example", "Cop@das.example"}))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestTokens_A131_A132_A133_A134_AgreeWithAPlainReadingOfTheAlgorithm(t *testing.T) {
	t.Parallel()
	total, permitted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := newSource(rt)
		for range 20 {
			q := s.query()
			if q.Originator == "" {
				continue // nobody holds no token
			}
			q.Target, q.Governing = pick(s, someResources), pick(s, append([]string{""}, someResources...))
			if s.chance(10) {
				q.TargetType = onem2m.TypeAccessControlPolicy
			}
			var sets []string
			var sources []Source
			for i := range 1 + s.IntN(2) {
				set := s.policy()
				sets = append(sets, set)
				sources = append(sources, Source{fmt.Sprint("acp", i), mustCompile(t, cseIn, set)})
			}
			var plain []naiveToken
			var tokens []Token
			for range s.IntN(3) {
				n, token := naiveToken{}, Token{Name: "tk@das.example"}
				for range s.IntN(3) {
					text := s.permission()
					n.permissions = append(n.permissions, text)
					token.Permissions = append(token.Permissions, permissionOf(t, text))
				}
				plain, tokens = append(plain, n), append(tokens, token)
			}
			static := Decide(q, sources).Permit
			got := static || DecideWithTokens(q, sources, tokens).Permit
			if want := naiveWithTokens(cseIn, sets, plain, q); got != want {
				rt.Fatalf("%v\n%v\n%+v\ngot %v, want %v", sets, plain, q, got, want)
			}
			if !static {
				total++
				if got {
					permitted++
				}
				explained := false
				for _, r := range ExplainTokens(q, sources, tokens) {
					explained = explained || r.Permits
				}
				if explained != got {
					rt.Fatalf("explained %v, decided %v: %v %+v", explained, got, plain, q)
				}
			}
		}
	})
	if permitted*50 < total {
		t.Errorf("only %d of %d are permitted by tokens, which tests little", permitted, total)
	}
	t.Logf("%d of %d denials are lifted by tokens", permitted, total)
}

func TestTokens_A201_RolesCountForPoliciesAndRulesDoNot(t *testing.T) {
	t.Parallel()
	q := cop01()
	q.Target, q.Governing, q.TargetType = "1", "1", onem2m.TypeAccessControlPolicy
	sources := []Source{{"selfPrivileges", mustCompile(t, cseIn, `{"acr":[{"acor":["op@das.example"],"acop":2}]}`)}}
	rules := []Token{{Name: "tk", Permissions: []Permission{permissionOf(t, `{"ris":["1"],"pv":`+ruleForCop01("")+`}`)}}}
	if DecideWithTokens(q, sources, rules).Permit {
		t.Error("rules of a token open a policy")
	}
	q.TargetType = onem2m.TypeContainer
	if DecideByTokenRoles(q, sources, rules).Permit || !DecideWithTokens(q, sources, rules).Permit {
		t.Error("rules of a token count where only roles do, or not where they do")
	}
	roles := []Token{{Name: "tk", Permissions: []Permission{{Roles: []string{"op@das.example"}}}}}
	d := DecideByTokenRoles(q, sources, roles)
	if !d.Permit || d.Source != "selfPrivileges by a role of token tk permission 1" {
		t.Errorf("got %+v", d)
	}
	if len(q.Roles) != 0 {
		t.Error("the roles of a token stay with the originator")
	}
}

func BenchmarkDecide_RolesAndTokens(b *testing.B) {
	q := cop01()
	q.Roles, q.Target, q.Governing = RoleSet{"op@das.example": {}}, "1", "1"
	byRole := []Source{{"acp", mustCompile(b, cseIn, `{"acr":[{"acor":["op@das.example"],"acop":2}]}`)}}
	b.Run("a role", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !Decide(q, byRole).Permit {
				b.Fatal("denied")
			}
		}
	})
	none := cop01()
	none.Target, none.Governing = "1", "1"
	denied := []Source{{"acp", mustCompile(b, cseIn, `{"acr":[{"acor":["guard@das.example"],"acop":2}]}`)}}
	for name, text := range map[string]string{
		"rules of a token":  `{"ris":["1"],"pv":` + ruleForCop01("") + `}`,
		"a role of a token": `{"rids":["guard@das.example"]}`,
	} {
		tokens := []Token{{Name: "tk@das.example", Permissions: []Permission{permissionOf(b, text)}}}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !DecideWithTokens(none, denied, tokens).Permit {
					b.Fatal("denied")
				}
			}
		})
	}
}
