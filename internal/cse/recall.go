package cse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/dynauth/recall"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// What a Dynamic Authorization Server has granted, that server calls back (see
// package recall): tokens that it has made don't count any more, and dynamic
// policies that it has granted end. The answer says that this is so and stays so.

var errCalledBack = errors.New("the server has called it back meanwhile")

// callsBack reports whether the request is a recall.
func (k *call) callsBack() bool { return k.req.Content != nil && k.req.Content.Name == recall.Root }

// takeRecall carries a recall out. No policy has a say: the message proves which
// server has made it, whoever brings it, and takes nothing from anybody but what
// that server has given.
func (k *call) takeRecall(ctx context.Context) (*onem2m.Response, error) {
	by, m, err := k.readRecall()
	if err != nil {
		k.audit("special", "", onem2m.AsError(err).Code, "no recall of a server that grants something here: "+err.Error())
		return nil, err
	}
	if err := k.begin(ctx, false); err != nil {
		return nil, err
	}
	ended, err := k.c.Recall(ctx, by, m)
	if err != nil {
		return nil, err
	}
	k.audit("special", "the server that has granted it", 0, fmt.Sprintf("%s calls %d grants back; %d dynamic policies end", by, len(m.Items), ended))
	return &onem2m.Response{Code: onem2m.OK}, nil
}

// readRecall verifies a recall, and returns whose it is.
func (k *call) readRecall() (onem2m.ID, *recall.Message, error) {
	text, err := recall.TokenOf(k.req.Content.Value)
	if err != nil {
		return "", nil, err
	}
	if k.c.tokens == nil {
		return "", nil, onem2m.Errorf(onem2m.NotImplemented, "tkn", "this CSE trusts no Token Issuer")
	}
	verified, err := k.c.tokens.Once(text)
	if err == nil {
		err = verified.Check(token.Conditions{Originator: verified.Issuer, Self: k.c.Home.ID(), Now: k.c.instant(), Leeway: k.c.Leeway, Direct: true})
	}
	if err != nil {
		e := onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "not permitted")
		e.Cause = err
		return "", nil, e
	}
	m, err := recall.Parse(verified.Extension)
	return verified.Issuer, m, err
}

// Recall carries out what the server by calls back, and returns how many dynamic
// policies have ended. It has been proven that it is that server. When it returns
// nil, nothing of it counts any more, also after a restart.
func (c *CSE) Recall(ctx context.Context, by onem2m.ID, m *recall.Message) (ended int, err error) {
	now := c.instant()
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		if err := c.recallTokens(tx, by, m, now); err != nil {
			return err
		}
		ended, err = c.recallRules(tx, by, m.Items, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	// What was granted in the same commit is seen only now.
	left, err := c.someLeft(ctx, by, m.Items, now)
	if err != nil || !left {
		return ended, err
	}
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		n, err := c.recallRules(tx, by, m.Items, now)
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
			why := "called back by " + string(by)
			if because := items[i].Because; because != "" {
				why += ": " + because
			}
			if err := c.expireDynamic(tx, id, why); err != nil {
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

// recalledPrefix begins the name of what is kept of each token that is called back.
// The issuer follows, a blank, and the Token-ID.
const recalledPrefix = "recalled "

func recalledName(ref token.Ref) string { return recalledPrefix + string(ref.Issuer) + " " + ref.ID }

// recalled is kept of a token that was called back.
type recalled struct {
	Until onem2m.Timestamp `json:"until"` // when it ends by itself
	At    onem2m.Timestamp `json:"at"`    // of the message

	Because string `json:"why,omitzero"` // as the issuer says
}

// errOlder refuses a message that was overtaken, or that somebody sends again.
func errOlder() error {
	return onem2m.Errorf(onem2m.OperationNotAllowed, "at", "something later is known about the token")
}

// recallTokens keeps tokens of an issuer from being taken, and lets those be taken
// again that it has called back by mistake. Before the transaction is on the disk
// they count no more: if it fails the issuer comes again.
func (c *CSE) recallTokens(tx store.Tx, by onem2m.ID, m *recall.Message, now onem2m.Timestamp) error {
	if c.tokens == nil {
		return nil // none is taken
	}
	lift := func(ref token.Ref) error {
		tx.OnCommit(func() { c.Revoked.Lift(ref) })
		return tx.SetSetting(recalledName(ref), nil)
	}
	for id, until := range c.Revoked.Of(by) {
		if until+token.Grace <= now {
			if err := lift(token.Ref{Issuer: by, ID: id}); err != nil {
				return err
			}
		}
	}
	for i := range m.Items {
		ref := token.Ref{Issuer: by, ID: m.Items[i].TokenID}
		known, err := loadState[recalled](tx, recalledName(ref))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		overtaken := known != nil && m.At != 0 && m.At < known.At
		if m.Items[i].Lifted {
			if overtaken {
				return errOlder()
			}
			if err := lift(ref); err != nil {
				return err
			}
			continue
		}
		if overtaken || m.Items[i].Until+token.Grace <= now {
			continue // it is known, or has ended
		}
		if err := c.Revoked.Add(token.Revocation{Ref: ref, Until: m.Items[i].Until}, now); err != nil {
			return err
		}
		data, err := json.Marshal(recalled{Until: m.Items[i].Until, At: cmp.Or(m.At, now), Because: m.Items[i].Because})
		if err != nil {
			return err
		}
		if err := tx.SetSetting(recalledName(ref), data); err != nil {
			return err
		}
	}
	return nil
}

// loadRecalls takes up what was called back in an earlier life.
func (c *CSE) loadRecalls(ctx context.Context) error {
	if c.Verifier == nil {
		return nil
	}
	return c.Store.Read(ctx, func(r store.Reader) error {
		all, err := r.Settings(recalledPrefix)
		if err != nil {
			return err
		}
		for name, data := range all {
			issuer, id, _ := strings.Cut(strings.TrimPrefix(name, recalledPrefix), " ")
			var one recalled
			if err := json.Unmarshal(data, &one); err != nil {
				return fmt.Errorf("read what %s has called back: %w", issuer, err)
			}
			ref := token.Ref{Issuer: onem2m.ID(issuer), ID: id}
			c.Revoked.Restore(token.Revocation{Ref: ref, Until: one.Until})
		}
		return nil
	})
}
