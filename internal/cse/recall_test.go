package cse

import (
	"context"
	"strings"
	"testing"
	"time"

	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/token"
)

const (
	recaller = "Sdas001"
	who001   = onem2m.ID("//m2m.example/id-in/Ctok001")
)

// newRecalling is a consulting world where the server is registered as an AE, and
// another server too.
func newRecalling(t *testing.T) *consulting {
	t.Helper()
	c := newConsulting(t, func(o *Options) {
		o.Servers = append(o.Servers, dynauth.Server{ID: "//m2m.example/Sdas002", Domains: []string{"two.example"}, Points: []string{"https://two.example/onem2m"}})
	})
	c.register(recaller, "das")
	c.register("Sdas002", "das2")
	return c
}

// recalls is the notification of a server.
func (c *consulting) recalls(from string, items ...recall.Item) ask {
	c.t.Helper()
	content, err := recall.Content(items)
	if err != nil {
		c.t.Fatal(err)
	}
	return ask{op: "N", to: "/id-in/-", from: from, edit: func(r *onem2m.Request) { r.Content = content }}
}

// rules calls back what was granted in a dynamic policy for a resource.
func (c *consulting) rules(to string) recall.Item {
	return recall.Item{TokenID: "r1@das.example", Until: onem2m.TimestampOf(c.now().Add(time.Hour)), Originator: who001, Target: "//m2m.example/id-in/" + c.ri(to), Because: "policy: the grant is gone"}
}

func TestRecall_RulesEndAtOnceAndForGood(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/hall"))
	c.das.says(2000, "")
	c.must(onem2m.OK, c.recalls(recaller, c.rules("cse-in/bay/lamp")))
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/hall"))
	if stage, text := c.lastAudit(); stage != "dynamic" {
		t.Errorf("%s %s", stage, text)
	}
	c.again(t)
	c.das.says(2000, "")
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	c.must(onem2m.OK, read("cse-in/bay/hall"))
	if err := c.c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.dynamicOf()); n != 1 {
		t.Errorf("%d dynamic policies are left", n)
	}
	c.must(onem2m.OK, c.recalls(recaller, c.rules("cse-in/bay/lamp"))) // what is repeated changes nothing
	c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
	c.must(onem2m.OK, read("cse-in/bay/lamp")) // granted again, it counts again
}

func TestRecall_OnlyTheServerThatHasGrantedCallsBack(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.das.says(2000, "")
	item := c.rules("cse-in/bay/lamp")
	tok := recall.Item{TokenID: "tk1@das.example", Until: item.Until, Originator: who001}
	unproven := c.recalls(recaller, item)
	unproven.assoc = &identity.Association{Framework: "none", Binding: "http"}
	bad := ask{op: "N", to: "/id-in/-", from: recaller, edit: func(r *onem2m.Request) {
		r.Content = &onem2m.Content{Name: recall.Root, Value: []byte(`{"rcl":[]}`)}
	}}
	for _, tt := range []struct {
		name string
		q    ask
		code onem2m.StatusCode
	}{
		{"another server", c.recalls("Sdas002", item, tok), onem2m.OK},
		{"an AE", c.recalls("Cowner1", item), onem2m.OriginatorHasNoPrivilege},
		{"the administrator", c.recalls("CAdmin", item), onem2m.OriginatorHasNoPrivilege},
		{"nobody has proven that it is the server", unproven, onem2m.OriginatorHasNoPrivilege},
		{"nothing is called back", bad, onem2m.BadRequest},
	} {
		if res := c.do(tt.q); res.Code != tt.code {
			t.Errorf("%s: %d, want %d", tt.name, res.Code, tt.code)
		}
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
	}
	if c.c.Revoked.Has(token.Ref{Issuer: "//m2m.example/Sdas001", ID: tok.TokenID}) {
		t.Error("another server has revoked a token")
	}
	for _, other := range []func(*recall.Item){
		func(i *recall.Item) { i.Originator = "//m2m.example/id-in/Ctok002" },
		func(i *recall.Item) { i.Target = "//m2m.example/id-in/" + c.ri("cse-in/bay/hall") },
		func(i *recall.Item) { i.Target = "//m2m.example/id-mn/" + c.ri("cse-in/bay/lamp") },
		func(i *recall.Item) { i.Target = "" },
		func(i *recall.Item) { i.Lifted = true },
	} {
		i := item
		other(&i)
		c.must(onem2m.OK, c.recalls(recaller, i))
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
	}
}

