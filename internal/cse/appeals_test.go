package cse

import (
	"fmt"
	"testing"

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
