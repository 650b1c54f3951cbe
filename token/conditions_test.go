package token

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"bulwark/onem2m"
)

func TestCheck_A128_A129_A127_ContentAgainstARequest(t *testing.T) {
	t.Parallel()
	const second = onem2m.Timestamp(time.Second / time.Microsecond)
	for _, tc := range []struct {
		name   string
		claims func(*Claims)
		on     func(*Conditions)
		want   Check
	}{
		{"everything fits", nil, nil, 0},
		{"the first moment", nil, func(on *Conditions) { on.Now = begins }, 0},
		{"the moment before", nil, func(on *Conditions) { on.Now = begins - 1 }, CheckNotBefore},
		{"the last moment", nil, func(on *Conditions) { on.Now = ends - 1 }, 0},
		{"the end", nil, func(on *Conditions) { on.Now = ends }, CheckNotAfter},
		{"a leeway at the beginning", nil, func(on *Conditions) { on.Now, on.Leeway = begins-second, time.Second }, 0},
		{"more than the leeway at the beginning", nil, func(on *Conditions) { on.Now, on.Leeway = begins-second-1, time.Second }, CheckNotBefore},
		{"a leeway at the end", nil, func(on *Conditions) { on.Now, on.Leeway = ends+second-1, time.Second }, 0},
		{"more than the leeway at the end", nil, func(on *Conditions) { on.Now, on.Leeway = ends+second, time.Second }, CheckNotAfter},
		{"a negative leeway is none", nil, func(on *Conditions) { on.Now, on.Leeway = begins, -time.Hour }, 0},
		{"another originator", nil, func(on *Conditions) { on.Originator = "//m2m.example/id-in/Cother" }, CheckHolder},
		{"nobody", func(c *Claims) { c.Holder = "" }, func(on *Conditions) { on.Originator = "" }, CheckHolder},
		{"a new holder (A-167)", nil, func(on *Conditions) { on.Originator, on.Holder = "//m2m.example/Snew", "//m2m.example/Snew" }, 0},
		{"the old holder after that (A-167)", nil, func(on *Conditions) { on.Holder = "//m2m.example/Snew" }, CheckHolder},
		{"another CSE", nil, func(on *Conditions) { on.Self = "//m2m.example/id-mn" }, CheckAudience},
		{"an audience that begins alike", nil, func(on *Conditions) { on.Self = self + "2" }, CheckAudience},
		{"no audience", func(c *Claims) { c.Audience = nil }, nil, 0},
		{"an audience of nobody", func(c *Claims) { c.Audience = []string{} }, nil, CheckAudience},
		{"an audience with a wildcard", func(c *Claims) { c.Audience = []string{"//m2m.example/id-*"} }, nil, 0},
		{"a wildcard that would have to cross a slash", func(c *Claims) { c.Audience = []string{"//*"} }, nil, CheckAudience},
		{"one of several audiences", func(c *Claims) { c.Audience = []string{"//other.example/x", string(self)} }, nil, 0},
		{"direct: exactly this CSE", nil, func(on *Conditions) { on.Direct = true }, 0},
		{"direct: no audience", func(c *Claims) { c.Audience = nil }, func(on *Conditions) { on.Direct = true }, CheckAudience},
		{"direct: a wildcard", func(c *Claims) { c.Audience = []string{"//m2m.example/*"} }, func(on *Conditions) { on.Direct = true }, CheckAudience},
		{"direct: one more audience", func(c *Claims) { c.Audience = append(c.Audience, "//m2m.example/x") }, func(on *Conditions) { on.Direct = true }, CheckAudience},
		{"the issuer that was asked", nil, func(on *Conditions) { on.Issuer = das }, 0},
		{"another issuer than the one that was asked", nil, func(on *Conditions) { on.Issuer = "//m2m.example/Sother" }, CheckIssuer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := sample()
			if tc.claims != nil {
				tc.claims(c)
			}
			on := Conditions{Originator: holder, Self: self, Now: begins + second}
			if tc.on != nil {
				tc.on(&on)
			}
			wantCheck(t, c.Check(on), tc.want)
		})
	}
}

func TestCheck_A128_HoldsExactlyInItsTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawClaims(t)
		c.Audience = nil
		now := onem2m.Timestamp(rapid.Int64Range(int64(c.NotBefore)-2, int64(c.NotAfter)+2).Draw(t, "now"))
		err := c.Check(Conditions{Originator: c.Holder, Self: self, Now: now})
		if valid := now >= c.NotBefore && now < c.NotAfter; valid != (err == nil) {
			t.Errorf("at %v: %v", now, err)
		}
	})
}
