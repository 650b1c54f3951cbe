package cse

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/onem2m"
)

// abroad answers RETRIEVE requests for what stands on other CSEs.
type abroad struct {
	mu    sync.Mutex // guards what follows
	holds map[string]*onem2m.Content
	asked []string
	gate  func(context.Context) // is waited for before an answer; or nil
}

func (a *abroad) put(address, name, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if value == "" {
		delete(a.holds, address)
		return
	}
	a.holds[address] = &onem2m.Content{Name: name, Value: []byte(value)}
}

func (a *abroad) times(address string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.asked {
		if one == address {
			n++
		}
	}
	return n
}

func (a *abroad) Answer(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	if a.gate != nil {
		a.gate(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, req.To)
	if ctx.Err() != nil {
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Cause: ctx.Err()}
	}
	if c := a.holds[req.To]; c != nil && req.Operation == onem2m.Retrieve {
		return &onem2m.Response{Code: onem2m.OK, Content: c}, nil
	}
	return &onem2m.Response{Code: onem2m.NotFound}, nil
}

const farPolicy = "/id-open/cse/acp"

// embassy is a crossroads with a container, box, whose policy another CSE has.
func embassy(t *testing.T) (*world, *abroad, *carrier) {
	t.Helper()
	w, c := crossroads(t)
	far := &abroad{holds: map[string]*onem2m.Content{}}
	c.answer = far.Answer
	w.container("CAdmin", "cse-in", "box", `"acpi":["`+farPolicy+`"]`)
	w.must(onem2m.Created, ask{op: "C4", to: "cse-in/box", from: "CAdmin", body: `{"m2m:cin":{"rn":"one","con":"1"}}`})
	return w, far, c
}

func rules(acor string) string {
	return `{"pv":{"acr":[{"acor":[` + acor + `],"acop":63}]},"pvs":{"acr":[{"acor":["Cowner"],"acop":63}]}}`
}

func TestForeignPolicies_A52_AreRetrievedAsThisCSE(t *testing.T) {
	t.Parallel()
	w, far, c := embassy(t)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp","Cthere"`))
	read := ask{op: "R", to: "cse-in/box", from: "Clamp"}
	w.must(onem2m.OK, read)
	out := c.sent[len(c.sent)-1]
	if out.From != "/id-in" || out.To != farPolicy || out.Operation != onem2m.Retrieve {
		t.Errorf("asked by %+v", out)
	}
	for _, op := range []ask{
		{op: "C4", to: "cse-in/box", from: "Clamp", body: `{"m2m:cin":{"con":"1"}}`},
		{op: "U", to: "cse-in/box", from: "Clamp", body: `{"m2m:cnt":{"lbl":["a"]}}`},
		{op: "R", to: "cse-in/box/la", from: "/id-open/Cthere"}, // relative to its CSE
		{op: "D", to: "cse-in/box/one", from: "Clamp"},
	} {
		if res := w.do(op); !res.Code.Success() {
			t.Errorf("%s: %d %s", op.op, res.Code, text(res))
		}
	}
	w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/box", from: "Cthere"})
	if n := far.times(farPolicy); n != 1 {
		t.Errorf("C-097: asked %d times in a row", n)
	}
	for _, a := range w.audits {
		if a.Stage == "static" && !a.Permit && a.Originator == "//m2m.example/id-in/Clamp" {
			t.Errorf("A-193: a refusal that wasn't the answer is told: %+v", a)
		}
	}
}

func TestForeignPolicies_A195_CountForABoundedTime(t *testing.T) {
	t.Parallel()
	w, far, _ := embassy(t)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	read := ask{op: "R", to: "cse-in/box", from: "Clamp"}
	w.must(onem2m.OK, read)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Cother"`))
	w.must(onem2m.OK, read)
	w.advance(foreignLife)
	w.must(onem2m.OriginatorHasNoPrivilege, read)
	far.put(farPolicy, "", "")
	w.advance(foreignLife)
	for range 5 {
		w.must(onem2m.OriginatorHasNoPrivilege, read)
	}
	if n := far.times(farPolicy); n != 3 {
		t.Errorf("asked %d times; also for what can't be had", n)
	}
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	w.advance(foreignPause)
	w.must(onem2m.OK, read)
	t.Run("A-195 its CSE has gone from here", func(t *testing.T) {
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-open", from: "CAdmin"})
		w.must(onem2m.Deleted, ask{op: "D", to: "cse-in/id-top", from: "CAdmin"})
		w.must(onem2m.OriginatorHasNoPrivilege, read)
	})
}

func TestForeignPolicies_A52_GrantNothingWhenTheyCantBeRead(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no rules":          `{}`,
		"not an object":     `[]`,
		"a bad rule":        `{"pv":{"acr":[{"acor":"all","acop":63}]},"pvs":{"acr":[]}}`,
		"selfPrivileges":    `{"pv":{"acr":[{"acor":["all"],"acop":63}]}}`,
		"far too long":      `{"pad":"` + strings.Repeat("x", maxForeignSize) + `",` + rules(`"all"`)[1:],
		"for somebody else": rules(`"Clamp"`), // of that CSE
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, far, _ := embassy(t)
			far.put(farPolicy, "m2m:acp", content)
			w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/box", from: "Clamp"})
		})
	}
	t.Run("another type", func(t *testing.T) {
		t.Parallel()
		w, far, _ := embassy(t)
		far.put(farPolicy, "m2m:cnt", rules(`"all"`))
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/box", from: "Clamp"})
	})
}

