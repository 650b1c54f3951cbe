package federation

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/onem2m"
)

const (
	sp  = "//m2m.example"
	in  = onem2m.ID(sp + "/id-in")
	mn  = onem2m.ID(sp + "/id-mn")
	mn2 = onem2m.ID(sp + "/id-mn2")
	mn3 = onem2m.ID(sp + "/id-mn3")
	asn = onem2m.ID(sp + "/id-asn")
	far = onem2m.ID("//far.example/id-in")
)

// middle is an MN-CSE.
func middle() onem2m.Home { return onem2m.Home{SP: sp, CSE: "/id-mn", Name: "cse-mn"} }

// code is the response status code of an error, 0 for none.
func code(err error) onem2m.StatusCode {
	if err == nil {
		return 0
	}
	return onem2m.AsError(err).Code
}

func TestNext_FindsTheNextHop(t *testing.T) {
	t.Parallel()
	up := Neighbour{ID: in, Record: 1, Upstream: true}
	registree := Neighbour{ID: mn2, Record: 2, Claims: []onem2m.ID{asn}}
	provider := Neighbour{ID: far, Record: 3}
	second := Neighbour{ID: "//far.example/id-in2", Record: 4}
	expired := Neighbour{ID: mn3, Record: 5, Expires: 50}
	tests := []struct {
		name   string
		all    []Neighbour
		target onem2m.ID
		from   Arrival
		want   onem2m.ID
		code   onem2m.StatusCode
	}{
		{"C-067 a registree", []Neighbour{up, registree}, mn2, Arrival{}, mn2, 0},
		{"C-067 a descendant", []Neighbour{up, registree}, asn, Arrival{}, mn2, 0},
		{"C-067 the registrar itself", []Neighbour{up, registree}, in, Arrival{Peer: mn2}, in, 0},
		{"C-067 any other goes up", []Neighbour{up, registree}, mn3, Arrival{}, in, 0},
		{"C-067 also from a registree", []Neighbour{up, registree}, mn3, Arrival{Peer: mn2}, in, 0},
		{"C-067 nothing above", []Neighbour{registree}, mn3, Arrival{Peer: mn2}, "", 4004},
		{"C-068 from the registrar down", []Neighbour{up, registree}, asn, Arrival{Peer: in, Above: true}, mn2, 0},
		{"C-068 from the registrar nowhere", []Neighbour{up, registree}, mn3, Arrival{Peer: in, Above: true}, "", 4004},
		{"C-079 back to where it came from", []Neighbour{up, registree}, asn, Arrival{Peer: mn2}, "", 4004},
		{"C-079 to who sent it", []Neighbour{up, registree}, mn2, Arrival{Peer: mn2}, "", 4004},
		{"C-081 another provider goes up", []Neighbour{up, registree}, far, Arrival{}, in, 0},
		{"C-080 another provider by its IN-CSE", []Neighbour{registree, provider}, "//far.example/id-mn", Arrival{Peer: mn2}, far, 0},
		{"C-080 not back into it", []Neighbour{registree, provider}, "//far.example/id-mn", Arrival{Peer: far}, "", 4004},
		{"C-080 no way to a third", []Neighbour{registree, provider}, "//third.example/id-in", Arrival{}, "", 4004},
		{"C-069 several of one provider", []Neighbour{provider, second}, "//far.example/id-mn", Arrival{}, "", 5000},
		{"C-069 but not if one is meant", []Neighbour{provider, second}, far, Arrival{}, far, 0},
		{"C-217 an expired registration", []Neighbour{expired}, mn3, Arrival{}, "", 4004},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := NewTable(middle(), "")
			for _, n := range tt.all {
				table.Set(n)
			}
			hop, err := table.Next(tt.target, tt.from, 100)
			if hop.ID != tt.want || code(err) != tt.code {
				t.Errorf("got %q %v", hop.ID, err)
			}
		})
	}
}

