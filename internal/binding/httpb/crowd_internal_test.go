package httpb

import (
	"net/netip"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// fill takes as many places for a party as it gets.
func fill(c *crowd, p party) (n int) {
	for n < 10_000 && c.enter(p) {
		n++
	}
	return n
}

func TestCrowd_HalfOfWhatOthersLeave(t *testing.T) {
	t.Parallel()
	c := &crowd{most: 1000}
	a, b := party{credential: "31-a"}, party{credential: "31-b"}
	if got := fill(c, a); got != 500 {
		t.Errorf("the first has %d", got)
	}
	if got := fill(c, b); got != 250 {
		t.Errorf("the second has %d", got)
	}
	for range 500 {
		c.leave(a)
	}
	if got := fill(c, b); got != 250 {
		t.Errorf("the second gets %d when it is alone", got)
	}
	for range 500 {
		c.leave(b)
	}
	if len(c.count) != 0 || c.all != 0 {
		t.Errorf("%d, %v are left", c.all, c.count)
	}
	if got := fill(&crowd{most: 100}, a); got != minShare {
		t.Errorf("of few connections one has %d", got)
	}
	if got := fill(c, party{}); got != 10_000 {
		t.Errorf("the machine itself has %d", got)
	}
}

func TestCrowd_WhoeverHasLittleGetsAPlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &crowd{most: rapid.IntRange(1, 400).Draw(t, "most")}
		var open []party
		for range rapid.IntRange(0, 500).Draw(t, "steps") {
			if len(open) > 0 && rapid.IntRange(0, 3).Draw(t, "leave") == 0 {
				c.leave(open[0])
				open = open[1:]
				continue
			}
			p := party{credential: strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "who"))}
			own := c.count[p]
			if got := c.enter(p); got {
				open = append(open, p)
			} else if own < minShare || own < (c.most-(len(open)-own))/2 {
				t.Fatalf("refused with %d of %d, limit %d", own, len(open), c.most)
			}
		}
		if c.all != len(open) {
			t.Fatalf("%d are counted, %d are open", c.all, len(open))
		}
	})
}

func TestSourceParty_WhoIsCountedTogether(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for source, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::/64", "2001:db8::ffff": "2001:db8::/64",
		"127.0.0.9": "", "::1": "", "10.1.2.3": "",
	} {
		p := sourceParty(netip.MustParseAddr(source), proxies)
		if got := p.source; want == "" && got.IsValid() || want != "" && got.String() != want || p.credential != "" {
			t.Errorf("%s: %s", source, got)
		}
	}
	if p := sourceParty(netip.Addr{}, proxies); p != (party{}) {
		t.Errorf("no address: %v", p)
	}
}
