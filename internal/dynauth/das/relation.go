package das

import (
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
	"bulwark/token"
)

// subject is one token of a message about relationships.
type subject struct {
	id   string // Token-ID
	text string // the token, "" when only its ID is given
}

// subjects lists the tokens of a message in the order of its signatures: tokens,
// then Token-IDs (C-27). A token must be one that this server made.
func subjects(tokens, ids []string) ([]subject, error) {
	var all []subject
	for _, text := range tokens {
		id := token.ClaimedID(text) // of a token that is encrypted nobody outside can tell
		all = append(all, subject{id: id, text: text})
	}
	for _, id := range ids {
		all = append(all, subject{id: id})
	}
	if len(all) == 0 || len(all) > onem2m.MaxGrantList {
		return nil, onem2m.Errorf(onem2m.BadRequest, "tids", "one token or Token-ID at least, %d at most", onem2m.MaxGrantList)
	}
	seen := make(map[subject]bool, len(all))
	for _, s := range all {
		if seen[s] {
			return nil, onem2m.Errorf(onem2m.BadRequest, "tids", "a token is named twice")
		}
		seen[s] = true
	}
	return all, nil
}

// find returns the entry of a subject, if it is a token for a CSE that is good;
// a token that is handed over must be the one that was issued.
func (a *Authority) find(r Reader, s subject, cse onem2m.ID, now onem2m.Timestamp) (*Entry, error) {
	if s.id == "" {
		return a.search(r, s.text, cse, now)
	}
	e, err := r.Entry(s.id)
	if err != nil {
		return nil, err
	}
	if cse != "" && e.Audience != cse || !e.Token || !e.Live(now) {
		return nil, ErrNotFound
	}
	if s.text != "" {
		text, err := a.text(e)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare([]byte(text), []byte(s.text)) != 1 {
			return nil, ErrNotFound
		}
	}
	return e, nil
}

