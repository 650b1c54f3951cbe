package federation

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegistration_C212_C214_BothSidesHaveARemoteCSE(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	mn := s.below(s.in, "mn", "/id-mn", "cse-mn")
	mn.start()
	mn.joined(s.in)

	entry := s.in.plain.Get(t, "CAdmin", "/cse-in/id-mn")
	if entry.Text("csi") != "/id-mn" || entry.Text("cb") != "/id-mn/cse-mn" || entry.Attribute("rr") != true {
		t.Errorf("at the registrar: %s", entry)
	}
	if diff := cmp.Diff([]any{"https://127.0.0.1:" + mn.port}, entry.Attribute("poa")); diff != "" {
		t.Error(diff)
	}
	mirror := mn.plain.Get(t, "CAdmin", "/cse-mn/id-in")
	if mirror.Text("csi") != "/id-in" || mirror.Text("cb") != "/id-in/cse-in" || mirror.Attribute("dcse") != nil {
		t.Errorf("at the registree: %s", mirror)
	}
}

// tree is an IN-CSE with two MN-CSEs, and an ASN-CSE below the first.
type tree struct {
	*system
	mn, mn2, asn *box
}

func newTree(t *testing.T) tree {
	t.Helper()
	s := newSystem(t)
	tr := tree{system: s, mn: s.below(s.in, "mn", "/id-mn", "cse-mn"), mn2: s.below(s.in, "mn", "/id-mn2", "cse-mn2")}
	tr.asn = s.below(tr.mn, "asn", "/id-asn", "cse-asn")
	for _, b := range []*box{tr.mn, tr.mn2, tr.asn} {
		b.start()
	}
	tr.mn.joined(s.in)
	tr.mn2.joined(s.in)
	tr.asn.joined(tr.mn)
	tr.descendants(t, "[/id-asn]")
	return tr
}

// descendants waits until the IN-CSE knows certain descendants of the first MN-CSE.
func (tr *tree) descendants(t *testing.T, want string) {
	t.Helper()
	await(t, "descendantCSEs are "+want, func() bool {
		return fmt.Sprint(tr.in.plain.Get(t, "CAdmin", "/cse-in/id-mn").Attribute("dcse")) == want
	})
}

func TestRegistration_C215_DescendantsAreKnownUpTheTree(t *testing.T) {
	t.Parallel()
	tr := newTree(t)
	tr.asn.plain.Delete(t, "CAdmin", "/cse-asn/id-mn") // comes back by itself
	tr.asn.joined(tr.mn)
	tr.asn.halt()
	tr.mn.plain.Delete(t, "CAdmin", "/cse-mn/id-asn").Expect(t, 2002, 200)
	tr.descendants(t, "<nil>")
}
