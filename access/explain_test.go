package access

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/onem2m"
)

func TestExplain_GivesAReasonForEachRule(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, `{"acr":[
		{"acor":["Cboss01","/id-in/Cguard*"],"acop":63},
		{"acor":["Cop*"],"acop":3,"acco":[{"actw":["* * 8-9 * * * *"]},{"acip":{"ipv4":["192.0.2.0/26"]}}]},
		{"acor":["all"],"acop":1,"acaf":true},
		{"acor":["Cop01"],"acop":2,"acco":[{"aclr":{"accc":["AT"]}},{"actw":["* * 10 * * * *"]}]}]}`)
	q := cop01()
	q.Authenticated = false
	got := Explain(q, []Source{{Name: "gone"}, {"empty", mustCompile(t, cseIn, `{}`)}, {"cse-in/acp", p}})
	want := []Reason{
		{"gone", -1, PartPolicy, "the policy could not be read, so it grants nothing", false},
		{"empty", -1, PartPolicy, "the policy has no rules", false},
		{"cse-in/acp", 0, PartOriginators, `Cop01 is not among "Cboss01", "/id-in/Cguard*"`, false},
		{"cse-in/acp", 1, PartContexts, `context 0: time 10:30:00 Wed 2026-03-04 UTC is outside "* * 8-9 * * * *"; ` +
			`context 1: 192.0.2.77 is outside "192.0.2.0/26"`, false},
		{"cse-in/acp", 2, PartAuthentication, "Cop01 is not authenticated, which the rule demands", false},
		{"cse-in/acp", 2, PartOperations, "RETRIEVE is not in 1 (CREATE)", false},
		{"cse-in/acp", 3, "", `Cop01 matches "Cop01", RETRIEVE is in 2, ` +
			`context 1 holds at 10:30:00 Wed 2026-03-04 UTC from 192.0.2.77`, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExplain_NamesThePartThatFails(t *testing.T) {
	t.Parallel()
	far := &Location{Latitude: 48.2082, Longitude: 16.3838, Uncertainty: 800, HasPosition: true}
	for _, tc := range []struct {
		name, members string
		change        func(*Query)
		part, text    string
	}{
		{
			"an unknown address", `"acco":[{"acip":{"ipv4":["192.0.2.0/24"]}}]`,
			func(q *Query) { q.IP = netip.Addr{} }, PartContexts, `an unknown address is outside "192.0.2.0/24"`,
		},
		{"acip without addresses", `"acco":[{"acip":{}}]`, nil, PartContexts, "192.0.2.77 is outside nothing"},
		{"an unknown location", `"acco":[{"aclr":{"accc":["AT"]}}]`, nil, PartContexts, "the location is unknown"},
		{
			"another country", `"acco":[{"aclr":{"accc":["AT"]}}]`,
			func(q *Query) { q.Location = &Location{Country: "FR"} }, PartContexts, `country "FR" is not among "AT"`,
		},
		{
			"an uncertain place", `"acco":[{"aclr":{"accr":[48.2082,16.3738,1500.0]}}]`,
			func(q *Query) { q.Location = far }, PartContexts, "741 m from the centre, uncertain by 800 m, is not within 1500 m",
		},
		{
			"a child type", `"acod":[{"ty":2,"chty":[3,23]},{"spty":{"mgd":1001},"chty":[4]},{"spty":{"cnd":"com.example.lamp"},"chty":[4]}]`,
			nil, PartObjectDetails, "acod 0: parent type 3 is not 2, child type 4 is not in [3 23]; " +
				"acod 1: another specialization than mgd 1001; " +
				`acod 2: another specialization than cnd "com.example.lamp"`,
		},
		{
			"nobody", ``, func(q *Query) { q.Originator = "" }, PartOriginators,
			`the originator without an identifier is not among "Cop01"`,
		},
		{"no operation", ``, func(q *Query) { q.Privilege = 0 }, PartOperations, "no operation is not in 1"},
		{
			"time in another zone", `"acco":[{"actw":["* * 23 * * * *"]}]`,
			func(q *Query) { q.Time = q.Time.In(time.FixedZone("UTC+13", 13*3600)) }, PartContexts,
			"time 10:30:00 Wed 2026-03-04 UTC is outside",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			members := ""
			if tc.members != "" {
				members = "," + tc.members
			}
			p := mustCompile(t, cseIn, `{"acr":[{"acor":["Cop01"],"acop":1`+members+`}]}`)
			q := cop01()
			q.Operation, q.Privilege, q.ChildType = onem2m.Create, Create, onem2m.TypeContentInstance
			if tc.change != nil {
				tc.change(q)
			}
			got := Explain(q, []Source{{"acp", p}})
			if len(got) != 1 || got[0].Permits || got[0].Part != tc.part || !strings.Contains(got[0].Text, tc.text) {
				t.Errorf("got %+v\nwant %s: %s", got, tc.part, tc.text)
			}
		})
	}
}

func TestExplain_NamesTheEntryThatMatches(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, `{"acr":[{"acor":["Cx","op@das.example","cse-in/g1"],"acop":2,"acaf":true}]}`)
	q := cop01()
	q.Groups = &groups{members: map[string][]onem2m.ID{"cse-in/g1": {q.Originator}}}
	const tail = ", RETRIEVE is in 2, the originator is authenticated"
	if got := Explain(q, []Source{{"acp", p}})[0].Text; got != `Cop01 matches "cse-in/g1"`+tail {
		t.Error(got)
	}
	q.Roles = RoleSet{"op@das.example": {}}
	if got := Explain(q, []Source{{"acp", p}})[0].Text; got != `Cop01 matches "op@das.example"`+tail {
		t.Error(got)
	}
	owned := Explain(q, []Source{{"default policy", Owner(q.Originator)}})[0]
	if !owned.Permits || owned.Text != `Cop01 matches "//m2m.example/id-in/Cop01", RETRIEVE is in 63` {
		t.Errorf("%+v", owned)
	}
}

func TestExplain_QuotesPoliciesShortAndWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, cseIn, `{"acr":[{"acor":["\u001b[2J","b","c","d","e","f","g"],"acop":2}]}`)
	got := Explain(cop01(), []Source{{"acp", p}})[0].Text
	if want := `Cop01 is not among "\x1b[2J", "b", "c", "d", "e" and 2 more`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, rule string
		want       []string
	}{
		{"a narrow rule is silent", `{"acor":["Cop01","//m2m.example","/id-b/C*","op@das.example","cse-in/g1"],"acop":63}`, nil},
		{"everybody may write", `{"acor":["all"],"acop":15}`, []string{
			`"all" without acaf accepts originators that nobody has authenticated`,
			"anybody, also without authentication, may CREATE+UPDATE+DELETE",
		}},
		{"everybody may read", `{"acor":["all"],"acop":34}`, []string{
			`"all" without acaf accepts originators that nobody has authenticated`,
		}},
		{"every authenticated originator may delete", `{"acor":["all"],"acop":8,"acaf":true}`, []string{
			"every authenticated originator may DELETE",
		}},
		{"a lone asterisk", `{"acor":["*"],"acop":2}`, []string{
			`originator "*" matches nobody`, "no originator can match, so the rule grants nothing",
		}},
		{"forms that match nobody", `{"acor":["Cop01","//*","","cse-in/g*","//*.example"],"acop":2}`, []string{
			`originator "//*" matches nobody`, `originator "" matches nobody`, `originator "cse-in/g*" matches nobody`,
			`originator "//*.example" matches nobody`,
		}},
		{"a wildcard in a Role-ID", `{"acor":["Cop01","C*@das.example"],"acop":2}`, []string{
			`originator "C*@das.example" matches nobody: there are no wildcards in a Role-ID`,
		}},
		{"the keyword in capitals", `{"acor":["ALL"],"acop":2}`, []string{
			`originator "ALL" is not the keyword "all", which is in lower case`,
		}},
		{"years that are over", `{"acor":["Cop01"],"acop":2,"acco":[{"actw":["* * * * * * 2020-2025"]}]}`, []string{
			`context 0: window "* * * * * * 2020-2025" has no time from now on`,
			"no context can hold any more, so the rule grants nothing",
		}},
		{"a date that no calendar has", `{"acor":["Cop01"],"acop":2,"acco":[{"actw":["* * * 31 2 * *"]},{}]}`, []string{
			`context 0: window "* * * 31 2 * *" has no time from now on`,
		}},
		{"acip without addresses", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{}}]}`, []string{
			"context 0: acip without an address matches nothing",
			"no context can hold any more, so the rule grants nothing",
		}},
		{"an IPv4-mapped prefix", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{"ipv6":["::ffff:192.0.2.0/120"]}}]}`, []string{
			"context 0: ::ffff:192.0.2.0/120 never matches, write an IPv4-mapped address as an IPv4 one",
			"no context can hold any more, so the rule grants nothing",
		}},
		{"a prefix of length 0", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{"ipv4":["0.0.0.0/0"]}}]}`, []string{
			"context 0: 0.0.0.0/0 is every address of its family",
		}},
		{"bits behind the prefix", `{"acor":["Cop01"],"acop":2,"acco":[{"acip":{"ipv4":["192.0.2.77/24"]}}]}`, []string{
			"context 0: 192.0.2.77/24 has bits behind the prefix, which count for nothing",
		}},
		{"acod without CREATE", `{"acor":["Cop01"],"acop":2,"acod":[{"chty":[4]}]}`, []string{
			"acod restricts CREATE only, which the rule doesn't grant",
		}},
		{"the wrong specialization", `{"acor":["Cop01"],"acop":1,"acod":[{"ty":13,"spty":{"cnd":"a"},"chty":[4]},{"ty":28,"spty":{"mgd":1001},"chty":[4]}]}`, []string{
			"acod 0: a management object has no cnd, compare mgd",
			"acod 1: a flexContainer has no mgd, compare cnd",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := mustCompile(t, cseIn, `{"acr":[{"acor":["Cnarrow"],"acop":2},`+tc.rule+`]}`)
			var got []string
			for _, f := range p.Findings(wednesday) {
				if f.Rule != 1 {
					t.Errorf("finding for rule %d", f.Rule)
				}
				got = append(got, f.Text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if (*Policy)(nil).Findings(wednesday) != nil {
		t.Error("findings in a policy that could not be read")
	}
}
