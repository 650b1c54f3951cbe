package das

import (
	"context"
	"errors"

	"bulwark/internal/dynauth/recall"
	"bulwark/onem2m"
	"bulwark/token"
)

// What was granted is at a CSE: a token in the hands of its holder, which the CSE
// takes, or a dynamic <accessControlPolicy>. When it is revoked the CSE is owed
// word of it, until it has acknowledged that, or until there is nothing left to
// end. The ledger keeps what is owed, so that it is told after a restart too.

// Creditors returns the CSEs that are owed word of something.
func (a *Authority) Creditors(ctx context.Context) (all []onem2m.ID, err error) {
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		all, err = r.Creditors(a.late())
		return err
	})
	return all, err
}

// Owed returns what a CSE is owed, as much as one message holds.
func (a *Authority) Owed(ctx context.Context, cse onem2m.ID) (all []Entry, err error) {
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		all, err = r.Entries(Filter{Audience: cse, Owed: true, Now: a.late(), Limit: recall.MaxItems})
		return err
	})
	return all, err
}

// Settled notes that the CSE knows entries as they were told.
func (a *Authority) Settled(ctx context.Context, told []Entry) error {
	return a.o.Ledger.Update(ctx, func(tx Tx) error {
		for i := range told {
			if err := tx.Settle(&told[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Owe makes a CSE be told of everything again that was revoked: one that may have
// forgotten it.
func (a *Authority) Owe(ctx context.Context, cse onem2m.ID) error {
	return a.o.Ledger.Update(ctx, func(tx Tx) error { return tx.Owe(cse) })
}

// Recall writes the message for a CSE about entries that it is owed, protected as
// tokens for that CSE are. It returns the entries that the message is about, the
// first of them: one message is no longer than a token.
func (a *Authority) Recall(ctx context.Context, cse onem2m.ID, list []Entry) (text string, about []Entry, err error) {
	p, err := a.o.Policy()
	if err != nil {
		p = &Policy{} // what is called back is called back, with the protection that needs no policy
	}
	for about = list; ; about = about[:len(about)/2] {
		err = a.o.Ledger.Update(ctx, func(tx Tx) error {
			text, err = a.message(tx, p, cse, about)
			return err
		})
		if refused := (*token.Error)(nil); len(about) < 2 || !errors.As(err, &refused) || refused.Check != token.CheckSize {
			return text, about, err
		}
	}
}

// message makes the token that a message is in: made out to the server itself, and
// good for nothing else.
func (a *Authority) message(tx Tx, p *Policy, cse onem2m.ID, about []Entry) (string, error) {
	now := a.o.Now()
	text, err := (&recall.Message{At: now, Items: Items(about)}).Text()
	if err != nil {
		return "", err
	}
	protection, _, err := a.protection(tx, p.audience(cse), now)
	if err != nil {
		return "", err
	}
	return token.Issue(&token.Claims{
		Version: version, ID: a.nextID(), Issuer: a.o.Self.ID, Holder: a.o.Self.ID, Audience: []string{string(cse)},
		NotBefore: max(now-backdate, 0), NotAfter: now + onem2m.Timestamp(recall.Life.Microseconds()), Extension: text,
	}, protection)
}

// Items writes entries as a CSE is told of them. Rules are told of with their
// resource; whether the CSE was given any, it knows best.
func Items(entries []Entry) []recall.Item {
	out := make([]recall.Item, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		item := recall.Item{TokenID: e.ID, Until: e.NotAfter, Originator: e.Holder, Lifted: e.Revoked == 0, Because: e.Because}
		if e.Vouched {
			item.Target = e.Target
		}
		out = append(out, item)
	}
	return out
}
