package esdata

import (
	"crypto/elliptic"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestForGroup_E130_E132_E154_EveryMemberOpensAndNobodyElse(t *testing.T) {
	t.Parallel()
	source := private(t, "//m2m.example/id-in/Csource", ES256, elliptic.P256())
	first, second := shared(t, "first@mef.m2m.example", A256KW, 32), private(t, "//m2m.example/id-in/Csecond", ECDHA256KW, elliptic.P256())
	stranger := shared(t, "third@mef.m2m.example", A128KW, 16)
	p, err := ForGroup(source.seal, first.seal, second.seal)
	if err != nil || p.Class() != Nested {
		t.Fatalf("%v, %v", p.Class(), err)
	}
	text, err := Seal([]byte("open the valve"), p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "valve") {
		t.Error("it is in clear")
	}
	for _, member := range []pair{first, second} {
		got, err := open(text, JSON, NewRing(member.open, source.open))
		if err != nil || string(got.Payload) != "open the valve" || got.Class != Nested || got.Verified.By[0] != source.open || got.Decrypted.By != member.open {
			t.Errorf("%v: %v", member.open, err)
		}
		if _, err := open(text, JSON, NewRing(member.open)); err == nil {
			t.Errorf("%v: the source isn't known and it opens", member.open)
		}
	}
	if _, err := open(text, JSON, NewRing(stranger.open, source.open)); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestForGroup_RefusesWhatProvesNothing(t *testing.T) {
	t.Parallel()
	source := private(t, "source", ES256, elliptic.P256()).seal
	member := func(id string, octets int) *Key { return shared(t, id, A256KW, octets).seal }
	many := make([]*Key, MaxRecipients+1)
	for i := range many {
		k, err := NewSymmetric(fmt.Sprintf("m%d@m2m.example", i), A256KW, secretOf(t, 32, byte(i)))
		many[i] = must(t, k, err)
	}
	for _, tt := range []struct {
		name    string
		source  *Key
		members []*Key
	}{
		{"no source", nil, many[:2]},
		{"no members", source, nil},
		{"a MIC for a signature", shared(t, "mic@m2m.example", HS256, 32).seal, many[:2]},
		{"a key for verifying", private(t, "x", ES256, elliptic.P256()).open, many[:2]},
		{"a direct key", source, []*Key{shared(t, "direct@m2m.example", Direct, 32).seal}},
		{"a key twice", source, []*Key{many[0], many[0]}},
		{"the same secret under two names", source, []*Key{member("a@m2m.example", 32), member("b@m2m.example", 32)}},
		{"more members than there may be", source, many},
	} {
		if _, err := ForGroup(tt.source, tt.members...); err == nil {
			t.Errorf("%s passes", tt.name)
		}
	}
	if _, err := ForGroup(source, many[:MaxRecipients]...); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
}