func TestRecall_AnAnswerOnItsWayGrantsNothingAgain(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	item := c.rules("cse-in/bay/lamp")
	c.das.set(func(ctx context.Context, _ string, _ *onem2m.Request) (*onem2m.Response, error) {
		if _, err := c.c.Recall(ctx, "//m2m.example/Sdas001", []recall.Item{item}); err != nil {
			t.Error(err)
		}
		return securityAnswer(2000, grantsOf(readRule, "")), nil
	})
	c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	if _, text := c.lastAudit(); !strings.Contains(text, errCalledBack.Error()) {
		t.Error(text)
	}
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestRecall_A135_A137_TokensCountNoMoreWhateverTheyAreCalledBy(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	text := c.direct(nil)
	c.das.says(2000, `{"sit":2,"dres":{"tkns":["`+text+`"]}}`)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	res := c.do(bring("cse-in/bay/lamp", text))
	if res.Code != onem2m.OK {
		t.Fatal(res.Code)
	}
	c.das.says(2000, "")
	ways := map[string]ask{
		"what its server has handed over": read("cse-in/bay/lamp"),
		"brought":                         bring("cse-in/bay/lamp", text),
		"by its Token-ID":                 read("cse-in/bay/lamp?tids=tk1@das.example"),
	}
	for way, q := range ways {
		if res := c.do(q); res.Code != onem2m.OK {
			t.Fatalf("%s: %d", way, res.Code)
		}
	}
	refused := func(when string) {
		t.Helper()
		for way, q := range ways {
			if res := c.do(q); res.Code != onem2m.OriginatorHasNoPrivilege {
				t.Errorf("%s, %s: %d", when, way, res.Code)
			}
		}
	}
	item := recall.Item{TokenID: "tk1@das.example", Until: onem2m.TimestampOf(c.now().Add(time.Hour)), Originator: who001}
	c.must(onem2m.OK, c.recalls(recaller, item))
	refused("called back")
	c.c.Revoked = token.NewRevocations(0) // the next life knows what is in the store
	c.again(t)
	c.das.says(2000, "")
	refused("after a restart")
	item.Lifted = true
	c.must(onem2m.OK, c.recalls(recaller, item))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.c.Revoked = token.NewRevocations(0)
	c.again(t)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestRecall_WhatTheOperatorOfTheCSERevokesTheServerDoesNotLift(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	text := c.direct(nil)
	ref := token.Ref{Issuer: "//m2m.example/Sdas001", ID: "tk1@das.example"}
	if err := c.c.Revoked.Add(token.Revocation{Ref: ref}, 0); err != nil {
		t.Fatal(err)
	}
	item := recall.Item{TokenID: ref.ID, Until: onem2m.TimestampOf(c.now().Add(time.Hour)), Originator: who001, Lifted: true}
	c.must(onem2m.OK, c.recalls(recaller, item))
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
}

func TestRecall_ItIsBoundedAndForgetsWhatHasEnded(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	items := func(from, n int, life time.Duration) []recall.Item {
		var list []recall.Item
		for i := range n {
			list = append(list, recall.Item{TokenID: "t" + time.Duration(from+i).String() + "@das.example", Until: onem2m.TimestampOf(c.now().Add(life)), Originator: who001})
		}
		return list
	}
	by := onem2m.ID("//m2m.example/Sdas001")
	if _, err := c.c.Recall(t.Context(), by, items(0, maxRecalled, time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.c.Recall(t.Context(), by, items(maxRecalled, 1, 3*time.Hour)); err == nil {
		t.Error("more than the bound is kept")
	}
	c.advance(2 * time.Hour)
	if _, err := c.c.Recall(t.Context(), by, items(maxRecalled, 1, 3*time.Hour)); err != nil {
		t.Errorf("what has ended isn't forgotten: %v", err)
	}
}
