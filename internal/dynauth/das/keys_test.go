package das_test

import (
	"slices"
	"testing"
	"time"

	"bulwark/internal/dynauth/das"
	"bulwark/onem2m"
)

func TestRotate_OldKeysStayPublishedUntilTheirLastTokenHasEnded(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	first := s.direct(ask()).Tokens[0]
	old := s.verify(first).KeyIDs[0]
	if made, err := s.Rotate(t.Context(), time.Minute); err != nil || len(made) != 2 {
		t.Fatal(made, err)
	}
	second := s.direct(ask(func(m *onem2m.DASRequest) { m.Target = "lamp2" })).Tokens[0]
	if got := s.verify(second).KeyIDs[0]; got != old {
		t.Error("the new key signs before others could learn it")
	}
	s.pass(time.Minute)
	third := s.direct(ask(func(m *onem2m.DASRequest) { m.Target = "lamp3" })).Tokens[0]
	if got := s.verify(third).KeyIDs[0]; got == old {
		t.Error("the old key signs on")
	}
	s.verify(first)
	s.pass(9*time.Minute - time.Second)
	s.verify(second)
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.verify(second)
	s.pass(time.Second)
	if _, err := s.verifier().Verify(second); err == nil {
		t.Error("the old key is published although nothing that it signed is good")
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.verify(third)
	if keys, err := s.Keys(t.Context()); err != nil || len(keys) != 3 {
		t.Errorf("%d keys are kept, %v", len(keys), err) // of the retired ones that for decryption stays a day
	}
}

func TestReplace_AKeyThatOthersKnowIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	first := s.direct(ask()).Tokens[0]
	old, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, revoked, err := s.Replace(t.Context())
	if err != nil || len(made) != len(old) || len(revoked) != 1 || revoked[0].Because == "" {
		t.Fatal(made, revoked, err)
	}
	if _, err := s.verifier().Verify(first); err == nil {
		t.Error("the old key is published")
	}
	now, err := s.Keys(t.Context())
	if err != nil || len(now) != len(old) {
		t.Fatal(now, err)
	}
	for _, k := range now {
		if slices.ContainsFunc(old, func(o das.KeyRecord) bool { return o.ID == k.ID }) {
			t.Errorf("key %s is still there", k.ID)
		}
	}
	if list, err := s.Revoked(t.Context(), revoked[0].Audience); err != nil || len(list) != 1 {
		t.Error("the CSE isn't told:", list, err)
	}
	again := s.direct(ask()).Tokens[0]
	s.verify(again)
	if again == first {
		t.Error("the old token is given again")
	}
}
