package das

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/access"
	"bulwark/onem2m"
)

// Award is what the server gives for a question.
type Award struct {
	Token string           // "" for none
	Entry *Entry           // nil for nothing
	Rules jsontext.Value   // m2m:setOfAcrs for a dynamic <accessControlPolicy>; nil for none
	Until onem2m.Timestamp // when it ends
}

// errClosed is why nothing is granted while the policy cannot be relied on.
var errClosed = errors.New("the policy cannot be used")

// Grant decides on a question and issues what the policy gives. The same
// question by the same originator gets what it got before, while that has half
// of its life left: nobody uses up what there is by asking again. An award
// without Entry is a refusal; an error is trouble of the server.
func (a *Authority) Grant(ctx context.Context, asked string, asker onem2m.ID, q Question) (Award, error) {
	var award Award
	d := Decision{Asked: asked, Asker: asker, Question: q}
	p, err := a.o.Policy()
	if err != nil {
		d.Reason = fmt.Sprintf("%v: %v", errClosed, err)
		a.o.Audit(d)
		return award, nil
	}
	award, d.Reason, err = a.settled(ctx, p, q)
	if errors.Is(err, errNew) {
		award, d.Reason, err = a.anew(ctx, p, q)
	}
	if err != nil {
		d.Reason = err.Error()
		a.o.Audit(d)
		return Award{}, err
	}
	if award.Entry != nil {
		d.Permit, d.Grant, d.TokenIDs, d.Reason = true, award.Entry.Grant, []string{award.Entry.ID}, ""
	}
	a.o.Audit(d)
	return award, nil
}

// errNew is why a question isn't settled by what there is.
var errNew = errors.New("something new would be granted")

// settled answers a question that changes nothing: a refusal, or what was granted
// before. It waits for nobody who writes, so that whoever asks for the same thing
// over and over again, or for what it doesn't get, holds nobody else up.
func (a *Authority) settled(ctx context.Context, p *Policy, q Question) (award Award, reason string, err error) {
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		var v Verdict
		if award, v, err = a.weigh(r, p, q, a.o.Now()); err == nil && v.Grant != nil {
			err = errNew
		}
		reason = v.Reason
		return err
	})
	return award, reason, err
}

// anew weighs the question again, alone, and issues what it gets.
func (a *Authority) anew(ctx context.Context, p *Policy, q Question) (award Award, reason string, err error) {
	err = a.o.Ledger.Update(ctx, func(tx Tx) error {
		now := a.o.Now()
		var v Verdict
		award, v, err = a.weigh(tx, p, q, now)
		reason = v.Reason
		if err != nil || v.Grant == nil {
			return err
		}
		if award.Entry, award.Token, err = a.issue(tx, p, q, v, now); err != nil {
			return err
		}
		return a.complete(&award, q, v.Grant)
	})
	return award, reason, err
}

// weigh returns what the question got before, or a verdict with something new;
// neither is a refusal.
func (a *Authority) weigh(r Reader, p *Policy, q Question, now onem2m.Timestamp) (Award, Verdict, error) {
	award, err := a.again(r, p, q, now, false)
	if err != nil || award.Entry != nil {
		return award, Verdict{}, err
	}
	v, err := p.Decide(q, now, func(grant string, originator onem2m.ID) (Outstanding, error) {
		return r.Outstanding(grant, originator, now)
	})
	if err != nil || v.Grant != nil {
		return Award{}, v, err
	}
	award, err = a.again(r, p, q, now, true) // perhaps for want of another one: what there is goes on to its end
	return award, v, err
}

// complete adds the rules to an award whose grant gives them to a CSE.
func (a *Authority) complete(award *Award, q Question, g *Grant) (err error) {
	award.Until = award.Entry.NotAfter
	if g.Gift.ACP && q.Vouched {
		award.Rules, err = g.Gift.privileges(q.Originator)
	}
	return err
}

