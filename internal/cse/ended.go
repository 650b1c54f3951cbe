package cse

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// Who asks why something is denied wants to know that it was permitted until a
// moment ago, and what has ended it. The last grants of servers that have
// ended are kept for that; nothing is decided by them.

// maxEnded bounds them: they are written whole with each that is added.
const maxEnded = 64

const endedSetting = "grants that have ended"

// endedGrant is a dynamic policy that was.
type endedGrant struct {
	Policy string           `json:"policy"` // its resourceID
	For    int64            `json:"for"`
	Who    onem2m.ID        `json:"who"`
	By     onem2m.ID        `json:"by,omitzero"`
	At     onem2m.Timestamp `json:"at"`
	Why    string           `json:"why"`
}

// noteEnded keeps how a dynamic policy has ended.
func (c *CSE) noteEnded(tx store.Tx, policy *store.Record, why string) error {
	l := c.dynamic.link(policy.ID)
	list, err := readEnded(tx)
	if err != nil {
		return err
	}
	list = append(list, endedGrant{Policy: policy.RI, For: l.For, Who: l.Who, By: l.By, At: c.instant(), Why: why})
	data, err := json.Marshal(list[max(0, len(list)-maxEnded):])
	if err != nil {
		return err
	}
	return tx.SetSetting(endedSetting, data)
}

func readEnded(r store.Reader) (list []endedGrant, err error) {
	data, err := r.Setting(endedSetting)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	return list, err
}

// explainEnded adds what servers had granted the originator for a resource and
// what counts no more, and why.
func (k *call) explainEnded(r store.Reader, rec *store.Record, e *Explanation) error {
	governing, err := k.c.governing(r, rec)
	if err != nil {
		return err
	}
	say := func(source, text string) {
		e.Reasons = append(e.Reasons, access.Reason{Source: source, Rule: -1, Part: access.PartPolicy, Text: text})
	}
	list, err := readEnded(r)
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.Who == k.from.ID && (one.For == rec.ID || one.For == governing.ID) {
			say(dynamicSource+one.Policy, "it has ended at "+one.At.String()+": "+one.Why)
		}
	}
	for _, subject := range slices.Compact([]*store.Record{rec, governing}) {
		if err := k.explainDynamic(r, subject, say); err != nil {
			return err
		}
	}
	for _, one := range k.c.kept.granted(k.from.ID) {
		if _, err := k.c.restore(r, one, k.now); err != nil {
			say("token "+one.id, "a server has handed it over, and it counts no more: "+k.c.whyRefused(r, err))
		}
	}
	return nil
}

// explainDynamic tells which dynamic policies of a resource count no more and
// haven't been removed yet.
func (k *call) explainDynamic(r store.Reader, rec *store.Record, say func(source, text string)) error {
	var lacking missed
	consultations, err := k.c.referrals(r, rec, k.now, &lacking)
	if err != nil {
		return err
	}
	for _, id := range k.c.dynamic.of(rec.ID) {
		l := k.c.dynamic.link(id)
		policy, err := r.ByID(id)
		switch {
		case err != nil || l.Who != k.from.ID || policy.Expires == longAgo: // that was noted
		case k.c.alive(r, policy, k.now) != nil:
			say(dynamicSource+policy.RI, "its time is over")
		case !k.c.stillAsked(l, consultations):
			say(dynamicSource+policy.RI, "the server that has granted it would not be asked about the resource any more")
		}
	}
	return nil
}

// whyRefused says why a token isn't taken: of one that its issuer has called back
// what that has said.
func (c *CSE) whyRefused(r store.Reader, cause error) string {
	refused, ok := errors.AsType[*token.Error](cause)
	if !ok || refused.Check != token.CheckRevoked {
		return cause.Error()
	}
	known, err := loadState[recalled](r, recalledName(refused.Ref))
	if err != nil {
		return cause.Error() // the operator of this CSE has revoked it
	}
	text := cause.Error() + ": called back by " + string(refused.Ref.Issuer) + " at " + known.At.String()
	if known.Because != "" {
		text += ": " + known.Because
	}
	return text
}