func TestTable_S093_AClaimTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), "")
	via := func(id onem2m.ID) onem2m.ID { n, _ := table.Via(id, 0); return n.ID }
	table.Set(Neighbour{ID: mn2, Record: 2, Claims: []onem2m.ID{asn}})
	table.Set(Neighbour{ID: mn3, Record: 1, Claims: []onem2m.ID{asn, mn2, in, middle().ID(), far}})
	if via(asn) != mn2 || via(mn2) != mn2 || via(middle().ID()) != "" || via(far) != "" {
		t.Errorf("asn via %q, mn2 via %q, own via %q", via(asn), via(mn2), via(middle().ID()))
	}
	if diff := cmp.Diff([]onem2m.ID{asn, in, mn2, mn3}, table.Descendants(0)); diff != "" {
		t.Error(diff)
	}
	table.Set(Neighbour{ID: in, Record: 9, Upstream: true}) // who is a neighbour is below nobody
	if via(in) != in || slices.Contains(table.Descendants(0), in) || table.Below("", in, 0) {
		t.Errorf("the registrar is below %q", via(in))
	}
	table.Set(Neighbour{ID: mn2, Record: 2}) // asn has moved
	if via(asn) != mn3 || !table.Below(mn3, asn, 0) || table.Below(mn2, asn, 0) || !table.Below("", asn, 0) {
		t.Errorf("asn via %q", via(asn))
	}
	table.Remove(1)
	if via(asn) != "" || table.Has(mn3, 0) {
		t.Error("a neighbour that is gone has descendants")
	}
}

func TestTable_S093_AClaimCountsOnceTheRegistrarHasTakenIt(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), in)
	grandparent := onem2m.ID(sp + "/id-top")
	table.Set(Neighbour{ID: in, Record: 1, Upstream: true})
	table.Set(Neighbour{ID: mn2, Record: 2, Claims: []onem2m.ID{asn, grandparent}})
	hop := func(id onem2m.ID) onem2m.ID { n, _ := table.Next(id, Arrival{}, 0); return n.ID }
	if hop(asn) != in || table.Below(mn2, asn, 0) || !slices.Contains(table.Descendants(0), asn) {
		t.Errorf("before: asn by %q, told %v", hop(asn), table.Descendants(0))
	}
	table.Vouch([]onem2m.ID{asn}, []onem2m.ID{grandparent}, 0)
	if hop(asn) != mn2 || hop(grandparent) != in || !table.Below(mn2, asn, 0) || table.Below(mn2, grandparent, 0) {
		t.Errorf("then: asn by %q, the grandparent by %q", hop(asn), hop(grandparent))
	}
	for id, want := range map[onem2m.ID]bool{
		in: true, middle().ID(): true, mn2: false, asn: false, mn3: false, far: true, grandparent: false,
	} {
		if got := table.Elsewhere(mn2, id, 0); got != want {
			t.Errorf("%s is elsewhere: %v", id, got)
		}
	}
	if !table.Elsewhere(mn3, asn, 0) || !table.Elsewhere(mn3, mn2, 0) || !table.Barred(mn2, grandparent, 0) || table.Barred(mn2, grandparent, onem2m.Timestamp(2*refusal.Microseconds())) {
		t.Error("what is another's isn't refused, or what was refused is for ever")
	}
	table.Vouch(nil, nil, 0)
	if hop(asn) != in {
		t.Errorf("in the end: asn by %q", hop(asn))
	}
}

