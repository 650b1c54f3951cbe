package das_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/internal/dynauth/das"
	"bulwark/onem2m"
)

// free counts nothing as outstanding.
func free(string, onem2m.ID) (das.Outstanding, error) { return das.Outstanding{}, nil }

func at(t testing.TB, text string) onem2m.Timestamp {
	t.Helper()
	ts, err := onem2m.ParseTimestamp(text)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func question(change ...func(*das.Question)) das.Question {
	q := das.Question{
		Originator: visitor, CSE: cse, Target: lamp, Operation: onem2m.Retrieve, Vouched: true, Type: onem2m.TypeContainer,
	}
	for _, fn := range change {
		fn(&q)
	}
	return q
}

func TestDecide_HoldsEachConditionAgainstTheQuestion(t *testing.T) {
	t.Parallel()
	base := readGrant + "lifetime = \"10m\"\n"
	for _, tt := range []struct {
		name, policy string
		change       func(*das.Question)
		want         string // reason; "" for a grant
	}{
		{"all fits", base, nil, ""},
		{"another originator", base, func(q *das.Question) { q.Originator = "//m2m.example/id-in/COther" }, "not for this originator"},
		{"a wildcard stays in its segment", base, func(q *das.Question) { q.Originator = "//m2m.example/id-in/x/CVisitor" }, "not for this originator"},
		{"nobody", base, func(q *das.Question) { q.Originator = "" }, "not for this originator"},
		{"another CSE", base, func(q *das.Question) { q.CSE = "//m2m.example/id-mn" }, "not for this CSE"},
		{"another resource", base, func(q *das.Question) { q.Target = "//m2m.example/id-in/a/b" }, "not for this resource"},
		{"everything below", strings.Replace(base, "id-in/*", "id-in/**", 1), func(q *das.Question) { q.Target = "//m2m.example/id-in/a/b/c" }, ""},
		{"everything below is not the thing itself", strings.Replace(base, "id-in/*", "id-in/lamp1/**", 1), nil, "not for this resource"},
		{"another operation", base, func(q *das.Question) { q.Operation = onem2m.Update }, "not for this operation"},
		{"its type", base + `types = ["cnt"]`, nil, ""},
		{"another type", base + `types = ["ae"]`, nil, "not for this resource type"},
		{"a type that nobody vouches for", base + `types = ["cnt"]`, func(q *das.Question) { q.Vouched = false }, "no CSE vouches for it"},
		{"a role", base + `roles = ["staff@roles.example"]`, func(q *das.Question) { q.Roles = []string{"staff@roles.example"} }, ""},
		{"without the role", base + `roles = ["staff@roles.example"]`, func(q *das.Question) { q.Roles = []string{"other@roles.example"} }, "none of the roles"},
		{"a role that nobody vouches for", base + `roles = ["staff@roles.example"]`, func(q *das.Question) { q.Vouched, q.Roles = false, []string{"staff@roles.example"} }, "no CSE vouches for them"},
		{"a credential", base + `credentials = ["20-//m2m.example/*/CVisitor"]`, func(q *das.Question) { q.Credential = "20-//m2m.example/id-in/CVisitor" }, ""},
		{"any credential", base + `credentials = ["*"]`, func(q *das.Question) { q.Credential = "20-//m2m.example/id-in/CVisitor" }, ""},
		{"a kind of credential", base + `credentials = ["20-*/CVis*r"]`, func(q *das.Question) { q.Credential = "20-//m2m.example/id-in/CVisitor" }, ""},
		{"a longer credential", base + `credentials = ["20-*/CVis"]`, func(q *das.Question) { q.Credential = "20-//m2m.example/id-in/CVisitor" }, "not for this credential"},
		{"another credential", base + `credentials = ["20-x"]`, func(q *das.Question) { q.Credential = "20-y" }, "not for this credential"},
		{"a credential that a CSE cannot show", base + `credentials = ["*"]`, nil, "not for this credential"},
		{"in the window", base + `windows = ["* * 8-17 * * 1-5 *"]`, nil, ""},
		{"outside the window", base + `windows = ["* * 11-17 * * 1-5 *"]`, nil, "outside its windows"},
		{"rules for an originator that comes itself", base + `form = "rules"`, func(q *das.Question) { q.Vouched = false }, "goes to a CSE only"},
		{"no grant at all", "", nil, "the policy has no grant"},
		{"an end that has passed", base, func(q *das.Question) { q.Until = at(t, "20260302T095959") }, "has ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := question()
			if tt.change != nil {
				tt.change(&q)
			}
			v, err := parse(t, tt.policy).Decide(q, at(t, "20260302T100000"), free)
			if err != nil {
				t.Fatal(err)
			}
			if (v.Grant != nil) != (tt.want == "") || !strings.Contains(v.Reason, tt.want) {
				t.Errorf("got %+v, want %q", v, tt.want)
			}
		})
	}
}

