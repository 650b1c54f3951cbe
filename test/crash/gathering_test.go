package crash

import (
	"slices"
	"sync"
	"testing"

	"bulwark/test/harness"
)

// gathering is a container that all writers write into at the same time.
type gathering struct {
	rn     string
	mu     sync.Mutex // guards what follows
	sure   []string
	doubts []string // without an answer
}

func (g *gathering) note(con string, acknowledged bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if acknowledged {
		g.sure = append(g.sure, con)
	} else {
		g.doubts = append(g.doubts, con)
	}
}

// settle compares the container with what was acknowledged and returns its
// instances in their order.
func (g *gathering) settle(t *testing.T, c *harness.Client) []string {
	t.Helper()
	a := c.Get(t, "CAdmin", "/cse-in/"+g.rn+"?rcn=4")
	a.Expect(t, 2000, 200)
	var got []string
	size, tags := 0, map[float64]bool{}
	for _, cin := range a.Children("m2m:cin") {
		con, _ := cin["con"].(string)
		got = append(got, con)
		cs, _ := cin["cs"].(float64)
		size += int(cs)
		st, _ := cin["st"].(float64)
		tags[st] = true
	}
	for _, con := range g.sure {
		if !slices.Contains(got, con) {
			t.Errorf("%s: %s was acknowledged and isn't there", g.rn, con)
		}
	}
	for _, con := range got {
		if !slices.Contains(g.sure, con) && !slices.Contains(g.doubts, con) {
			t.Errorf("%s: %s is there and nobody wrote it", g.rn, con)
		}
	}
	if n := len(got); a.Number("cni") != n || a.Number("cbs") != size || a.Number("st") != n || len(tags) != n {
		t.Errorf("%s: %d instances of %d octets with %d state tags; cni %d, cbs %d, st %d",
			g.rn, n, size, len(tags), a.Number("cni"), a.Number("cbs"), a.Number("st"))
	}
	return got
}