func TestTable_S093_AWrongClaimIsHeldAgainstWhoMadeItAlone(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), "")
	now := onem2m.Timestamp(1)
	after := func(d time.Duration) { now += onem2m.Timestamp(d.Microseconds()) }
	barred := func(when string, want bool) {
		t.Helper()
		if got := table.Barred(mn2, asn, now); got != want {
			t.Errorf("%s: barred %v", when, got)
		}
		if table.Barred(mn3, asn, now) || table.Barred(mn2, mn3, now) {
			t.Errorf("%s: what nobody has been wrong about is barred", when)
		}
	}
	barred("at first", false)
	table.Exposed(mn2, asn, now)
	barred("exposed", true)
	after(refusal - time.Second)
	table.Caught(mn2, asn, now)
	after(2 * time.Second)
	barred("caught again meanwhile", true)
	after(refusal)
	barred("after a while", false)
	for want := 2 * refusal; want <= longestRefusal; want *= 2 {
		table.Caught(mn2, asn, now)
		after(want - time.Second)
		barred(fmt.Sprint("just before ", want), true)
		after(2 * time.Second)
		barred(fmt.Sprint("after ", want), false)
	}
	table.Caught(mn2, asn, now)
	after(longestRefusal + time.Second)
	barred("after the longest time", false)
	after(grudge)
	table.Exposed(mn2, asn, now)
	after(refusal + time.Second)
	barred("a while after it was forgotten", false)
	for i := range 2 * MaxClaims {
		table.Caught(mn3, onem2m.ID(fmt.Sprintf("%s/id-d%d", sp, i)), now)
	}
	if n := len(table.bars[mn3]); n != MaxClaims || !table.Barred(mn3, "//m2m.example/id-any", now) || table.Barred(mn2, "//m2m.example/id-any", now) {
		t.Errorf("of one that is wrong about everything %d claims are remembered", n)
	}
	for i := range 2 * maxLiars {
		table.Caught(onem2m.ID(fmt.Sprintf("%s/id-r%d", sp, i)), asn, now)
	}
	if len(table.bars) > maxLiars {
		t.Errorf("%d liars are remembered", len(table.bars))
	}
	after(longestRefusal + grudge + time.Second)
	if table.Caught(mn2, asn, now); len(table.bars) != 1 {
		t.Errorf("%d are left when all is over", len(table.bars))
	}
}

// The registrar of a CSE that has just moved may be too quick: it may try again
// soon. Who tries again and again may not.
func TestTable_S093_AClaimThatNeverCountedIsHeldAgainstNobodyForLongAtFirst(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), "")
	now := onem2m.Timestamp(1)
	after := func(d time.Duration) { now += onem2m.Timestamp(d.Microseconds()) }
	patient := false
	for want := firstRefusal; want < refusal; want *= 2 {
		patient = !patient
		table.Caught(mn2, asn, now)
		after(want - time.Millisecond)
		if !table.Barred(mn2, asn, now) {
			t.Errorf("not barred for %s", want)
		}
		if patient { // every other time
			after(time.Millisecond)
			if table.Barred(mn2, asn, now) {
				t.Errorf("barred for longer than %s", want)
			}
		}
	}
	for range 2 {
		table.Caught(mn2, asn, now)
		after(refusal - time.Millisecond)
		if !table.Barred(mn2, asn, now) {
			t.Error("who is always wrong is let off soon")
		}
	}
	table.Caught(mn3, asn, now)
	table.Exposed(mn3, asn, now)
	after(refusal - time.Millisecond)
	if !table.Barred(mn3, asn, now) {
		t.Error("a claim that has counted is held against nobody for long")
	}
}

func TestTable_C215_S093_OneThatClaimsVeryManyCostsOthersNone(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), in)
	liar := Neighbour{ID: mn2, Record: 1}
	for j := range MaxClaims {
		liar.Claims = append(liar.Claims, onem2m.ID(fmt.Sprintf("%s/id-a%d", sp, j)))
	}
	table.Set(liar)
	table.Set(Neighbour{ID: mn3, Record: 2, Claims: []onem2m.ID{asn, "//m2m.example/id-z"}})
	told := table.Descendants(0)
	for _, id := range []onem2m.ID{mn2, mn3, asn, "//m2m.example/id-z"} {
		if !slices.Contains(told, id) {
			t.Errorf("%s isn't told", id)
		}
	}
	if len(told) != MaxClaims || !slices.IsSorted(told) || !slices.Equal(told, table.Descendants(0)) {
		t.Errorf("%d are told", len(told))
	}
}