func TestDecide_EndsWithLifetimeWindowOrWish_WhateverComesFirst(t *testing.T) {
	t.Parallel()
	now := at(t, "20260302T165900")
	for _, tt := range []struct {
		name, policy string
		until        onem2m.Timestamp
		want         string
	}{
		{"lifetime", `lifetime = "10m"`, 0, "20260302T170900"},
		{"window", "lifetime = \"10m\"\nwindows = [\"* * 8-16 * * * *\"]", 0, "20260302T170000"},
		{"two windows that meet", "lifetime = \"10m\"\nwindows = [\"* * 8-16 * * * *\", \"* 0-4 17 * * * *\"]", 0, "20260302T170500"},
		{"a window that is longer", "lifetime = \"10m\"\nwindows = [\"* * 8-17 * * * *\"]", 0, "20260302T170900"},
		{"the wish", `lifetime = "10m"`, at(t, "20260302T165930"), "20260302T165930"},
		{"a longer wish", `lifetime = "10m"`, at(t, "20270302T165930"), "20260302T170900"},
	} {
		v, err := parse(t, readGrant+tt.policy).Decide(question(func(q *das.Question) { q.Until = tt.until }), now, free)
		if err != nil || v.Grant == nil || v.Until != at(t, tt.want) {
			t.Errorf("%s: until %v (%s), %v, want %s", tt.name, v.Until, v.Reason, err, tt.want)
		}
	}
}