// search finds an entry by its token.
func (a *Authority) search(r Reader, text string, cse onem2m.ID, now onem2m.Timestamp) (*Entry, error) {
	live, err := r.Entries(Filter{Audience: cse, Digest: digestOf(text), Live: true, Now: now, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(live) == 0 || !live[0].Token {
		return nil, ErrNotFound
	}
	return &live[0], nil
}

// errRefused is the one refusal about relationships: which of the reasons it
// was, the audit trail says.
func errRefused() error {
	return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "no such token for this originator, or its signature does not verify")
}

// Record keeps the signatures of an originator over its tokens (F-1 step 10,
// F-2 step 4): one record per token. cse is the CSE that passes them on,
// "" when the originator comes itself; own is then the key in its certificate.
// All are kept or none. The error is an *onem2m.Error.
func (a *Authority) Record(ctx context.Context, cse, originator onem2m.ID, own *esdata.Key, m *onem2m.RelationRequest) error {
	d := Decision{Asked: "record", Asker: cse, Question: Question{Originator: originator, CSE: cse}}
	all, err := subjects(m.Tokens, m.TokenIDs)
	if err == nil && len(m.Signatures) != len(all) {
		err = onem2m.Errorf(onem2m.BadRequest, "aus", "one signature for each token")
	}
	if err != nil {
		return err
	}
	p, err := a.o.Policy()
	if err != nil {
		d.Reason = errClosed.Error()
		a.o.Audit(d)
		return errRefused()
	}
	err = a.o.Ledger.Update(ctx, func(tx Tx) error {
		now := a.o.Now()
		for i, s := range all {
			e, err := a.find(tx, s, cse, now)
			if err != nil {
				return err
			}
			d.TokenIDs = append(d.TokenIDs, e.ID)
			signature, verified, err := a.verify(p, e, s, originator, own, cse != "", m.Signatures[i])
			if err != nil {
				return err
			}
			r := &Relation{TokenID: e.ID, Subject: originator, Resource: e.Target, Signature: signature, Verified: verified, Made: now}
			if err := a.putProof(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return a.settle(d, err)
}

var (
	errHolder    = errors.New("the originator is not the holder")
	errSignature = errors.New("the signature does not verify")
	errVouched   = errors.New("nobody vouches for the signature: the originator has no key here")
)

// settle audits the outcome of a message about relationships and makes its
// error one for the sender.
func (a *Authority) settle(d Decision, err error) error {
	d.Permit = err == nil
	if err != nil {
		d.Reason = err.Error()
	}
	a.o.Audit(d)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound), errors.Is(err, errHolder), errors.Is(err, errSignature), errors.Is(err, errVouched):
		return errRefused()
	}
	return onem2m.AsError(err)
}

// verify checks a signature with the keys that the policy has for the
// originator, or else with that of its certificate. When the originator has no
// key here, a CSE that passes the signature on vouches for the sender, and the
// signature is a secret that only comparison will use.
func (a *Authority) verify(p *Policy, e *Entry, s subject, originator onem2m.ID, own *esdata.Key, vouched bool, text string) (signature []byte, verified bool, err error) {
	if e.Holder != originator {
		return nil, false, errHolder
	}
	signature, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(signature) == 0 {
		return nil, false, errSignature
	}
	keys, known := p.signer(originator)
	if !known && own != nil {
		keys, known = []*esdata.Key{own}, true
	}
	if !known {
		if vouched {
			return signature, false, nil
		}
		return nil, false, errVouched
	}
	signed := e.ID
	if s.text != "" {
		signed = s.text
	}
	for _, k := range keys {
		if k.Verify([]byte(signed), signature) {
			return signature, true, nil
		}
	}
	return nil, false, errSignature
}

// Signatures returns the recorded signatures of tokens to the CSE that they are
// meant for (F-4 step 4), in the order of the question; none at all when one of
// the tokens has no record.
func (a *Authority) Signatures(ctx context.Context, cse onem2m.ID, m *onem2m.RelationRequest) (*onem2m.RelationResponse, error) {
	d := Decision{Asked: "signature", Asker: cse, Question: Question{CSE: cse}}
	all, err := subjects(m.Tokens, m.TokenIDs)
	if err != nil {
		return nil, err
	}
	out := &onem2m.RelationResponse{Tokens: m.Tokens, TokenIDs: m.TokenIDs}
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		now := a.o.Now()
		for _, s := range all {
			e, err := a.find(r, s, cse, now)
			if err != nil {
				return err
			}
			record, err := r.Relation(e.ID)
			if err != nil {
				return err
			}
			signature, err := a.proof(record)
			if err != nil {
				return err
			}
			d.TokenIDs = append(d.TokenIDs, e.ID)
			out.Signatures = append(out.Signatures, base64.RawURLEncoding.EncodeToString(signature))
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		d.Reason, out.Signatures, err = "there is no record", nil, nil
	}
	d.Permit = out.Signatures != nil && err == nil
	a.o.Audit(d)
	if err != nil {
		return nil, onem2m.AsError(err)
	}
	return out, nil
}

// Prove compares the signature that an originator shows with the recorded one,
// in constant time, and returns the token's entry, whose holder at the CSE may
// then become the originator (F-5, A-165).
func (a *Authority) Prove(ctx context.Context, originator onem2m.ID, text, id, signature string) (*Entry, error) {
	d := Decision{Asked: "update", Asker: originator, Question: Question{Originator: originator}}
	shown, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(signature, "="))
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "aus", "not base64url")
	}
	var entry *Entry
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		e, err := a.find(r, subject{id: id, text: text}, "", a.o.Now())
		if err != nil {
			return err
		}
		d.TokenIDs = []string{e.ID}
		record, err := r.Relation(e.ID)
		if err != nil {
			return err
		}
		signature, err := a.proof(record)
		if err != nil {
			return err
		}
		if !hmac.Equal(signature, shown) {
			return errSignature
		}
		entry = e
		return nil
	})
	return entry, a.settle(d, err)
}

// Sign is what an originator does to a token that it holds, or to the Token-ID
// of one that it does not (A-160, C-27).
func Sign(key *esdata.Key, tokenOrID string) (string, error) {
	signature, err := key.Sign([]byte(tokenOrID))
	return base64.RawURLEncoding.EncodeToString(signature), err
}