func TestTable_C080_AnotherProviderIsFoundWithoutARegistration(t *testing.T) {
	t.Parallel()
	apex := NewTable(onem2m.Home{SP: sp, CSE: "/id-in", Name: "cse-in"}, "")
	apex.Set(Neighbour{ID: mn, Record: 1})
	apex.Find(far, "https://id-in.far.example:443")
	hop := func(target onem2m.ID, from Arrival) string {
		n, err := apex.Next(target, from, 0)
		if err != nil {
			return fmt.Sprint(code(err))
		}
		return string(n.ID)
	}
	for _, tt := range []struct {
		name   string
		target onem2m.ID
		from   Arrival
		want   string
	}{
		{"its IN-CSE", far, Arrival{}, string(far)},
		{"what is below that", "//far.example/id-mn", Arrival{Peer: mn}, string(far)},
		{"a provider that nobody has named", "//third.example/id-in", Arrival{}, "4004"},
		{"not for another provider", "//far.example/id-mn", Arrival{Peer: "//third.example/id-in"}, "4004"},
		{"nor back", "//far.example/id-mn", Arrival{Peer: far}, "4004"},
		{"no CSE of its own provider", "//m2m.example/id-gone", Arrival{Peer: mn}, "4004"},
	} {
		if got := hop(tt.target, tt.from); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if apex.Has(far, 0) || apex.Below("", far, 0) || len(apex.Descendants(0)) != 1 {
		t.Error("who is found has become a neighbour")
	}
	registered := onem2m.ID("//far.example/id-in2")
	apex.Set(Neighbour{ID: registered, Record: 2})
	if got := hop("//far.example/id-mn", Arrival{}); got != string(registered) {
		t.Errorf("a registration doesn't come first: %s", got)
	}
}

func TestTable_NeverRoutesBackNorToTheExpired(t *testing.T) {
	t.Parallel()
	ids := []onem2m.ID{in, mn2, mn3, asn, far, "//far.example/id-mn", middle().ID()}
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable(middle(), "")
		known := map[onem2m.ID]Neighbour{}
		for i := range rapid.IntRange(0, 12).Draw(t, "steps") {
			id := rapid.SampledFrom(ids[:5]).Draw(t, "id")
			if rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
				table.Remove(known[id].Record)
				delete(known, id)
				continue
			}
			n := Neighbour{
				ID: id, Record: int64(1 + slices.Index(ids, id)), Upstream: id == in,
				Expires: rapid.SampledFrom([]onem2m.Timestamp{0, 50, 200}).Draw(t, fmt.Sprint("expires", i)),
				Claims:  rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID).Draw(t, "claims"),
			}
			known[id] = n
			table.Set(n)
		}
		from := Arrival{Peer: rapid.SampledFrom(append(ids, "")).Draw(t, "from")}
		from.Above = from.Peer == in
		target := rapid.SampledFrom(ids).Draw(t, "target")
		hop, err := table.Next(target, from, 100)
		var refused *onem2m.Error
		switch {
		case err != nil && !errors.As(err, &refused):
			t.Fatalf("an error without code: %v", err)
		case err != nil:
			return
		case hop.ID == from.Peer, hop.Expires == 50, hop.Upstream && from.Above:
			t.Fatalf("%s from %+v goes to %+v", target, from, hop)
		case hop.ID != target && !hop.Upstream && hop.ID.SP() == sp && !slices.Contains(known[hop.ID].Claims, target):
			t.Fatalf("%s goes to %s, which doesn't claim it", target, hop.ID)
		}
		if direct, ok := known[target]; ok && (direct.Expires == 0 || direct.Expires > 100) && hop.ID != target {
			t.Fatalf("%s is a neighbour and its requests go to %s", target, hop.ID)
		}
	})
}