func TestForeignPolicies_A55_DecideAboutAcpiByTheirSelfPrivileges(t *testing.T) {
	t.Parallel()
	w, far, _ := embassy(t)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	change := ask{op: "U", to: "cse-in/box", from: "Clamp", body: `{"m2m:cnt":{"acpi":null}}`}
	w.must(onem2m.OriginatorHasNoPrivilege, change)
	change.from = "/id-open/Cowner"
	w.must(onem2m.Updated, change)
}

func TestForeignPolicies_A52_DecideAboutWhatIsFound(t *testing.T) {
	t.Parallel()
	w, far, _ := embassy(t)
	w.policy("CAdmin", "cse-in", "p", `{"acor":["Clamp"],"acop":63}`)
	w.container("CAdmin", "cse-in", "top", `"acpi":["cse-in/p"]`)
	w.container("CAdmin", "cse-in/top", "inner", `"acpi":["`+farPolicy+`"],"lbl":["x"]`)
	far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
	if res := w.do(ask{op: "R", to: "cse-in/top?fu=1&lbl=x", from: "Clamp"}); !strings.Contains(text(res), "inner") {
		t.Errorf("not found: %d %s", res.Code, text(res))
	}
}

func TestForeignPolicies_ASlowCSEHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, far, _ := embassy(t)
		far.put(farPolicy, "m2m:acp", rules(`"/id-in/Clamp"`))
		asked := make(chan struct{})
		var once sync.Once
		far.gate = func(ctx context.Context) {
			once.Do(func() { close(asked) })
			<-ctx.Done()
		}
		var group sync.WaitGroup
		group.Go(func() {
			res := w.do(ask{op: "C4", to: "cse-in/box", from: "Clamp", body: `{"m2m:cin":{"con":"1"}}`, edit: func(r *onem2m.Request) { r.RequestExpiration = "1000" }})
			if res.Code != onem2m.RequestTimeout && res.Code != onem2m.OriginatorHasNoPrivilege {
				t.Errorf("got %d %s", res.Code, text(res))
			}
		})
		<-asked
		begun := time.Now()
		w.must(onem2m.Created, ask{op: "C4", to: "cse-in/box", from: "CAdmin", body: `{"m2m:cin":{"con":"1"}}`})
		if d := time.Since(begun); d > 0 {
			t.Errorf("the writer was held for %s", d)
		}
		group.Wait()
	})
}

func TestMembership_A66_InGroupsOfOtherCSEs(t *testing.T) {
	t.Parallel()
	w, c := crossroads(t)
	far := &abroad{holds: map[string]*onem2m.Content{}}
	c.answer = far.Answer
	w.register("Cout001", "out")
	w.group("CAdmin", "cse-in", "here", `"mid":["Clamp","/id-open/Cvisitor","/id-deep/cse/named","/id-deep/cse/more/fopt"]`)
	far.put("/id-open/cse/far", "m2m:grp", `{"mid":["/id-in/cse-in/lamp","Cthere","cse/inner/fopt","/id-in/cse-in/here/fopt"]}`)
	far.put("/id-open/cse/inner", "m2m:grp", `{"mid":["/id-deep/Cdeep","cse/far/fopt"]}`)
	far.put("/id-deep/cse/more", "m2m:grp", `{"mid":["Cmore"]}`)
	far.put("/id-deep/cse/named", "m2m:ae", `{"aei":"Cnamed"}`)
	w.policy("CAdmin", "cse-in", "pfar", `{"acor":["/id-open/cse/far"],"acop":2}`)
	w.policy("CAdmin", "cse-in", "phere", `{"acor":["cse-in/here"],"acop":2}`)
	w.policy("CAdmin", "cse-in", "pgone", `{"acor":["/id-open/cse/gone"],"acop":2}`)
	w.policy("CAdmin", "cse-in", "pentity", `{"acor":["/id-open/Cvisitor"],"acop":2}`)
	for _, p := range []string{"far", "here", "gone", "entity"} {
		w.container("CAdmin", "cse-in", "c-"+p, `"acpi":["cse-in/p`+p+`"]`)
	}
	far.put("/id-open/cse/acp", "m2m:acp", rules(`"cse/far"`))
	w.container("CAdmin", "cse-in", "c-policy", `"acpi":["/id-open/cse/acp"]`)
	for _, tt := range []struct {
		name, target, who string
		want              bool
	}{
		{"a member with the address of its AE", "far", "Clamp", true},
		{"a member registered there", "far", "/id-open/Cthere", true},
		{"its stem at this CSE is another", "far", "Cthere", false},
		{"a member of a group in it", "far", "/id-deep/Cdeep", true},
		{"a member of a group of this CSE in it", "far", "/id-open/Cvisitor", true},
		{"nobody", "far", "Cout001", false},
		{"an entity of another CSE in a group of this one", "here", "/id-open/Cvisitor", true},
		{"by the name of its AE, which its CSE tells", "here", "/id-deep/Cnamed", true},
		{"in a group of another CSE", "here", "/id-deep/Cmore", true},
		{"nobody", "here", "/id-deep/Cnobody", false},
		{"a group that can't be had", "gone", "Clamp", false},
		{"by a policy and a group of another CSE", "policy", "Clamp", true},
		{"by a policy and two groups of another CSE", "policy", "/id-deep/Cdeep", true},
	} {
		t.Run("A-66 "+tt.name, func(t *testing.T) {
			res := w.do(ask{op: "R", to: "cse-in/c-" + tt.target, from: tt.who})
			if got := res.Code == onem2m.OK; got != tt.want {
				t.Errorf("%d %s", res.Code, text(res))
			}
		})
	}
	t.Run("A-67 an entity isn't asked for as a group", func(t *testing.T) {
		w.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/c-entity", from: "Clamp"})
		if slices.Contains(far.asked, "/id-open/Cvisitor") {
			t.Error("asked")
		}
	})
}
