package das_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"bulwark/internal/dynauth/das"
	"bulwark/onem2m"
)

// A policy with windows that change each second: the end of what is granted is a
// day away.
const alternating = readGrant + `lifetime = "24h"
windows = ["*/2 * * * * * *", "1-59/2 * * * * * *"]
`

// held is a writer that holds the ledger of a server until it is let go.
func (s *server) held(t *testing.T) (letGo func()) {
	t.Helper()
	holding, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.ledger.Update(context.Background(), func(das.Tx) error {
			close(holding)
			<-done
			return nil
		})
	}()
	<-holding
	return func() {
		close(done)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestGrant_A191_RefusalsAndRepetitionsWaitForNoWriter(t *testing.T) {
	t.Parallel()
	s := start(t, alternating)
	first := s.direct(ask())
	if first == nil || len(first.Tokens) != 1 {
		t.Fatalf("got %+v", first)
	}
	letGo := s.held(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again, err := s.Direct(ctx, cse, ask())
	if err != nil || again == nil || again.Tokens[0] != first.Tokens[0] {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	none, err := s.Direct(ctx, cse, ask(func(m *onem2m.DASRequest) { m.Operation = onem2m.Delete }))
	if err != nil || none != nil {
		t.Errorf("a refusal: %+v, %v", none, err)
	}
	if d := s.last(); d.Permit || d.Reason == "" {
		t.Errorf("audited: %+v", d)
	}
	letGo()
	if more, err := s.Direct(ctx, cse, ask(func(m *onem2m.DASRequest) { m.Target = "lamp2" })); err != nil || more == nil || more.Tokens[0] == first.Tokens[0] {
		t.Errorf("something new: %+v, %v", more, err)
	}
}

func TestRelation_A191_ATokenIsNamedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, tenMinutes)
	text := s.direct(ask()).Tokens[0]
	id := s.verify(text).ID
	yes := true
	for name, m := range map[string]*onem2m.RelationRequest{
		"a token twice":    {Tokens: []string{text, text}, SignRequest: &yes},
		"a Token-ID twice": {TokenIDs: []string{id, "t@das.m2m.example", id}, SignRequest: &yes},
		"an encrypted one": {Tokens: []string{"a.b.c.d.e", "a.b.c.d.e"}, SignRequest: &yes},
	} {
		if _, err := s.Signatures(t.Context(), cse, m); onem2m.AsError(err).Code != onem2m.BadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Signatures(t.Context(), cse, &onem2m.RelationRequest{Tokens: []string{text}, TokenIDs: []string{id}, SignRequest: &yes}); err != nil {
		t.Errorf("a token, and its Token-ID: %v", err)
	}
}

// BenchmarkGrantRefused is what a flood of questions costs that get nothing, with
// ten thousand tokens of the grant about.
func BenchmarkGrantRefused(b *testing.B) {
	s := start(b, alternating+"at-once = 10000\n")
	err := s.ledger.Update(b.Context(), func(tx das.Tx) error {
		for i := range 10_000 {
			e := &das.Entry{
				ID: fmt.Sprintf("t%d@das.m2m.example", i), Grant: "read", Gift: "x", Token: true, Holder: onem2m.ID(fmt.Sprintf("//m2m.example/id-in/CV%d", i)),
				Audience: cse, Target: lamp, Type: 3, Operation: 2, Vouched: true, Issued: s.time(), NotAfter: s.time() + 3600_000_000,
			}
			if err := tx.Add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if out, err := s.Direct(b.Context(), cse, ask()); err != nil || out != nil {
			b.Fatalf("got %+v, %v", out, err)
		}
	}
}
