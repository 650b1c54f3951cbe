package cse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/access"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// granted reports whether servers have handed over tokens for the originator.
func (k *call) granted() bool {
	return k.from.Authenticated && k.c.tokens != nil && len(k.c.kept.granted(k.from.ID)) > 0
}

// judgeByTokens is the second stage: k.question is what the sources deny. A
// token of the request that fails is told as a denial like any other; the
// reason is in the audit. Tokens that servers have handed over count too.
func (k *call) judgeByTokens(r store.Reader, rec *store.Record, op onem2m.Operation, self bool, sources []access.Source) error {
	tokens, err := k.readTokens(r, rec)
	if err == nil {
		err = k.nameTarget(r, rec)
	}
	if err != nil {
		if k.uninformed() {
			return k.denied(op) // for now, as in judge
		}
		k.audit("tokens", "", onem2m.OriginatorHasNoPrivilege, k.further.told(k.c.whyRefused(r, err)))
		return k.denied(op)
	}
	if permit, err := k.permittedByTokens("tokens", op, self, sources, tokens); permit || err != nil {
		return err
	}
	direct := k.directTokens(r, rec)
	if permit, err := k.permittedByTokens("dynamic", op, self, sources, direct); permit || err != nil {
		return err
	}
	if !self {
		switch {
		case len(tokens) > 0 && k.partly(&k.question, rec, sources, tokens...):
			k.audit("tokens", "rules for single attributes, with tokens", 0, "")
			return nil
		case len(direct) > 0 && k.partly(&k.question, rec, sources, slices.Concat(tokens, direct)...):
			k.audit("dynamic", "rules for single attributes, with tokens", 0, "")
			return nil
		}
	}
	names := make([]string, 0, len(tokens)+len(direct))
	for _, t := range append(tokens, direct...) {
		names = append(names, t.Name)
	}
	return k.escalate(r, rec, op, self, sources, "tokens",
		fmt.Sprintf("neither a rule of %d policies nor the tokens %s permit %s on %s", len(sources), strings.Join(names, ", "), op, rec.RI))
}

// permittedByTokens reports whether tokens permit what the sources deny, or the
// denial for the moment.
func (k *call) permittedByTokens(stage string, op onem2m.Operation, self bool, sources []access.Source, tokens []access.Token) (bool, error) {
	before := len(k.missed.list)
	if d := decideByTokens(&k.question, sources, tokens, self); d.Permit {
		k.missed.list = k.missed.list[:before]
		k.audit(stage, d.Source+" rule "+strconv.Itoa(d.Rule+1), 0, "")
		return true, nil
	}
	if k.uninformed() {
		return false, k.denied(op) // for now, as in judge
	}
	return false, nil
}

// directTokens returns what servers have handed over for the originator, as far
// as it is good for this CSE and this moment. What isn't is no token.
func (k *call) directTokens(r store.Reader, rec *store.Record) []access.Token {
	if !k.granted() {
		return nil
	}
	var out []access.Token
	for _, cached := range k.c.grantedTokens(r, k.from.ID, k.now) {
		on := token.Conditions{Originator: k.from.ID, Self: k.c.Home.ID(), Now: k.now, Leeway: k.c.Leeway, Holder: cached.Holder, Direct: true}
		if cached.Check(on) != nil || k.confirm(r, rec, &cached) != nil {
			continue
		}
		if grant, err := k.grantOf(r, cached); err == nil {
			out = append(out, grant)
		}
	}
	return out
}

func decideByTokens(q *access.Query, sources []access.Source, tokens []access.Token, self bool) access.Decision {
	if self {
		return access.DecideByTokenRoles(q, sources, tokens)
	}
	return access.DecideWithTokens(q, sources, tokens)
}

// nameTarget completes the query for the comparison with resources of tokens.
func (k *call) nameTarget(r store.Reader, rec *store.Record) error {
	if rec.ID == 0 { // of another CSE
		k.question.Target, k.question.Governing = k.remote.about(), ""
		return nil
	}
	governing, err := k.c.governing(r, rec)
	if err != nil {
		return err
	}
	k.question.Target, k.question.Governing = nameOf(rec), nameOf(governing)
	return nil
}
