package cse

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bulwark/internal/dynauth"
	"bulwark/onem2m"
)

func TestAppeals_A191_WhoIsDeniedAgainAndAgainHasItsServerAskedSoOften(t *testing.T) {
	t.Parallel()
	c := newConsulting(t)
	c.das.says(2000, "")
	for range maxQuestions + 30 {
		c.must(onem2m.OriginatorHasNoPrivilege, read("cse-in/bay/lamp"))
	}
	if n := c.das.count(); n != maxQuestions {
		t.Errorf("asked %d times", n)
	}
	c.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-in/bay/lamp", from: "Ctok002"})
	if n := c.das.count(); n != 1 {
		t.Errorf("A-191 another one: asked %d times", n)
	}
	c.advance(questionPause)
	c.das.says(2000, grantsOf(readRule, ""))
	c.must(onem2m.OK, read("cse-in/bay/lamp"))
}

func TestAppeals_A191_WhatIsPermittedCostsNothing(t *testing.T) {
	t.Parallel()
	t.Run("A-191 by a server", func(t *testing.T) {
		t.Parallel()
		c := newConsulting(t)
		c.das.says(2000, grantsOf(readRule, `,"pl":"PT1S"`))
		for range maxQuestions + 10 {
			c.must(onem2m.OK, read("cse-in/bay/lamp"))
			c.endGrants(t)
		}
		if n := c.das.count(); n != maxQuestions+10 {
			t.Errorf("asked %d times", n)
		}
	})
	t.Run("A-191 by a decision point", func(t *testing.T) {
		t.Parallel()
		c := newCountry(t)
		c.leave(toDecide)
		c.central(mayRead)
		for range maxQuestions + 10 {
			c.mn.must(onem2m.OK, reads("Capp01"))
		}
		if n := len(c.asked(farPoint + "pdp")); n != maxQuestions+10 {
			t.Errorf("asked %d times", n)
		}
	})
}

// endGrants ends the dynamic policies at once.
func (c *consulting) endGrants(t *testing.T) {
	t.Helper()
	for _, rec := range c.dynamicOf() {
		c.must(onem2m.Deleted, ask{op: "D", to: rec.RI, from: "CAdmin"})
	}
}

func TestAppeals_A191_WhoIsDeniedAgainAndAgainHasPointsAskedSoOften(t *testing.T) {
	t.Parallel()
	for kind, names := range map[string]string{"pdp": toDecide, "prp": toRules, "pip": toInform} {
		t.Run("A-191 "+kind, func(t *testing.T) {
			t.Parallel()
			c := newCountry(t)
			c.leave(names)
			c.mn.must(onem2m.Created, ask{op: "C2", to: "cse-mn", from: "Capp02", body: `{"m2m:ae":{"rn":"two","api":"Ntest","rr":false,"srv":["3"]}}`})
			for range maxQuestions + 30 {
				c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp01"))
			}
			if n := len(c.asked(farPoint + kind)); n != maxQuestions {
				t.Errorf("asked %d times", n)
			}
			c.told(t, c.mn, "distributed", false, unasked)
			c.mn.must(onem2m.OriginatorHasNoPrivilege, reads("Capp02"))
			if n := len(c.asked(farPoint + kind)); n != maxQuestions+1 {
				t.Errorf("A-191 another one: asked %d times", n)
			}
		})
	}
}

func TestAppeals_A191_ManyOriginatorsBehindOneCSEHaveABoundTogether(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.leave(toDecide)
	for i := range maxQuestionsOf + 20 {
		c.mn.must(onem2m.OriginatorHasNoPrivilege, reads(fmt.Sprintf("/id-in/Capp%d", i)))
	}
	if n := len(c.asked(farPoint + "pdp")); n != maxQuestionsOf {
		t.Errorf("asked %d times", n)
	}
}

func TestAppeals_A191_ServersThatAreSlowHoldARequestNoLongerThanItMayTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConsulting(t, func(o *Options) {
			o.Timing.Consultation, o.Timing.RequestExpiration = 100*time.Millisecond, 250*time.Millisecond
		})
		c.das.set(func(ctx context.Context, _ string, _ *onem2m.Request) (*onem2m.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		points := make([]string, dynauth.MaxPoints)
		for i := range points {
			points[i] = fmt.Sprintf("https://slow%d.example/", i)
		}
		c.must(onem2m.Updated, ask{op: "U", to: "cse-in/bay/dac", from: "Cowner1", body: `{"m2m:dac":{"dap":` + string(onem2m.TextsValue(points)) + `}}`})
		for _, asked := range []ask{read("cse-in/bay/lamp"), {op: "D", to: "cse-in/bay/lamp", from: "Ctok001"}} {
			begun := time.Now()
			if res := c.do(asked); res.Code/1000 == 2 {
				t.Errorf("%s: %d", asked.op, res.Code)
			}
			if took := time.Since(begun); took > 250*time.Millisecond {
				t.Errorf("%s took %v", asked.op, took)
			}
			c.advance(time.Minute)
		}
	})
}
