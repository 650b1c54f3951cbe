package das_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/dynauth/das"
	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
	"bulwark/token"
)

// owed returns the Token-IDs that the CSE is owed, with "-" for those lifted.
func (s *server) owed() (ids []string) {
	s.t.Helper()
	list, err := s.Owed(s.t.Context(), cse)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range das.Items(list) {
		id := i.TokenID
		if i.Lifted {
			id = "-" + id
		}
		ids = append(ids, id)
	}
	return ids
}

func (s *server) revoke(f das.Filter) []das.Entry {
	s.t.Helper()
	gone, err := s.Revoke(s.t.Context(), f, "lost")
	if err != nil || len(gone) == 0 {
		s.t.Fatal(gone, err)
	}
	return gone
}

func TestOwed_ACSEIsToldUntilItHasAcknowledgedTheLatestState(t *testing.T) {
	t.Parallel()
	s := start(t, readGrant+`lifetime = "10m"`)
	s.direct(ask())
	if got := s.owed(); got != nil {
		t.Errorf("what is good is owed: %v", got)
	}
	id := s.revoke(das.Filter{Holder: visitor})[0].ID
	if diff := cmp.Diff([]string{id}, s.owed()); diff != "" {
		t.Error(diff)
	}
	s.open() // the next life knows what is owed
	creditors, err := s.Creditors(t.Context())
	if diff := cmp.Diff([]onem2m.ID{cse}, creditors); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	told, err := s.Owed(t.Context(), cse)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Lift(t.Context(), id); err != nil { // while the CSE is told of the revocation
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"-" + id}, s.owed()); diff != "" {
		t.Errorf("an acknowledgement of what has changed since: %s", diff)
	}
	if told, err = s.Owed(t.Context(), cse); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), told); err != nil || s.owed() != nil {
		t.Errorf("what is acknowledged is owed: %v", err)
	}
	if err := s.Owe(t.Context(), cse); err != nil || s.owed() != nil {
		t.Errorf("what is good is owed again: %v", err)
	}
	s.revoke(das.Filter{ID: id})
	if told, err = s.Owed(t.Context(), cse); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if err := s.Owe(t.Context(), cse); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{id}, s.owed()); diff != "" {
		t.Errorf("a CSE that may have forgotten: %s", diff)
	}
	s.pass(11 * time.Minute)
	if diff := cmp.Diff([]string{id}, s.owed()); diff != "" {
		t.Errorf("to a CSE whose clock is late: %s", diff)
	}
	s.pass(2 * time.Minute)
	if got := s.owed(); got != nil {
		t.Errorf("what has ended by itself is owed: %v", got)
	}
}

func TestOwed_AChangedPolicyIsToldOf(t *testing.T) {
	t.Parallel()
	s := start(t, readGrant+"form = \"rules\"\nlifetime = \"10m\"")
	if out := s.direct(ask()); out == nil || out.Privileges == nil {
		t.Fatalf("%+v", out)
	}
	s.set("")
	if _, err := s.Review(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := s.Owed(t.Context(), cse)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	want := recall.Item{TokenID: list[0].ID, Until: list[0].NotAfter, Originator: visitor, Target: lamp, Because: "policy: the grant is gone"}
	if diff := cmp.Diff([]recall.Item{want}, das.Items(list)); diff != "" {
		t.Error(diff)
	}
}

func TestOwed_TheMessageIsATokenForThatCSEAndOfNoOtherUse(t *testing.T) {
	t.Parallel()
	s := start(t, readGrant+`lifetime = "10m"`)
	for n := range recall.MaxItems + 3 {
		s.direct(ask(func(m *onem2m.DASRequest) { m.Target = fmt.Sprintf("//m2m.example/id-in/lamp%d", n) }))
	}
	s.revoke(das.Filter{Holder: visitor})
	seen := 0
	for {
		list, err := s.Owed(t.Context(), cse)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		text, about, err := s.Recall(t.Context(), cse, list)
		if err != nil {
			t.Fatal(err)
		}
		v := s.verify(text)
		on := token.Conditions{Originator: self().ID, Self: cse, Now: s.time(), Direct: true}
		if err := v.Check(on); err != nil || len(v.Permissions) != 0 {
			t.Errorf("%+v, %v", v.Claims, err)
		}
		for name, change := range map[string]func(*token.Conditions){
			"another CSE": func(c *token.Conditions) { c.Self = "//m2m.example/id-mn" },
			"later":       func(c *token.Conditions) { c.Now += onem2m.Timestamp(recall.Life.Microseconds()) },
		} {
			other := on
			if change(&other); v.Check(other) == nil {
				t.Errorf("it counts for %s", name)
			}
		}
		m, err := recall.Parse(v.Extension)
		if err != nil || m.At != s.time() {
			t.Fatalf("%+v, %v", m, err)
		}
		if diff := cmp.Diff(das.Items(about), m.Items); diff != "" {
			t.Error(diff)
		}
		seen += len(about)
		if err := s.Settled(t.Context(), about); err != nil {
			t.Fatal(err)
		}
	}
	if seen != recall.MaxItems+3 {
		t.Errorf("%d are told", seen)
	}
}

func TestOwed_AMessageIsNoLongerThanAToken(t *testing.T) {
	t.Parallel()
	s := start(t, `
[[grant]]
name = "deep"
originators = ["//m2m.example/id-in/CVisitor*"]
cses = ["//m2m.example/id-in"]
resources = ["//m2m.example/id-in/**"]
operations = ["retrieve"]
give-operations = ["retrieve"]
form = "rules"
lifetime = "10m"
`)
	deep := "//m2m.example/id-in"
	for len(deep) < onem2m.MaxAddress-100 {
		deep += "/a-long-name-of-a-resource-that-is-below-another-one"
	}
	for n := range recall.MaxItems {
		s.direct(ask(func(m *onem2m.DASRequest) { m.Target = fmt.Sprintf("%s/%d", deep, n) }))
	}
	s.revoke(das.Filter{Holder: visitor})
	list, err := s.Owed(t.Context(), cse)
	if err != nil {
		t.Fatal(err)
	}
	text, about, err := s.Recall(t.Context(), cse, list)
	if err != nil || len(text) > token.MaxToken || len(about) == 0 || len(about) == len(list) {
		t.Errorf("%d octets about %d of %d: %v", len(text), len(about), len(list), err)
	}
}