func TestDecide_GivesOfTheRolesThoseThatWouldHelp(t *testing.T) {
	t.Parallel()
	roles := strings.Replace(readGrant, `give-operations = ["retrieve"]`, `give-roles = ["guest@das.m2m.example", "staff@das.m2m.example"]`, 1) + `lifetime = "1m"`
	for _, tt := range []struct {
		name   string
		change func(*das.Question)
		want   string // roles, or the reason
	}{
		{"unknown what helps", nil, "guest@das.m2m.example staff@das.m2m.example"},
		{"one helps", func(q *das.Question) { q.ACPRoles = []string{"staff@das.m2m.example", "x@das.m2m.example"} }, "staff@das.m2m.example"},
		{"none helps", func(q *das.Question) { q.ACPRoles = []string{"x@das.m2m.example"} }, "none of its roles"},
		{"nobody vouches for what helps", func(q *das.Question) { q.Vouched, q.ACPRoles = false, []string{"x@das.m2m.example"} }, "guest@das.m2m.example staff@das.m2m.example"},
	} {
		q := question()
		if tt.change != nil {
			tt.change(&q)
		}
		v, err := parse(t, roles).Decide(q, at(t, "20260302T100000"), free)
		if got := strings.Join(v.Roles, " ") + v.Reason; err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestDecide_CountsWhatIsOutstanding(t *testing.T) {
	t.Parallel()
	p := parse(t, readGrant+"lifetime = \"1m\"\nat-once = 3\nat-once-each = 1")
	now := at(t, "20260302T100000")
	for _, tt := range []struct {
		name string
		out  das.Outstanding
		want string
	}{
		{"none", das.Outstanding{}, ""},
		{"one less than there may be", das.Outstanding{All: 2}, ""},
		{"as many as there may be", das.Outstanding{All: 3}, "as many as there may be"},
		{"one of its own", das.Outstanding{All: 1, Each: 1}, "as many as it may have"},
		{"revoked", das.Outstanding{Revoked: now + 1}, "it was revoked"},
		{"revoked until now", das.Outstanding{Revoked: now}, ""},
	} {
		v, err := p.Decide(question(), now, func(grant string, originator onem2m.ID) (das.Outstanding, error) {
			if grant != "read" || originator != visitor {
				t.Errorf("%s: counts %s of %s", tt.name, grant, originator)
			}
			return tt.out, nil
		})
		if err != nil || (v.Grant == nil) != (tt.want != "") || !strings.Contains(v.Reason, tt.want) {
			t.Errorf("%s: %+v, %v", tt.name, v, err)
		}
	}
	endless := func(string, onem2m.ID) (das.Outstanding, error) { return das.Outstanding{Each: das.MaxEach}, nil }
	if v, err := parse(t, tenMinutes).Decide(question(), now, endless); err != nil || v.Grant != nil {
		t.Errorf("a grant that says nothing is given without end: %+v, %v", v, err)
	}
	broken := errors.New("disk")
	v, err := p.Decide(question(), now, func(string, onem2m.ID) (das.Outstanding, error) { return das.Outstanding{}, broken })
	if v.Grant != nil || !errors.Is(err, broken) {
		t.Errorf("what cannot be counted is granted: %+v, %v", v, err)
	}
}

// TestDecide_NeverGrantsOutsideAGrant holds decisions against a reading of the
// conditions one by one.
func TestDecide_NeverGrantsOutsideAGrant(t *testing.T) {
	t.Parallel()
	p := parse(t, readGrant+`lifetime = "1h"
windows = ["0-29 * 8-17 * * * *", "* 0-9 * * * * *"]
types = ["cnt", "ae"]
roles = ["staff@roles.example"]
`)
	pick := func(t *rapid.T, name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		q := das.Question{
			Originator: onem2m.ID(pick(t, "or", string(visitor), "//m2m.example/id-in/CVisitor2", "//m2m.example/id-mn/CVisitor", "//other.example/id-in/CVisitor", "")),
			CSE:        onem2m.ID(pick(t, "cse", string(cse), "//m2m.example/id-mn")),
			Target:     pick(t, "target", lamp, "//m2m.example/id-in/", "//m2m.example/id-in/a/b", "//m2m.example/id-mn/lamp1"),
			Operation:  onem2m.Operation(rapid.IntRange(1, 5).Draw(t, "op")),
			Vouched:    rapid.Bool().Draw(t, "vouched"),
			Type:       onem2m.ResourceType(rapid.SampledFrom([]int{0, 2, 3, 4}).Draw(t, "type")),
		}
		if rapid.Bool().Draw(t, "role") {
			q.Roles = []string{"staff@roles.example"}
		}
		instant := time.Unix(1772400000+int64(rapid.IntRange(0, 86400).Draw(t, "second")), 0).UTC()
		now := onem2m.TimestampOf(instant)
		v, err := p.Decide(q, now, free)
		if err != nil {
			t.Fatal(err)
		}
		inside := func(x time.Time) bool {
			return x.Second() < 30 && x.Hour() >= 8 && x.Hour() <= 17 || x.Minute() < 10
		}
		want := strings.HasPrefix(string(q.Originator), "//m2m.example/id-in/CVisitor") && q.CSE == cse && q.Operation == onem2m.Retrieve && q.Vouched &&
			(q.Target == lamp || q.Target == "//m2m.example/id-in/") && (q.Type == 2 || q.Type == 3) && q.Roles != nil && inside(instant)
		if (v.Grant != nil) != want {
			t.Fatalf("granted %v (%s), want %v: %+v at %v", v.Grant != nil, v.Reason, want, q, instant)
		}
		if v.Grant == nil {
			return
		}
		if v.Until <= now || v.Until > now+onem2m.Timestamp(time.Hour.Microseconds()) {
			t.Fatalf("until %v, now %v", v.Until, now)
		}
		for x := instant; onem2m.TimestampOf(x) < v.Until; x = x.Add(time.Second) {
			if !inside(x) {
				t.Fatalf("good until %v although the window closes at %v", v.Until, x)
			}
		}
	})
}
