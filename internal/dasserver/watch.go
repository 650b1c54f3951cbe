package dasserver

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bulwark/internal/dynauth/das"
	"bulwark/internal/ops/audit"
	"bulwark/onem2m"
)

const (
	// watchEvery is how soon it is noticed what an operator has revoked or rotated
	// in another process, and what the policy has ended.
	watchEvery = 100 * time.Millisecond
	// publishEvery is how soon it is noticed that a key has had its time.
	publishEvery = time.Second
	// tidyEvery is how often what ended long ago is forgotten.
	tidyEvery = time.Hour
	// unseen is the turn of a policy that nothing was held against yet.
	unseen = -1
	// KeysFile is the published key set in the folder of the server, for a CSE on
	// the same machine.
	KeysFile = "jwks.json"
)

// watch revokes what a changed policy would not give any more, publishes keys
// and spreads the news of changes, until ctx ends.
func (s *Server) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	seen, tidied := s.policy.turn(), s.o.Now()
	told := seen // the turn that was last told of
	if !s.look(ctx, true) {
		seen = unseen
	}
	version, published := int64(0), s.o.Now()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		_, err := s.policy.current()
		turned := s.policy.turn()
		if err != nil && turned != told {
			s.log.ErrorContext(ctx, "the policy cannot be used, nothing is granted", "err", err)
		}
		told = turned
		now := s.o.Now()
		at, err := s.ledger.Version(ctx)
		changed := err != nil || at != version
		if changed || turned != seen || now.Sub(published).Abs() >= publishEvery {
			published = now
			if s.look(ctx, turned != seen) {
				seen = turned
			}
		}
		if changed {
			s.news.spread()
		}
		version = at
		if now.Sub(tidied) >= tidyEvery {
			tidied = now
			if err := s.das.Tidy(ctx); err != nil {
				s.log.WarnContext(ctx, "the ledger cannot be tidied", "err", err)
			}
		}
	}
}

// look does what there is to do now, and reports whether what was granted could
// be held against the policy, if that has changed. Where not it is tried again.
func (s *Server) look(ctx context.Context, changed bool) (reviewed bool) {
	reviewed = true
	if changed {
		if gone, err := s.das.Review(ctx); err != nil {
			reviewed = false
			s.log.WarnContext(ctx, "what was granted cannot be held against the policy", "err", err)
		} else if len(gone) > 0 {
			s.log.InfoContext(ctx, "revoked what the policy would not give any more", "count", len(gone))
		}
	}
	if err := s.publish(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "the keys cannot be published", "err", err)
	}
	return reviewed
}

// publish writes the key set next to the ledger.
func (s *Server) publish(ctx context.Context) error {
	set, err := s.das.JWKS(ctx)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(s.dir(), KeysFile), append(set, '\n'))
}

// replaceFile writes a public file whole or not at all, and leaves it alone when
// it has the content.
func replaceFile(name string, data []byte) error {
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".jwks-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error is already there
	}
	return err
}

// record writes a decision into the audit trail.
func (s *Server) record(d das.Decision) {
	r := audit.Record{
		Event: "grant", Originator: string(d.Question.Originator), Credential: d.Question.Credential,
		Target: d.Question.Target, Type: int(d.Question.Type), Stage: d.Asked, Rule: d.Grant, Result: audit.Deny, Reason: d.Reason,
		Operation: operationName(d.Question.Operation), Authn: true,
	}
	if d.Asker != "" {
		r.Bound = []string{string(d.Asker)}
	}
	if d.Permit {
		r.Result = audit.Permit
	}
	if len(d.TokenIDs) > 0 {
		r.Reason = strings.TrimPrefix(r.Reason+"; "+strings.Join(d.TokenIDs, " "), "; ")
	}
	s.audit.Write(r)
}

func operationName(o onem2m.Operation) string {
	switch o {
	case onem2m.Create:
		return "create"
	case onem2m.Retrieve:
		return "retrieve"
	case onem2m.Update:
		return "update"
	case onem2m.Delete:
		return "delete"
	case onem2m.Notify:
		return "notify"
	}
	return ""
}
