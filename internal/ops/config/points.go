package config

import (
	"fmt"
	"strings"

	"bulwark/onem2m"
)

// Bounds of what the points know: every question of another CSE is held against
// all of it.
const (
	maxGoverned = 1000 // targets, and policies, of an entry
	maxFurther  = 8    // information points that are asked in turn
)

// checkPoints holds the tables of distributed authorization against the forms of
// what they name. Whether the resources exist is seen when they are asked: they
// are made by request.
func (c *Config) checkPoints(k *checker) {
	seen := map[string]bool{}
	for _, one := range []struct{ path, address string }{{"pdp.resource", c.PDP.Resource}, {"prp.resource", c.PRP.Resource}, {"pip.resource", c.PIP.Resource}} {
		if one.address == "" {
			continue
		}
		base, name, ok := strings.Cut(one.address, "/")
		if !ok || base != c.CSE.Name || !onem2m.ValidName(name) {
			k.fail(one.path, "%q is no child of the CSEBase: write its name, a slash and a name, such as %s/pdp", one.address, c.CSE.Name)
		}
		if seen[one.address] {
			k.fail(one.path, "%s is bound twice", one.address)
		}
		seen[one.address] = true
	}
	for _, text := range c.PDP.TokensTo {
		if id, _, err := c.Home().ParseID(text); err != nil || id.Stem() != "" {
			k.fail("pdp.tokens-to", "%q is no CSE-ID, such as /id-far", text)
		}
	}
	if len(c.PIP.Ask) > maxFurther {
		k.fail("pip.ask", "names more than %d points", maxFurther)
	}
	for _, text := range c.PIP.Ask {
		if a, err := onem2m.ParseAddress(text); err != nil || a.CSE == "" || len(a.Path) == 0 {
			k.fail("pip.ask", "%q is no address of another CSE, such as /id-far/cse-far/pip", text)
		}
	}
	for i, g := range c.Governed {
		c.checkGoverned(k, fmt.Sprintf("governed[%d].", i), g)
	}
}

func (c *Config) checkGoverned(k *checker, path string, g Governed) {
	for _, list := range []struct {
		name   string
		values []string
	}{{"targets", g.Targets}, {"policies", g.Policies}} {
		if n := len(list.values); n == 0 || n > maxGoverned {
			k.fail(path+list.name, "must name 1 to %d", maxGoverned)
		}
	}
	for _, text := range g.Targets {
		begin, all := strings.CutSuffix(text, "*")
		if all {
			begin += "x" // any name goes on there
		}
		a, err := onem2m.ParseAddress(begin)
		switch {
		case err != nil || a.SP == "" || a.CSE == "" || !strings.HasPrefix(text, a.SP+a.CSE+"/"):
			k.fail(path+"targets", "%q is no absolute address of a resource, such as //m2m.example/id-mn/cnt1 or //m2m.example/id-mn/*", text)
		case a.SP == c.CSE.SP && a.CSE == c.CSE.ID:
			k.fail(path+"targets", "%s is a resource of this CSE, which has its own policies", text)
		}
	}
	for _, text := range g.Policies {
		if a, err := onem2m.ParseAddress(text); err != nil || len(a.Path) == 0 || a.Attribute != "" {
			k.fail(path+"policies", "%q is no address of a policy, such as %s/central", text, c.CSE.Name)
		}
	}
}
