package das

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulwark/onem2m"
)

// Revoke ends what a filter selects of what is live, and returns it. Until it
// would have ended by itself, nobody gets the same grant again that it was
// revoked for: an operator who calls a token back does not want the next request
// to get another one. The CSE is owed word of it, see Owed.
func (a *Authority) Revoke(ctx context.Context, f Filter, because string) ([]Entry, error) {
	var all []Entry
	err := a.o.Ledger.Update(ctx, func(tx Tx) (err error) {
		f.Live, f.Now = true, a.o.Now()
		if all, err = tx.Entries(f); err != nil {
			return err
		}
		for i := range all {
			all[i].Revoked, all[i].Because, all[i].Barred = f.Now, because, true
			if err := tx.Revoke(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		a.o.Audit(Decision{Asked: "operator", Grant: e.Grant, TokenIDs: []string{e.ID}, Reason: "revoked: " + because, Question: questionOf(&e)})
	}
	return all, nil
}

// Lift takes a revocation back: the token counts again, and the grant can be had
// again.
func (a *Authority) Lift(ctx context.Context, id string) error {
	err := a.o.Ledger.Update(ctx, func(tx Tx) error { return tx.Revoke(&Entry{ID: id}) })
	if err == nil {
		a.o.Audit(Decision{Asked: "operator", Permit: true, TokenIDs: []string{id}, Reason: "revocation taken back"})
	}
	return err
}

// Entries returns what a filter selects; Live and Revoked are held against the
// clock of the server.
func (a *Authority) Entries(ctx context.Context, f Filter) (all []Entry, err error) {
	f.Now = a.o.Now()
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		all, err = r.Entries(f)
		return err
	})
	return all, err
}

// slack is how long behind the end of what was revoked a CSE is still told: its
// clock may be late.
const slack = 2 * time.Minute

// late is the clock of a CSE that is late.
func (a *Authority) late() onem2m.Timestamp {
	return a.o.Now() - onem2m.Timestamp(slack.Microseconds())
}

// Revoked lists what was revoked and would still be good, for CSEs that ask.
func (a *Authority) Revoked(ctx context.Context, audience onem2m.ID) (all []Entry, err error) {
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		all, err = r.Entries(Filter{Audience: audience, Revoked: true, Now: a.late()})
		return err
	})
	return all, err
}

// Rotate makes new keys, which are published at once and sign after ahead. Old
// ones stay published until the last token that they signed has ended.
func (a *Authority) Rotate(ctx context.Context, ahead time.Duration) (made []KeyRecord, err error) {
	err = a.o.Ledger.Update(ctx, func(tx Tx) error {
		made, err = rotate(tx, a.o.Box, a.o.Now(), ahead)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.o.Audit(Decision{Asked: "operator", Permit: true, Reason: "keys rotated: " + idsOf(made)})
	return made, nil
}

// Replace makes new keys in the place of keys that others may have come to know.
// The new ones sign at once, the old ones are gone at once, and what they have
// signed and is live is revoked, so that the CSEs are told. Nobody is barred: the
// same grants can be had again. It returns the new keys and what was revoked.
func (a *Authority) Replace(ctx context.Context) (made []KeyRecord, revoked []Entry, err error) {
	const because = "the key was known to others"
	var gone []KeyRecord
	err = a.o.Ledger.Update(ctx, func(tx Tx) error {
		now := a.o.Now()
		if gone, err = tx.Keys(); err != nil {
			return err
		}
		if made, err = rotate(tx, a.o.Box, now, 0); err != nil {
			return err
		}
		for _, k := range gone {
			if err := tx.DropKey(k.ID); err != nil {
				return err
			}
		}
		if revoked, err = tx.Entries(Filter{Live: true, Now: now}); err != nil {
			return err
		}
		for i := range revoked {
			revoked[i].Revoked, revoked[i].Because = now, because
			if err := tx.Revoke(&revoked[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, k := range gone {
		a.forget(k.ID)
	}
	for _, e := range revoked {
		a.o.Audit(Decision{Asked: "operator", Grant: e.Grant, TokenIDs: []string{e.ID}, Reason: "revoked: " + because, Question: questionOf(&e)})
	}
	a.o.Audit(Decision{Asked: "operator", Permit: true, Reason: "keys replaced: " + idsOf(made)})
	return made, revoked, nil
}

func idsOf(keys []KeyRecord) string {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, k.ID)
	}
	return strings.Join(names, " ")
}

// Keys returns the keys that are published.
func (a *Authority) Keys(ctx context.Context) (stay []KeyRecord, err error) {
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		stay, _, err = published(r, a.o.Now())
		return err
	})
	return stay, err
}

// questionOf returns the question that an entry answered.
func questionOf(e *Entry) Question {
	return Question{
		Originator: e.Holder, Credential: e.Credential, CSE: e.Audience, Target: e.Target, Operation: e.Operation,
		Vouched: e.Vouched, Type: e.Type, Roles: strings.Fields(e.Roles),
	}
}

// Review holds what is live against the policy as it is now, and revokes what
// it would not give any more: its grant is gone, or is not for this originator,
// resource or operation now, or gives something else, or for a shorter time.
// It is called when the policy has changed.
func (a *Authority) Review(ctx context.Context) ([]Entry, error) {
	p, err := a.o.Policy()
	if err != nil {
		return nil, errors.Join(errClosed, err)
	}
	var gone []Entry
	err = a.o.Ledger.Update(ctx, func(tx Tx) error {
		now := a.o.Now()
		live, err := tx.Entries(Filter{Live: true, Now: now})
		if err != nil {
			return err
		}
		for _, e := range live {
			because := p.withdrawn(&e)
			if because == "" {
				continue
			}
			e.Revoked, e.Because = now, "policy: "+because
			if err := tx.Revoke(&e); err != nil {
				return err
			}
			gone = append(gone, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range gone {
		a.o.Audit(Decision{Asked: "operator", Grant: e.Grant, TokenIDs: []string{e.ID}, Reason: "revoked: " + e.Because, Question: questionOf(&e)})
	}
	return gone, nil
}

// withdrawn returns why the policy would not give an entry any more, "" if it
// would. Windows need no look: what is granted ends with them.
func (p *Policy) withdrawn(e *Entry) string {
	g, ok := p.grant(e.Grant)
	if !ok {
		return "the grant is gone"
	}
	if _, reason := g.applies(questionOf(e)); reason != "" {
		return reason
	}
	switch {
	case !g.Gift.gave(e):
		return "the grant gives something else"
	case e.Issued+onem2m.Timestamp(g.Lifetime.Microseconds()) < e.NotAfter:
		return "the grant lasts less long"
	}
	return ""
}

// keep is how long what has ended stays in the ledger, for whoever asks what
// was; the audit trail keeps longer.
const keep = 24 * time.Hour

// Tidy forgets what ended long ago, and keys that nobody needs any more.
func (a *Authority) Tidy(ctx context.Context) error {
	return a.o.Ledger.Update(ctx, func(tx Tx) error {
		now := a.o.Now()
		if _, err := tx.Prune(now - onem2m.Timestamp(keep.Microseconds())); err != nil {
			return fmt.Errorf("prune the ledger: %w", err)
		}
		_, gone, err := published(tx, now)
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := tx.DropKey(k.ID); err != nil {
				return err
			}
			a.forget(k.ID)
		}
		return nil
	})
}

// forget drops a decrypted key.
func (a *Authority) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
}
