package das

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
	"bulwark/token"
)

// version is that of the claim set: of the structure of tokens (TS-0003 clause
// 7.3.2.4).
const version = "1.0.0"

// Decision is one decision of the server, for its audit trail.
type Decision struct {
	Asked    string // "direct", "token", "retrieval", "record", "signature", "update", "operator"
	Asker    onem2m.ID
	Question Question
	Permit   bool
	Grant    string // name of the grant
	TokenIDs []string
	Reason   string
}

// Options are what an Authority works with.
type Options struct {
	Self   Identity
	Ledger Ledger
	Box    Sealer
	Now    func() onem2m.Timestamp
	// Policy returns the policy in force. An error means that there is none that
	// can be relied on: then nothing is granted.
	Policy func() (*Policy, error)
	Audit  func(Decision) // called with each decision; nil for nobody
}

// Authority is a Dynamic Authorization Server without its connections. It may be
// used by any number of goroutines.
type Authority struct {
	o Options

	mu   sync.Mutex // guards open
	open map[string]*esdata.Key
}

// New makes an Authority and, in a ledger that has none, its keys.
func New(ctx context.Context, o Options) (*Authority, error) {
	if err := o.Self.Check(); err != nil {
		return nil, err
	}
	p, err := o.Policy()
	if err != nil {
		return nil, err
	}
	if o.Audit == nil {
		o.Audit = func(Decision) {}
	}
	a := &Authority{o: o, open: map[string]*esdata.Key{}}
	err = o.Ledger.Update(ctx, func(tx Tx) error {
		if err := ensureKeys(tx, append(p.algorithms(), secured), o.Box, o.Now()); err != nil {
			return err
		}
		keys, err := tx.Keys()
		if err != nil {
			return err
		}
		for i := range keys { // a wrong master key shows now, not at the first request
			if _, err := a.key(&keys[i]); err != nil {
				return err
			}
		}
		return errors.Join(a.name(tx), a.sealProofs(tx))
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// sealProofs encrypts the signatures that an earlier version has kept.
func (a *Authority) sealProofs(tx Tx) error {
	list, err := tx.Unsealed()
	if err != nil {
		return err
	}
	for i := range list {
		if err := a.putProof(tx, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// putProof keeps a record with its signature encrypted.
func (a *Authority) putProof(tx Tx, r *Relation) (err error) {
	if r.Signature, err = a.o.Box.Seal(purposeProof, r.TokenID, r.Signature); err != nil {
		return err
	}
	r.Sealed = true
	return tx.PutRelation(r)
}

// proof returns the signature of a record.
func (a *Authority) proof(r *Relation) ([]byte, error) {
	return a.o.Box.Open(purposeProof, r.TokenID, r.Signature)
}

// name gives the tokens of an earlier version their digests.
func (a *Authority) name(tx Tx) error {
	list, err := tx.Entries(Filter{Live: true, Now: a.o.Now(), Nameless: true})
	if err != nil {
		return err
	}
	for i := range list {
		text, err := a.text(&list[i])
		if err == nil {
			err = tx.PutDigest(list[i].ID, digestOf(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// digestOf is the digest of a token as the ledger keeps it.
func digestOf(text string) string {
	sum := token.DigestOf(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Self returns who the server is.
func (a *Authority) Self() Identity { return a.o.Self }

// key returns a key pair, decrypted once.
func (a *Authority) key(k *KeyRecord) (*esdata.Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if key := a.open[k.ID]; key != nil {
		return key, nil
	}
	key, err := k.open(a.o.Box)
	if err == nil {
		a.open[k.ID] = key
	}
	return key, err
}

// signingKey returns the key that signs now; the first time that an audience
// wants an algorithm, it is made.
func (a *Authority) signingKey(tx Tx, algorithm esdata.Algorithm, now onem2m.Timestamp) (*esdata.Key, error) {
	if err := ensureKeys(tx, []esdata.Algorithm{algorithm}, a.o.Box, now); err != nil {
		return nil, err
	}
	keys, err := tx.Keys()
	if err != nil {
		return nil, err
	}
	k := inUse(keys, algorithm, now)
	if k == nil {
		return nil, fmt.Errorf("there is no key for %s", algorithm)
	}
	return a.key(k)
}

// protection returns the keys for a token to a CSE, and the name of what signs.
func (a *Authority) protection(tx Tx, to Audience, now onem2m.Timestamp) (esdata.Protection, string, error) {
	p := esdata.Protection{Encryption: to.Protect.Encryption}
	signedBy := ""
	if s := to.Protect.Signature; s != "" {
		key := (*esdata.Key)(nil)
		if s.Symmetric() {
			key = keyFor(to.Keys, s)
		} else {
			var err error
			if key, err = a.signingKey(tx, s, now); err != nil {
				return p, "", err
			}
			signedBy = key.ID()
		}
		p.Sign = []*esdata.Key{key}
	}
	if m := to.Protect.Management; m != "" {
		p.Encrypt = []*esdata.Key{keyFor(to.Keys, m)}
	}
	return p, signedBy, nil
}

// keyFor returns the first key for an algorithm; a policy has one.
func keyFor(keys []*esdata.Key, a esdata.Algorithm) *esdata.Key {
	for _, k := range keys {
		if k.Algorithm() == a {
			return k
		}
	}
	return nil
}

// nextID returns a new Token-ID: nobody can guess the next one from it.
func (a *Authority) nextID() string { return "t" + rand.Text() + "@" + a.o.Self.FQDN }

// JWKS returns the public keys as a JSON Web Key Set: those in use and to come,
// and old ones until the last token that they signed has ended.
func (a *Authority) JWKS(ctx context.Context) ([]byte, error) {
	var set []byte
	err := a.o.Ledger.View(ctx, func(r Reader) error {
		stay, _, err := published(r, a.o.Now())
		if err == nil {
			set, err = jwks(stay)
		}
		return err
	})
	return set, err
}

// issue makes what a verdict grants and enters it into the ledger. It returns
// the token, "" for rules.
func (a *Authority) issue(tx Tx, p *Policy, q Question, v Verdict, now onem2m.Timestamp) (*Entry, string, error) {
	e := &Entry{
		ID: a.nextID(), Grant: v.Grant.Name, Gift: v.Grant.Gift.part(v.Roles), Token: v.Grant.Gift.Token,
		Holder: q.Originator, Credential: q.Credential, Audience: q.CSE, Target: q.Target, Type: q.Type, Operation: q.Operation,
		Vouched: q.Vouched, Roles: joined(q.Roles), Issued: now, NotAfter: v.Until,
	}
	text := ""
	if e.Token {
		var err error
		if text, err = a.token(tx, p, e, v, now); err != nil {
			return nil, "", err
		}
	}
	return e, text, tx.Add(e)
}

// token makes the token of an entry.
func (a *Authority) token(tx Tx, p *Policy, e *Entry, v Verdict, now onem2m.Timestamp) (string, error) {
	permissions, err := v.Grant.Gift.permissions(e.Holder, e.Target, v.Roles)
	if err != nil {
		return "", err
	}
	claims := &token.Claims{
		Version: version, ID: e.ID, Issuer: a.o.Self.ID, Holder: e.Holder, NotBefore: max(now-backdate, 0), NotAfter: e.NotAfter,
		Name: e.Grant, Audience: []string{string(e.Audience)}, Permissions: permissions,
	}
	protection, signedBy, err := a.protection(tx, p.audience(e.Audience), now)
	if err != nil {
		return "", err
	}
	text, err := token.Issue(claims, protection)
	if err != nil {
		return "", err
	}
	e.KeyID, e.Digest = signedBy, digestOf(text)
	e.Sealed, err = a.o.Box.Seal(purposeToken, e.ID, []byte(text))
	return text, err
}

// backdate is how long before its issue a token begins to count, in
// microseconds: the clock of the CSE may be a little behind.
const backdate = onem2m.Timestamp(5_000_000)

// text decrypts the token of an entry.
func (a *Authority) text(e *Entry) (string, error) {
	if !e.Token {
		return "", errors.New("rules have no token")
	}
	plain, err := a.o.Box.Open(purposeToken, e.ID, e.Sealed)
	return string(plain), err
}
