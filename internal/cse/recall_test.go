package cse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/recall"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

const (
	recaller = onem2m.ID("//m2m.example/Sdas001")
	who001   = onem2m.ID("//m2m.example/id-in/Ctok001")
)

// recalling is a consulting world with a second server.
type recalling struct {
	*consulting
	other *esdata.Key // of the second server
}

func newRecalling(t *testing.T, change ...func(*Options)) *recalling {
	t.Helper()
	w := &recalling{}
	w.consulting = newConsulting(t, append([]func(*Options){func(o *Options) {
		o.Servers = append(o.Servers, dynauth.Server{ID: "//m2m.example/Sdas002", Domains: []string{"two.example"}, Points: []string{"https://two.example/onem2m"}})
	}}, change...)...)
	var one, two token.Issuer
	w.sign, one = issuerWith(t, "//m2m.example/Sdas001", "das.example")
	w.other, two = issuerWith(t, "//m2m.example/Sdas002", "two.example")
	both, err := token.NewVerifier(0, one, two)
	if err != nil {
		t.Fatal(err)
	}
	w.c.Verifier = both
	w.c.tokens.Trust(both)
	return w
}

// issuerWith makes an issuer with a key of its own.
func issuerWith(t *testing.T, id onem2m.ID, domain string) (*esdata.Key, token.Issuer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err1 := esdata.NewPrivate(domain, esdata.ES256, key)
	public, err2 := esdata.NewPublic(domain, esdata.ES256, &key.PublicKey)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return private, token.Issuer{ID: id, Keys: []*esdata.Key{public}, Domains: []string{domain}, Permitted: []token.Combination{{Class: esdata.SignatureOnly, Signature: esdata.ES256}}}
}