func TestTable_C077_C078_HowANeighbourIsReached(t *testing.T) {
	t.Parallel()
	const id, now = onem2m.ID("//m2m.example/id-mn"), onem2m.Timestamp(1000)
	points := []string{"https://mn.example.com"}
	tests := []struct {
		name string
		do   func(*Table)
		want []string
	}{
		{"by its points of access", func(*Table) {}, points},
		{"by its polling channel and no other way", func(tb *Table) { tb.Poll(7, Channel{RI: "pch1", Expires: now + 1}) }, []string{"pcu:pch1"}},
		{"by a polling channel that doesn't expire", func(tb *Table) { tb.Poll(7, Channel{RI: "pch1"}) }, []string{"pcu:pch1"}},
		{"no longer by one that has expired", func(tb *Table) { tb.Poll(7, Channel{RI: "pch1", Expires: now}) }, points},
		{"not by the polling channel of somebody else", func(tb *Table) { tb.Poll(8, Channel{RI: "pch1"}) }, points},
		{"no longer by one that is gone", func(tb *Table) { tb.Poll(7, Channel{RI: "pch1"}); tb.Unpoll(7, "pch1") }, points},
		{"by the one that took the place of a former one", func(tb *Table) { tb.Poll(7, Channel{RI: "pch2"}); tb.Unpoll(7, "pch1") }, []string{"pcu:pch2"}},
		{"by its polling channel after an update of its entry", func(tb *Table) {
			tb.Poll(7, Channel{RI: "pch1"})
			tb.Set(Neighbour{ID: id, Record: 7})
		}, []string{"pcu:pch1"}},
		{"not by that of a former registration", func(tb *Table) {
			tb.Poll(7, Channel{RI: "pch1"})
			tb.Set(Neighbour{ID: id, Record: 9})
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tb := NewTable(onem2m.Home{SP: "//m2m.example", CSE: "/id-in", Name: "cse-in"}, "")
			tb.Set(Neighbour{ID: id, Record: 7, Points: points})
			tt.do(tb)
			n, err := tb.Next(id, Arrival{}, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, n.Ways(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTable_S093_TheOldestClaimCountsInAnyOrder(t *testing.T) {
	t.Parallel()
	older := Neighbour{ID: mn3, Record: 5, Claims: []onem2m.ID{asn}, Since: map[onem2m.ID]onem2m.Timestamp{asn: 10}}
	newer := Neighbour{ID: mn2, Record: 2, Claims: []onem2m.ID{asn}, Since: map[onem2m.ID]onem2m.Timestamp{asn: 20}}
	for _, order := range [][]Neighbour{{older, newer}, {newer, older}} {
		table := NewTable(middle(), "")
		for _, n := range order {
			table.Set(n)
		}
		if n, _ := table.Via(asn, 0); n.ID != mn3 {
			t.Errorf("asn via %q", n.ID)
		}
	}
}

func TestTable_S093_TheRegistrarIsBelowNobody(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), in) // and isn't known yet
	table.Set(Neighbour{ID: mn2, Record: 2, Claims: []onem2m.ID{in, asn}})
	table.Vouch([]onem2m.ID{in, asn}, nil, 0)
	if n, ok := table.Via(in, 0); ok || table.Below("", in, 0) {
		t.Errorf("the registrar is below %q", n.ID)
	}
	if n, _ := table.Via(asn, 0); n.ID != mn2 {
		t.Errorf("asn via %q", n.ID)
	}
}

func TestTable_C215_KnowsABoundedNumberOfDescendants(t *testing.T) {
	t.Parallel()
	table := NewTable(middle(), "")
	for i := range 8 {
		n := Neighbour{ID: onem2m.ID(fmt.Sprintf("%s/id-r%d", sp, i)), Record: int64(i + 1)}
		for j := range 2 * MaxClaims {
			n.Claims = append(n.Claims, onem2m.ID(fmt.Sprintf("%s/id-d%d-%d", sp, i, j)))
		}
		table.Set(n)
		if got, want := len(table.behind), min((i+1)*MaxClaims, maxBehind); got != want {
			t.Errorf("after %d registrees %d are known, want %d", i+1, got, want)
		}
	}
	if n := len(table.Descendants(0)); n != MaxClaims {
		t.Errorf("the registrar is told of %d", n)
	}
	for i := range 8 {
		table.Remove(int64(i + 1))
	}
	if len(table.behind)+len(table.stakes)+len(table.all) != 0 {
		t.Error("something is left")
	}
}