// again returns what the question got before, if that would be granted now in
// the same way. It has half of its life left, or ends too: any of it.
func (a *Authority) again(r Reader, p *Policy, q Question, now onem2m.Timestamp, ending bool) (Award, error) {
	live, err := r.Entries(Filter{Holder: q.Originator, Audience: q.CSE, Target: q.Target, Live: true, Now: now})
	if err != nil {
		return Award{}, err
	}
	for i := range live {
		e := &live[i]
		g, ok := p.grant(e.Grant)
		if !ok || e.Target != q.Target || e.Operation != q.Operation || e.Credential != q.Credential || e.Vouched != q.Vouched || e.Roles != joined(q.Roles) || e.Type != q.Type {
			continue
		}
		if !g.givesAgain(e, q) || !ending && e.NotAfter-now < (e.NotAfter-e.Issued)/2 || q.Until != 0 && q.Until < e.NotAfter {
			continue
		}
		if _, reason := g.applies(q); reason != "" {
			continue
		}
		if until, reason := g.until(q, now); reason != "" || until < e.NotAfter && len(g.Windows) > 0 {
			continue
		}
		award := Award{Entry: e}
		if e.Token {
			if award.Token, err = a.text(e); err != nil {
				return Award{}, err
			}
		}
		return award, a.complete(&award, q, g)
	}
	return Award{}, nil
}

// digest identifies what a gift gives.
func (g *Gift) digest() string {
	text, err := json.Marshal(struct {
		Roles      []string
		Anywhere   bool
		Operations access.Privilege
		Rules      jsontext.Value `json:",omitzero"`
		Token, ACP bool
	}{g.Roles, g.Anywhere, g.Operations, g.Rules, g.Token, g.ACP})
	if err != nil {
		return "" // equal to no digest of an entry, so nothing is given again
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// part identifies what a gift gives with some of its roles, as an entry keeps it.
func (g *Gift) part(roles []string) string {
	if len(roles) == len(g.Roles) {
		return g.digest()
	}
	return g.digest() + " " + joined(roles)
}

// gave reports whether the gift is what an entry was given of.
func (g *Gift) gave(e *Entry) bool {
	digest, _, _ := strings.Cut(e.Gift, " ")
	return g.digest() == digest
}

// givesAgain reports whether an entry is what the grant gives for a question: the
// policies may ask for another role by now.
func (g *Grant) givesAgain(e *Entry, q Question) bool {
	wanted, reason := g.roles(q)
	if reason != "" || !g.Gift.gave(e) {
		return false
	}
	_, given, part := strings.Cut(e.Gift, " ")
	has := strings.Fields(given)
	return !part || !slices.ContainsFunc(wanted, func(role string) bool { return !slices.Contains(has, role) })
}

// joined writes a list of names that have no blanks.
func joined(names []string) string { return strings.Join(names, " ") }

// Hand returns tokens by their IDs to the CSE that they are meant for (F-3). One
// that does not exist, is for another CSE or another holder, has ended or was
// revoked is left out, and so is one that the policy would not give any more.
// While the policy cannot be read there are none.
func (a *Authority) Hand(ctx context.Context, asker, holder onem2m.ID, ids []string) ([]string, error) {
	var tokens []string
	d := Decision{Asked: "retrieval", Asker: asker, Question: Question{Originator: holder, CSE: asker}}
	p, err := a.o.Policy()
	if err != nil {
		d.Reason = errClosed.Error()
		a.o.Audit(d)
		return nil, errors.Join(errClosed, err)
	}
	err = a.o.Ledger.View(ctx, func(r Reader) error {
		now := a.o.Now()
		for _, id := range ids {
			e, err := r.Entry(id)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if !e.Token || e.Audience != asker || !e.Live(now) || !a.heldBy(r, e, holder) || p.withdrawn(e) != "" {
				continue
			}
			text, err := a.text(e)
			if err != nil {
				return err
			}
			tokens, d.TokenIDs = append(tokens, text), append(d.TokenIDs, id)
		}
		return nil
	})
	if err != nil {
		tokens, d.TokenIDs = nil, nil
	}
	d.Permit = len(tokens) > 0
	if !d.Permit {
		d.Reason = "none of the tokens is for this CSE and holder, and good"
	}
	a.o.Audit(d)
	return tokens, err
}

// heldBy reports whether an originator may use a token: it is made out to it, or
// a record says who else it may be after a new registration.
func (a *Authority) heldBy(r Reader, e *Entry, originator onem2m.ID) bool {
	if e.Holder == originator {
		return true
	}
	_, err := r.Relation(e.ID)
	return err == nil // the CSE asks the originator for the recorded signature next (F-4)
}