// message is a recall of a server at this moment. change makes it another token.
func (w *recalling) message(by onem2m.ID, change func(*token.Claims), items ...recall.Item) string {
	w.t.Helper()
	now := onem2m.TimestampOf(w.now())
	text, err := (&recall.Message{At: now, Items: items}).Text()
	if err != nil {
		w.t.Fatal(err)
	}
	key, domain := w.sign, "das.example"
	if by != recaller {
		key, domain = w.other, "two.example"
	}
	claims := w.claims(func(c *token.Claims) {
		c.ID, c.Issuer, c.Holder, c.Permissions, c.Extension = "m1@"+domain, by, by, nil, text
		c.Audience = []string{"//m2m.example/id-in"}
		c.NotAfter = c.NotBefore + onem2m.Timestamp(recall.Life.Microseconds())
	})
	if change != nil {
		change(claims)
	}
	out, err := token.Issue(claims, esdata.Protection{Sign: []*esdata.Key{key}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// notice is the notification with a message: whoever brings it.
func (w *recalling) notice(message string) ask {
	return ask{op: "N", to: "/id-in/-", from: "Ctok002", edit: func(r *onem2m.Request) { r.Content = recall.Content(message) }}
}

func (w *recalling) recalls(by onem2m.ID, items ...recall.Item) ask {
	return w.notice(w.message(by, nil, items...))
}

// rules calls back what was granted in a dynamic policy for a resource.
func (w *recalling) rules(to string) recall.Item {
	return recall.Item{TokenID: "r1@das.example", Until: onem2m.TimestampOf(w.now().Add(time.Hour)), Originator: who001, Target: "//m2m.example/id-in/" + w.ri(to), Because: "policy: the grant is gone"}
}

// token1 calls the token of the world back.
func (w *recalling) token1() recall.Item {
	return recall.Item{TokenID: "tk1@das.example", Until: onem2m.TimestampOf(w.now().Add(time.Hour)), Originator: who001}
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
	item, tok := c.rules("cse-in/bay/lamp"), c.token1()
	made := func(change func(*token.Claims)) ask { return c.notice(c.message(recaller, change, item, tok)) }
	old := made(func(*token.Claims) {})
	for _, tt := range []struct {
		name string
		q    ask
		code onem2m.StatusCode
	}{
		{"another server", c.recalls("//m2m.example/Sdas002", item, tok), onem2m.OK},
		{"somebody else with its name", c.notice(newRecalling(t).message(recaller, nil, item, tok)), onem2m.OriginatorHasNoPrivilege},
		{"for another CSE", made(func(t *token.Claims) { t.Audience = []string{"//m2m.example/id-mn"} }), onem2m.OriginatorHasNoPrivilege},
		{"for every CSE", made(func(t *token.Claims) { t.Audience = nil }), onem2m.OriginatorHasNoPrivilege},
		{"a token of somebody", made(func(t *token.Claims) { t.Holder = who001 }), onem2m.OriginatorHasNoPrivilege},
		{"before its time", made(func(t *token.Claims) { t.NotBefore += 60_000_000 }), onem2m.OriginatorHasNoPrivilege},
		{"a token that is none", made(func(t *token.Claims) { t.Extension = "" }), onem2m.BadRequest},
		{"no token", c.notice("x.y.z"), onem2m.OriginatorHasNoPrivilege},
		{"something else", c.notice(""), onem2m.OriginatorHasNoPrivilege},
	} {
		if res := c.do(tt.q); res.Code != tt.code {
			t.Errorf("%s: %d, want %d", tt.name, res.Code, tt.code)
		}
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
	}
	c.advance(recall.Life + time.Second)
	c.must(onem2m.OriginatorHasNoPrivilege, old)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	if c.c.Revoked.Has(token.Ref{Issuer: recaller, ID: tok.TokenID}) {
		t.Error("somebody has revoked a token")
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
		if _, err := c.c.Recall(ctx, recaller, &recall.Message{Items: []recall.Item{item}}); err != nil {
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
	item := c.token1()
	lift := item
	lift.Lifted = true
	early := c.recalls(recaller, lift)
	c.advance(time.Second)
	c.must(onem2m.OK, c.recalls(recaller, item))
	refused("called back")
	c.c.Revoked = token.NewRevocations(0) // the next life knows what is in the store
	c.again(t)
	c.das.says(2000, "")
	refused("after a restart")
	c.must(onem2m.OperationNotAllowed, early)
	refused("an earlier message is sent again")
	c.must(onem2m.OK, c.recalls(recaller, lift))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
	c.c.Revoked = token.NewRevocations(0)
	c.again(t)
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestRecall_WhatTheOperatorOfTheCSERevokesTheServerDoesNotLift(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	text := c.direct(nil)
	ref := token.Ref{Issuer: recaller, ID: "tk1@das.example"}
	if err := c.c.Revoked.Add(token.Revocation{Ref: ref}, 0); err != nil {
		t.Fatal(err)
	}
	item := c.token1()
	item.Lifted = true
	c.must(onem2m.OK, c.recalls(recaller, item))
	c.must(onem2m.OriginatorHasNoPrivilege, bring("cse-in/bay/lamp", text))
}

func TestRecall_ItIsBoundedAndForgetsWhatHasEnded(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	const most = 20
	c.c.Revoked = token.NewRevocations(2*most - 2) // the rest is for other servers
	c.again(t)
	items := func(from, n int, life time.Duration) []recall.Item {
		var list []recall.Item
		for i := range n {
			list = append(list, recall.Item{TokenID: "t" + time.Duration(from+i).String() + "@das.example", Until: onem2m.TimestampOf(c.now().Add(life)), Originator: who001})
		}
		return list
	}
	kept := func() (n int) {
		t.Helper()
		err := c.c.Store.Read(t.Context(), func(r store.Reader) error {
			all, err := r.Settings(recalledPrefix)
			n = len(all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if _, err := c.c.Recall(t.Context(), recaller, &recall.Message{Items: items(0, most, time.Hour)}); err != nil {
		t.Fatal(err)
	}
	more := &recall.Message{Items: items(most, 1, 3*time.Hour)}
	if _, err := c.c.Recall(t.Context(), recaller, more); !errors.Is(err, token.ErrFull) || kept() != most {
		t.Errorf("more than the bound is kept: %v", err)
	}
	c.advance(2 * time.Hour)
	for range 2 { // the first makes room
		_, _ = c.c.Recall(t.Context(), recaller, more)
	}
	if !c.c.Revoked.Has(token.Ref{Issuer: recaller, ID: more.Items[0].TokenID}) || kept() != 1 {
		t.Errorf("what has ended isn't forgotten: %d", kept())
	}
}

func TestRecall_WhatSeveralServersHaveCalledBackIsStillSoAfterARestart(t *testing.T) {
	t.Parallel()
	c := newRecalling(t)
	const most = 64
	c.c.Revoked = token.NewRevocations(most)
	c.again(t)
	for _, server := range []onem2m.ID{recaller, "//m2m.example/Sdas002"} { // the first leaves half of the room, the second half of that
		for i := range most {
			_, _ = c.c.Recall(t.Context(), server, &recall.Message{Items: []recall.Item{{TokenID: "t" + strconv.Itoa(i), Until: onem2m.TimestampOf(c.now().Add(time.Hour)), Originator: who001}}})
		}
	}
	want := c.c.Revoked.All()
	if len(want) < most*3/4-2 || len(want) == most {
		t.Fatalf("%d are called back", len(want))
	}
	c.c.Revoked = token.NewRevocations(most)
	c.again(t)
	if diff := cmp.Diff(want, c.c.Revoked.All()); diff != "" {
		t.Error(diff)
	}
}

func TestDirect_A139_A140_AGrantCountsAsLongAsItsServerWouldBeAsked(t *testing.T) {
	t.Parallel()
	dac := func(body string) ask {
		return ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{` + body + `}}`}
	}
	bay := func(body string) ask {
		return ask{op: "U", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:ae":{` + body + `}}`}
	}
	for _, tt := range []struct {
		name         string
		change, back ask
	}{
		{"the consultation is disabled", dac(`"dae":false`), dac(`"dae":true`)},
		{"it leads to another server", dac(`"dap":["https://two.example/onem2m"]`), dac(`"dap":["` + dasPoint + `"]`)},
		{"the resource is about it no more", bay(`"daci":null`), bay(`"daci":["cse-in/bay/dac"]`)},
		{"another one governs", bay(`"daci":["cse-in/bay/other"]`), bay(`"daci":["cse-in/bay/dac"]`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newRecalling(t)
			c.must(onem2m.Created, ask{op: "C34", to: "cse-in/bay", from: "Cowner1", body: `{"m2m:dac":{"rn":"other","dae":true,"dap":["https://two.example/onem2m"]}}`})
			c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
			c.must(onem2m.OK, read("cse-in/bay/lamp"))
			c.das.says(2000, "")
			c.must(onem2m.Updated, tt.change)
			c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
			c.must(onem2m.Updated, tt.back)
			c.must(onem2m.OK, read("cse-in/bay/lamp"))
		})
	}
	t.Run("the consultation is deleted", func(t *testing.T) {
		t.Parallel()
		c := newRecalling(t)
		c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
		c.must(onem2m.Deleted, ask{op: "D", to: "cse-in/bay/dac", from: "Cowner1"})
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	})
	t.Run("the operator names the server no more", func(t *testing.T) {
		t.Parallel()
		c := newRecalling(t)
		c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
		c.c.Servers = c.c.Servers[1:]
		c.again(t)
		c.das.says(2000, "")
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	})
	t.Run("a server that the operator has never named", func(t *testing.T) {
		t.Parallel()
		c := newRecalling(t)
		c.c.Servers = nil
		c.again(t)
		c.das.says(2000, grantsOf(readRule, `,"pl":"PT30M"`))
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
		c.again(t)
		c.das.says(2000, "")
		c.must(onem2m.OK, read("cse-in/bay/lamp"))
		c.must(onem2m.Updated, dac(`"dap":["https://das.example/other"]`))
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	})
}
