package cse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bulwark/onem2m"
)

// invented are so many identifiers that nobody knows, of a domain.
func invented(turn, n int, domain string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("x%d-%d@%s", turn, i, domain)
	}
	return strings.Join(list, "+")
}

func TestQuestions_A191_WhoInventsRolesHasARepositoryAskedSoOften(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.assign("mine", "//m2m.example/id-mn/Capp01", "")
	c.assign("other", "//m2m.example/id-mn/Capp02", "")
	for i := range 20 {
		c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-mn/hall?rids=" + invented(i, 10, "roles.example"), from: "Capp01"})
	}
	if n := len(c.asked("/id-in/cse-in")); n != maxQuestions {
		t.Errorf("asked %d times", n)
	}
	c.mn.must(onem2m.OriginatorHasNoPrivilege, hall("Capp01"))
	c.mn.must(onem2m.OK, hall("Capp02"))
	c.mn.advance(questionPause)
	c.mn.must(onem2m.OK, hall("Capp01"))
}

func TestQuestions_A191_WhatIsFoundCostsNothing(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.assign("mine", "//m2m.example/id-mn/Capp01", "")
	for range 2 * maxQuestions {
		c.mn.c.copies = newForeign()
		c.mn.must(onem2m.OK, hall("Capp01"))
	}
}

func TestQuestions_A191_ManyOriginatorsBehindOneCSEHaveABoundTogether(t *testing.T) {
	t.Parallel()
	c := farRoles(t)
	c.assign("other", "//m2m.example/id-mn/Capp02", "")
	for i := range maxQuestionsOf/10 + 20 {
		c.mn.must(onem2m.OriginatorHasNoPrivilege, ask{op: "R", to: "cse-mn/hall?rids=" + invented(i, 10, "roles.example"), from: fmt.Sprintf("/id-in/Capp%d", i)})
	}
	if n := len(c.asked("/id-in/cse-in")); n != maxQuestionsOf {
		t.Errorf("asked %d times", n)
	}
	c.mn.must(onem2m.OK, hall("Capp02"))
}

func TestQuestions_A191_WhoInventsTokenIDs(t *testing.T) {
	t.Parallel()
	named := func(from string, i int) ask {
		return ask{op: "R", to: "cse-in/bay/lamp?tids=" + invented(i, 1, "das.example"), from: from}
	}
	t.Run("A-191 has their repository asked so often", func(t *testing.T) {
		t.Parallel()
		g, far := farTokens(t)
		for i := range maxQuestions + 30 {
			g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", i))
		}
		if n := far.times("/id-open/cse"); n != maxQuestions {
			t.Errorf("asked %d times", n)
		}
		g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok002", 0))
		g.must(onem2m.OriginatorHasNoPrivilege, named("Ctok002", 1000))
		if n := far.times("/id-open/cse"); n != maxQuestions+1 {
			t.Errorf("A-191 another one: asked %d times", n)
		}
	})
	t.Run("A-191 has their server asked so often", func(t *testing.T) {
		t.Parallel()
		c := newConsulting(t)
		c.das.says(2000, "")
		for i := range maxQuestions + 30 {
			c.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", i))
		}
		if n := c.das.count(); n != maxQuestions { // since it was asked for last
			t.Errorf("asked %d times", n)
		}
		c.advance(time.Minute)
		c.must(onem2m.OriginatorHasNoPrivilege, named("Ctok001", 1001))
		if c.das.count() == 0 {
			t.Error("nobody is asked any more")
		}
	})
}
