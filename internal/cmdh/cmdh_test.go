package cmdh_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/cmdh"
	"bulwark/onem2m"
)

var (
	home  = onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}
	start = onem2m.TimestampOf(time.Date(2026, 3, 4, 10, 30, 0, 0, time.UTC))
)

func object(t *testing.T, text string) onem2m.Object {
	t.Helper()
	o, err := onem2m.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// seconds is an instant so long after the start.
func seconds(n int64) onem2m.Timestamp { return start + onem2m.Timestamp(n*1_000_000) }

func schedule(t *testing.T, text string) *onem2m.Schedule {
	t.Helper()
	s, err := onem2m.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// policy is one with every kind of part.
func policy(t *testing.T) *cmdh.Policy {
	t.Helper()
	p := &cmdh.Policy{}
	for _, part := range []struct {
		definition int64
		attrs      string
	}{
		{cmdh.DefinitionDefault, `{"od":4,"dev":4,"ror":["localAE"]}`},
		{cmdh.DefinitionDefault, `{"od":3,"dev":100,"ror":["Capp01","thisCSE"]}`},
		{cmdh.DefinitionDefault, `{"od":2,"dev":101,"ror":["Napp"]}`},
		{cmdh.DefinitionDefault, `{"od":1,"dev":102,"ror":["Napp"],"rct":"night"}`},
		{cmdh.DefinitionDefault, `{"od":9,"dev":2,"ror":["default"]}`},
		{cmdh.DefinitionDefault, `{"od":8,"dev":103,"ror":["localAE"]}`},
		{cmdh.DefinitionParameters, `{"aec":[0],"dqet":60000,"dset":120000,"doet":0,"drp":-1,"dda":false}`},
		{cmdh.DefinitionParameters, `{"aec":[100,4],"dqet":5000,"dset":-1,"doet":1000,"drp":2000,"dda":true}`},
		{cmdh.DefinitionLimits, `{"od":2,"ror":["default"],"lec":[2,3,4,100,101],"lqet":[0,60000],"lset":[0,-1],"loet":[0,1000],"lrp":[0,-1],"lda":[true,false]}`},
		{cmdh.DefinitionLimits, `{"od":1,"ror":["/id-mn/Cx01"],"lec":[3],"lqet":[1000,-1],"lset":[0,-1],"loet":[0,-1],"lrp":[0,5000],"lda":[false]}`},
		{cmdh.DefinitionBuffer, `{"aec":[0],"mbfs":100,"sgp":1}`},
		{cmdh.DefinitionBuffer, `{"aec":[100],"mbfs":1000,"sgp":5}`},
	} {
		p.Add(home, part.definition, object(t, part.attrs))
	}
	always := []*onem2m.Schedule{schedule(t, "* * * * * * *")}
	night := []*onem2m.Schedule{schedule(t, "* * 22-23 * * * *")}
	p.Access = []cmdh.AccessRules{
		cmdh.ReadAccess(object(t, `{"aecs":[0]}`), []cmdh.AccessRule{
			cmdh.ReadAccessRule(object(t, `{"ttn":["cell"],"mrv":50,"swt":10,"bop":{"bops":[{"ibt":1000,"abt":500,"mbt":2200},{"nwa":2,"ibt":10,"abt":0,"mbt":10,"rbt":100}]}}`), night),
			cmdh.ReadAccessRule(object(t, `{"ttn":["default"],"mrv":0,"swt":0,"bop":{"bops":{"ibt":1,"abt":1,"mbt":1}}}`), night),
		}),
		cmdh.ReadAccess(object(t, `{"aecs":[100]}`), []cmdh.AccessRule{
			cmdh.ReadAccessRule(object(t, `{"ttn":["default"],"mrv":0,"swt":0}`), always),
			cmdh.ReadAccessRule(object(t, `{"ttn":["sat"],"mrv":0,"swt":0,"ohc":"full moon"}`), always),
		}),
		cmdh.ReadAccess(object(t, `{"aecs":[101]}`), nil),
	}
	return p
}

func TestFill_C188_EventCategoryOfWhoGivesNone(t *testing.T) {
	t.Parallel()
	p := policy(t)
	for _, c := range []struct {
		name   string
		policy *cmdh.Policy
		m      cmdh.Message
		want   int64
	}{
		{"no policy", nil, cmdh.Message{}, 3},
		{"given", p, cmdh.Message{Category: 999}, 999},
		{"named before its App-ID and class", p, cmdh.Message{Origin: cmdh.Origin{ID: "//m2m.example/id-in/Capp01", App: "Napp", Local: true}}, 100},
		{"its App-ID before its class, a context that nobody knows apart", p, cmdh.Message{Origin: cmdh.Origin{ID: "//m2m.example/id-in/Capp02", App: "Napp", Local: true}}, 101},
		{"a response asks for no context", p, cmdh.Message{Response: true, Origin: cmdh.Origin{ID: "//m2m.example/id-in/Capp02", App: "Napp", Local: true}}, 102},
		{"any AE here, by order", p, cmdh.Message{Origin: cmdh.Origin{ID: "//m2m.example/id-in/Capp03", Local: true}}, 4},
		{"the CSE itself", p, cmdh.Message{Origin: cmdh.Origin{ID: "//m2m.example/id-in", Own: true}}, 100},
		{"anybody else", p, cmdh.Message{Origin: cmdh.Origin{ID: "//m2m.example/id-mn/Cx01"}}, 2},
		{"an empty policy", &cmdh.Policy{}, cmdh.Message{}, 3},
	} {
		c.policy.Fill(&c.m)
		if c.m.Category != c.want {
			t.Errorf("%s: got %d, want %d", c.name, c.m.Category, c.want)
		}
	}
}

func TestFill_C188_C189_ParametersThatAreMissing(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	p := policy(t)
	for _, c := range []struct {
		name   string
		policy *cmdh.Policy
		m      cmdh.Message
		want   cmdh.Message
	}{
		{
			"without a policy nothing ends and nothing is bundled", nil,
			cmdh.Message{},
			cmdh.Message{Category: 3, RequestExpiration: cmdh.Infinite, ResultExpiration: cmdh.Infinite, Execution: start, Persistence: start, Aggregate: &no},
		},
		{
			"under a policy best effort may be bundled", p,
			cmdh.Message{Category: 3},
			cmdh.Message{Category: 3, RequestExpiration: cmdh.Infinite, ResultExpiration: cmdh.Infinite, Execution: start, Persistence: start, Aggregate: &yes},
		},
		{"immediate gets nothing", p, cmdh.Message{Category: 2}, cmdh.Message{Category: 2}},
		{
			"by category, but not what is given", p,
			cmdh.Message{Category: 100, RequestExpiration: seconds(9)},
			cmdh.Message{Category: 100, RequestExpiration: seconds(9), ResultExpiration: cmdh.Infinite, Execution: seconds(1), Persistence: seconds(2), Aggregate: &yes},
		},
		{
			"by default", p,
			cmdh.Message{Category: 500, Aggregate: &yes},
			cmdh.Message{Category: 500, RequestExpiration: seconds(60), ResultExpiration: seconds(120), Execution: start, Persistence: cmdh.Infinite, Aggregate: &yes},
		},
		{
			"a response has two", p,
			cmdh.Message{Category: 500, Response: true},
			cmdh.Message{Category: 500, Response: true, ResultExpiration: seconds(120), Aggregate: &no},
		},
		{"a policy without parameters", &cmdh.Policy{}, cmdh.Message{Category: 100}, cmdh.Message{Category: 100}},
	} {
		c.m.Originated, c.want.Originated = start, start
		c.policy.Fill(&c.m)
		if diff := cmp.Diff(c.want, c.m); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestCheck_C189_LimitsOfAPolicy(t *testing.T) {
	t.Parallel()
	yes := true
	p := policy(t)
	remote := cmdh.Origin{ID: "//m2m.example/id-mn/Cx01"}
	for _, c := range []struct {
		name   string
		policy *cmdh.Policy
		m      cmdh.Message
		at     string // the parameter that is refused, or ""
	}{
		{"no policy", nil, cmdh.Message{Category: 999, RequestExpiration: seconds(1e6)}, ""},
		{"no limits", &cmdh.Policy{}, cmdh.Message{Category: 999}, ""},
		{"all within", p, cmdh.Message{Category: 4, RequestExpiration: seconds(60), Execution: seconds(1), Aggregate: &yes}, ""},
		{"a category that isn't allowed", p, cmdh.Message{Category: 999}, "ec"},
		{"too late", p, cmdh.Message{Category: 4, RequestExpiration: seconds(61)}, "rqet"},
		{"never", p, cmdh.Message{Category: 4, RequestExpiration: cmdh.Infinite}, "rqet"},
		{"executed too late", p, cmdh.Message{Category: 4, Execution: seconds(2)}, "oet"},
		{"a result that stays for ever is allowed", p, cmdh.Message{Category: 4, ResultExpiration: cmdh.Infinite}, ""},
		{"named: too early", p, cmdh.Message{Category: 3, Origin: remote, RequestExpiration: start}, "rqet"},
		{"named: late enough", p, cmdh.Message{Category: 3, Origin: remote, RequestExpiration: cmdh.Infinite}, ""},
		{"named: kept too long", p, cmdh.Message{Category: 3, Origin: remote, Persistence: seconds(6)}, "rp"},
		{"named: bundled", p, cmdh.Message{Category: 3, Origin: remote, Aggregate: &yes}, "da"},
	} {
		c.m.Originated = start
		err := c.policy.Check(&c.m)
		subject := ""
		if err != nil {
			e := onem2m.AsError(err)
			subject = e.Subject
			if e.Code != onem2m.BadRequest {
				t.Errorf("%s: code %d", c.name, e.Code)
			}
		}
		if subject != c.at {
			t.Errorf("%s: refused at %q, want %q", c.name, subject, c.at)
		}
	}
}

func TestVet_C192_ValuesThatTheTablesLeaveOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		definition int64
		attrs      string
		ok         bool
	}{
		{cmdh.DefinitionBuffer, `{"sgp":10}`, true},
		{cmdh.DefinitionBuffer, `{"sgp":11}`, false},
		{cmdh.DefinitionLimits, `{"lqet":[0,-1],"lset":[-1,-1],"loet":[5,5]}`, true},
		{cmdh.DefinitionLimits, `{"lqet":[5,4]}`, false},
		{cmdh.DefinitionLimits, `{"lrp":[-2,4]}`, false},
		{cmdh.DefinitionLimits, `{"lset":[1]}`, false},
		{cmdh.DefinitionAccess, `{"sgp":11}`, true},
	} {
		if err := cmdh.Vet(c.definition, object(t, c.attrs)); (err == nil) != c.ok {
			t.Errorf("%d %s: %v", c.definition, c.attrs, err)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(int64(1016), `{"od":1,"ror":["default"],"lec":[3],"lqet":[0,-1],"lda":[true]}`, int64(3), int64(1))
	f.Add(int64(1019), `{"aec":[0],"mbfs":100,"sgp":1}`, int64(4), int64(-1))
	f.Fuzz(func(t *testing.T, definition int64, text string, category, expires int64) {
		attrs, err := onem2m.ParseObject([]byte(text))
		if err != nil {
			return
		}
		p := &cmdh.Policy{Access: []cmdh.AccessRules{cmdh.ReadAccess(attrs, []cmdh.AccessRule{cmdh.ReadAccessRule(attrs, nil)})}}
		p.Add(home, definition, attrs)
		m := cmdh.Message{Category: category, Originated: start, RequestExpiration: onem2m.Timestamp(expires)}
		p.Fill(&m)
		if m.Category == 0 {
			t.Error("no category")
		}
		_ = p.Check(&m)
		_, _ = p.Deliverable(&m, start)
		cmdh.NewBuffer(p, 10).Put(cmdh.Entry{Category: category, Size: 5})
	})
}
