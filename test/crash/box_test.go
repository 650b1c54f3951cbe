package crash

import (
	"fmt"
	"slices"
	"testing"

	"bulwark/test/harness"
)

// fate is what is known of something: whether it is there.
type fate int

const (
	absent  fate = iota
	present      // acknowledged
	unsure       // the process died before it answered
)

// instance is a content instance that the model knows.
type instance struct {
	con  string
	fate fate // present, or unsure after a create or delete without an answer
}

// box is a container as its only writer knows it.
type box struct {
	rn        string
	bound     int // maxNrOfInstances, 0 for none
	existence fate
	watched   fate
	label     string
	labels    []string // one of these holds when an update had no answer
	instances []instance
	steps     int      // acknowledged creations of instances and updates: stateTag
	doubt     int      // those without an answer
	told      []string // instances whose notification is due
}

// add notes a new instance and drops what the bound pushes out.
func (b *box) add(con string, f fate) {
	b.instances = append(b.instances, instance{con, f})
	if f != unsure {
		b.steps++
		b.trim()
	} else {
		b.doubt++
	}
}

func (b *box) trim() {
	if b.bound > 0 && len(b.instances) > b.bound {
		b.instances = slices.Delete(b.instances, 0, len(b.instances)-b.bound)
	}
}

// settle compares the box with the container in the CSE, and takes over what
// became of the request that had no answer. It returns the instance whose
// creation turned out to have happened, or not to have.
func (b *box) settle(t *testing.T, c *harness.Client, owner, parent string) (made, never string) {
	t.Helper()
	target := parent + "/" + b.rn
	a := c.Get(t, owner, target+"?rcn=4")
	switch {
	case a.RSC == 4004 && b.existence != present:
		b.existence = absent
		if n := len(b.instances); n > 0 && b.instances[n-1].fate == unsure {
			never = b.instances[n-1].con
		}
		return "", never
	case a.RSC == 2000 && b.existence != absent:
		b.existence = present
	default:
		t.Errorf("%s: got %s, the model says %d", target, a, b.existence)
		return "", ""
	}
	b.settleLabel(t, a, target)
	b.settleWatch(t, c, owner, target)
	made, never = b.settleInstances(t, a, target)
	if st := a.Number("st"); st < b.steps || st > b.steps+b.doubt {
		t.Errorf("%s: st is %d, acknowledged were %d changes, without answer %d", target, st, b.steps, b.doubt)
	} else {
		b.steps, b.doubt = st, 0
	}
	return made, never
}

func (b *box) settleLabel(t *testing.T, a *harness.Answer, target string) {
	t.Helper()
	got := fmt.Sprint(a.Attribute("lbl"))
	allowed := append([]string{b.label}, b.labels...)
	found := slices.IndexFunc(allowed, func(l string) bool { return got == "["+l+"]" })
	if found < 0 {
		t.Errorf("%s: the label is %s, want one of %q", target, got, allowed)
		return
	}
	b.label, b.labels = allowed[found], nil
}

func (b *box) settleWatch(t *testing.T, c *harness.Client, owner, target string) {
	t.Helper()
	a := c.Get(t, owner, target+"/watch")
	switch {
	case a.RSC == 2000 && b.watched != absent:
		b.watched = present
	case a.RSC == 4004 && b.watched != present:
		b.watched = absent
	default:
		t.Errorf("%s: its subscription: got %s, the model says %d", target, a, b.watched)
	}
}

// settleInstances compares the instances in their order, and the counters with
// what is listed.
func (b *box) settleInstances(t *testing.T, a *harness.Answer, target string) (made, never string) {
	t.Helper()
	listed := a.Children("m2m:cin")
	var got []string
	size := 0
	for _, cin := range listed {
		con, _ := cin["con"].(string)
		cs, _ := cin["cs"].(float64)
		got = append(got, con)
		size += int(cs)
	}
	if a.Number("cni") != len(listed) || a.Number("cbs") != size {
		t.Errorf("%s: cni is %d and cbs %d; listed are %d instances of %d octets", target, a.Number("cni"), a.Number("cbs"), len(listed), size)
	}
	var kept []instance
	for _, in := range b.instances {
		there := slices.Contains(got, in.con)
		switch {
		case in.fate == unsure && there:
			made = in.con
		case in.fate == unsure:
			never = in.con
			continue
		}
		kept = append(kept, instance{in.con, present})
	}
	b.instances = kept
	b.trim()
	var want []string
	for _, in := range b.instances {
		want = append(want, in.con)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the instances are\n%v, acknowledged were\n%v", target, got, want)
	}
	return made, never
}
