package cse

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"

	"bulwark/internal/dynauth/recall"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// What a Dynamic Authorization Server has granted, that server calls back (see
// package recall): tokens that it has made don't count any more, and dynamic
// policies that it has granted end. The answer says that this is so and stays so.

// maxRecalled bounds the tokens of one server that are kept as called back. When
// there are more the server is told so, and comes again: it has the list.
const maxRecalled = 10_000

var errCalledBack = errors.New("the server has called it back meanwhile")

// callsBack reports whether the request is a recall.
func (k *call) callsBack() bool { return k.req.Content != nil && k.req.Content.Name == recall.Root }

// authorizeRecall: a server that the operator has named, authenticated. No policy
// has a say: it takes nothing from anybody but what the server itself has given.
func (k *call) authorizeRecall() error {
	if !k.from.Authenticated || !k.c.grantsHere(k.from.ID) {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "only a server that grants something here calls it back, authenticated")
		return k.denied(onem2m.Notify)
	}
	return nil
}

// grantsHere reports whether an entity is a server or issuer that the operator has
// named.
func (c *CSE) grantsHere(id onem2m.ID) bool {
	return c.Servers.By(id) != nil || c.tokens != nil && c.tokens.Knows(id)
}

// takeRecall carries a recall out.
func (k *call) takeRecall(ctx context.Context) (*onem2m.Response, error) {
	items, err := recall.Parse(k.req.Content.Value)
	if err != nil {
		return nil, err
	}
	if err := k.begin(ctx, false); err != nil {
		return nil, err
	}
	ended, err := k.c.Recall(ctx, k.from.ID, items)
	if err != nil {
		return nil, err
	}
	k.audit("special", "the server that has granted it", 0, fmt.Sprintf("%s calls %d grants back; %d dynamic policies end", k.from.ID, len(items), ended))
	return &onem2m.Response{Code: onem2m.OK}, nil
}

// Recall carries out what the server by calls back, and returns how many dynamic
// policies have ended. It has been proven that it is that server. When it returns
// nil, nothing of it counts any more, also after a restart.
func (c *CSE) Recall(ctx context.Context, by onem2m.ID, items []recall.Item) (ended int, err error) {
	now := c.instant()
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		ended = 0
		if err := c.recallTokens(tx, by, items, now); err != nil {
			return err
		}
		ended, err = c.recallRules(tx, by, items, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	// What was granted in the same commit is seen only now.
	left, err := c.someLeft(ctx, by, items, now)
	if err != nil || !left {
		return ended, err
	}
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		n, err := c.recallRules(tx, by, items, now)
		ended += n
		return err
	})
	return ended, err
}

// recallRules ends the dynamic policies of a server for originators and resources.
// Of several all end: what the server still grants, it grants again when it is
// asked.
func (c *CSE) recallRules(tx store.Tx, by onem2m.ID, items []recall.Item, now onem2m.Timestamp) (ended int, err error) {
	for i := range items {
		if items[i].Lifted || items[i].Target == "" {
			continue
		}
		c.recalls.Note(by, items[i].Originator, items[i].Target)
		list, err := c.grantedBy(tx, by, &items[i], now)
		if err != nil {
			return ended, err
		}
		for _, id := range list {
			if err := c.expireDynamic(tx, id); err != nil {
				return ended, err
			}
			ended++
		}
	}
	return ended, nil
}

// someLeft reports whether something that was called back still counts.
func (c *CSE) someLeft(ctx context.Context, by onem2m.ID, items []recall.Item, now onem2m.Timestamp) (some bool, err error) {
	err = c.Store.Read(ctx, func(r store.Reader) error {
		for i := range items {
			if items[i].Lifted || items[i].Target == "" {
				continue
			}
			list, err := c.grantedBy(r, by, &items[i], now)
			if err != nil {
				return err
			}
			some = some || len(list) > 0
		}
		return nil
	})
	return some, err
}

// grantedBy returns the dynamic policies that an item calls back and that have not
// ended.
func (c *CSE) grantedBy(r store.Reader, by onem2m.ID, i *recall.Item, now onem2m.Timestamp) (list []int64, err error) {
	a, err := onem2m.ParseAddress(i.Target)
	if err != nil || a.Attribute != "" || !a.Local(c.Home) {
		return nil, nil //nolint:nilerr // nothing was granted here for what isn't here
	}
	t, err := c.resolve(r, a.Path, now)
	if err != nil {
		return nil, unlessMissing(err) // with the resource its dynamic policies have ended
	}
	for _, id := range c.dynamic.of(t.rec.ID) {
		if l := c.dynamic.link(id); l.By != by || l.Who != i.Originator {
			continue
		}
		policy, err := r.ByID(id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil && policy.Expires != longAgo {
			list = append(list, id)
		}
	}
	return list, nil
}

// recalledTokens is what is kept of the tokens that an issuer has called back:
// Token-IDs, and when each ends by itself.
type recalledTokens map[string]onem2m.Timestamp

func recalledName(issuer onem2m.ID) string { return "recalled tokens of " + string(issuer) }

// recallTokens keeps tokens of an issuer from being taken, and lets those be taken
// again that it has called back by mistake. Before the transaction is on the disk
// they count no more: if it fails the issuer comes again.
func (c *CSE) recallTokens(tx store.Tx, by onem2m.ID, items []recall.Item, now onem2m.Timestamp) error {
	if c.tokens == nil {
		return nil // none is taken
	}
	all, err := readRecalled(tx, by)
	if err != nil {
		return err
	}
	for id, until := range all {
		if until+token.Grace <= now {
			delete(all, id)
		}
	}
	for i := range items {
		ref := token.Ref{Issuer: by, ID: items[i].TokenID}
		if items[i].Lifted {
			delete(all, ref.ID)
			tx.OnCommit(func() { c.Revoked.Lift(ref) })
			continue
		}
		if items[i].Until+token.Grace <= now {
			continue // it has ended
		}
		if err := c.Revoked.Add(token.Revocation{Ref: ref, Until: items[i].Until}, now); err != nil {
			return err
		}
		all[ref.ID] = items[i].Until
	}
	if len(all) > maxRecalled {
		return errors.New("more than " + strconv.Itoa(maxRecalled) + " tokens of one issuer are called back")
	}
	data, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		return err
	}
	return tx.SetSetting(recalledName(by), data)
}

func readRecalled(r store.Reader, issuer onem2m.ID) (recalledTokens, error) {
	all := recalledTokens{}
	data, err := r.Setting(recalledName(issuer))
	if errors.Is(err, store.ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(data, &all)
}

// loadRecalls takes up what was called back in an earlier life.
func (c *CSE) loadRecalls(ctx context.Context) error {
	if c.Verifier == nil {
		return nil
	}
	return c.Store.Read(ctx, func(r store.Reader) error {
		for issuer := range c.Verifier.Issuers() {
			all, err := readRecalled(r, issuer)
			if err != nil {
				return fmt.Errorf("read what %s has called back: %w", issuer, err)
			}
			for id, until := range all {
				if err := c.Revoked.Add(token.Revocation{Ref: token.Ref{Issuer: issuer, ID: id}, Until: until}, onem2m.TimestampOf(c.Now())); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
