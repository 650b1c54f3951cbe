package cse

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/store"
	"bulwark/onem2m"
	"bulwark/token"
)

// An AE whose identifier the registrar has given may come back with another one,
// and its tokens are made out to the old one. What it has signed over them is
// with the Dynamic Authorization Server; who can show that signature has them
// still (TS-0003 clause 7.3.2.7, A-159).

// Bounds of the signatures that servers have told and originators may show.
const (
	signatureLife = 60 * time.Second // how long the originator has for it
	maxSignatures = 1000
)

var (
	errSignature  = errors.New("the signature isn't the one that was recorded")
	errManyOpen   = errors.New("too many signatures are awaited")
	errOpenWay    = errors.New("the way to the server isn't authenticated")
	errOtherReply = errors.New("the answer is about another token")
)

// signatures are those that servers have told, by token and originator: each is
// good for one attempt.
type signatures struct {
	mu  sync.Mutex // guards what follows
	all map[signatureKey]awaitedSignature
}

type signatureKey struct {
	id  string // Token-ID
	who onem2m.ID
}

type awaitedSignature struct {
	text  string
	until onem2m.Timestamp
}

func (s *signatures) put(key signatureKey, text string, now onem2m.Timestamp) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[signatureKey]awaitedSignature{}
	}
	if len(s.all) >= maxSignatures {
		for other, one := range s.all {
			if now >= one.until {
				delete(s.all, other)
			}
		}
	}
	if _, there := s.all[key]; !there && len(s.all) >= maxSignatures {
		return errManyOpen
	}
	s.all[key] = awaitedSignature{text: text, until: now + onem2m.Timestamp(signatureLife.Microseconds())}
	return nil
}

// get returns a signature; take makes it the last time.
func (s *signatures) get(key signatureKey, take bool, now onem2m.Timestamp) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all[key]
	if ok && (take || now >= one.until) {
		delete(s.all, key)
	}
	return one.text, ok && now < one.until
}

// relate lets an originator have a token whose holder has another identifier, if
// it shows the signature over it that is recorded (F-4, A-164). n is the place of
// the token in the request. What it returns is cause, or why the signature isn't
// good.
func (k *call) relate(a *heldToken, n int, cause error) error {
	if a.cached.Holder.Registrar() == "" || k.from.ID.Registrar() == "" {
		return cause // only identifiers that a registrar gives change
	}
	key := signatureKey{id: a.cached.ID, who: k.from.ID}
	shown := ""
	if n < len(k.req.AuthorSigns) {
		shown = k.req.AuthorSigns[n]
	}
	recorded, ok := k.c.signatures.get(key, shown != "", k.now)
	switch {
	case !ok:
		k.wantSignature(a, n)
		return cause
	case shown == "":
		k.escalating().sign = true
		return cause
	case !sameSignature(shown, recorded):
		return errSignature
	}
	if !k.c.tokens.SetHolder(a.cached.ID, k.from.ID) {
		return cause
	}
	a.cached.Holder = k.from.ID
	return nil
}

// sameSignature compares without telling by its time where they differ; padding
// says nothing.
func sameSignature(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(strings.TrimRight(a, "=")), []byte(strings.TrimRight(b, "="))) == 1
}

// wantSignature notes that the signature over a token is to be asked for, once.
func (k *call) wantSignature(a *heldToken, n int) {
	if !k.curious || k.c.serverOf(a.cached.Verified) == nil {
		return
	}
	e := k.escalating()
	if e.known[a.cached.ID] {
		return
	}
	one := *a
	if n >= len(k.req.Tokens) {
		one.text = "" // it is asked about as the originator has named it
	}
	e.unsigned = append(e.unsigned, one)
}

// serverOf is the server that has made a token, nil if nobody knows where it is.
func (c *CSE) serverOf(v *token.Verified) *dynauth.Server {
	if s := c.Servers.By(v.Issuer); s != nil {
		return s
	}
	return c.Servers.Of(v.ID)
}

// askSignature asks the server of a token for the signature that is recorded.
func (k *call) askSignature(ctx context.Context, a *heldToken) {
	e := k.further
	e.known[a.cached.ID] = true
	yes := true
	darq := &onem2m.RelationRequest{SignRequest: &yes}
	if a.text != "" {
		darq.Tokens = []string{a.text}
	} else {
		darq.TokenIDs = []string{a.cached.ID}
	}
	server := k.c.serverOf(a.cached.Verified)
	_, at, res, err := k.reachServer(ctx, server.Points, func(*dynauth.Server) *onem2m.Content { return consultation.RelationRequest(darq) })
	var answer *onem2m.RelationResponse
	if err == nil && !consultation.Dependable(at) {
		err = errOpenWay
	}
	if err == nil {
		answer, err = consultation.ReadRelationResponse(res)
	}
	if err == nil && answer != nil {
		named := len(answer.TokenIDs) == 1 && answer.TokenIDs[0] == a.cached.ID
		shown := len(answer.Tokens) == 1 && token.DigestOf(answer.Tokens[0]) == a.cached.Digest
		if len(answer.Signatures) != 1 || !named && !shown {
			err = errOtherReply
		} else {
			err = k.c.signatures.put(signatureKey{id: a.cached.ID, who: k.from.ID}, answer.Signatures[0], k.c.instant())
		}
	}
	switch {
	case err != nil:
		e.say("%s: %s", server.ID, reasonOf(err))
	case answer == nil:
		e.say("%s: it has no signature over %s", server.ID, a.cached.ID)
	}
}

// reholds reports whether an UPDATE gives a token that the CSE keeps another
// holder, which the tables don't allow for any other (F-5, C-28).
func (k *call) reholds(rec *store.Record) bool {
	if rec.Type != onem2m.TypeToken || len(k.draft.raw) != 1 || !k.draft.raw.Has("tkhd") {
		return false
	}
	one := k.c.kept.of(rec.ID)
	return one != nil && one.own
}

// authorizeReholding: the server that has made the token alone decides who holds
// it.
func (k *call) authorizeReholding(rec *store.Record) error {
	one := k.c.kept.of(rec.ID)
	if one == nil || !k.from.Authenticated || k.from.ID != one.issuer {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "only the issuer of the token gives it another holder")
		return k.denied(onem2m.Update)
	}
	k.draft.err = nil
	text, _ := k.draft.raw.Text("tkhd")
	id, form, _ := k.c.Home.ParseID(text)
	if form != onem2m.FormAbsolute {
		k.draft.err = onem2m.Errorf(onem2m.BadRequest, "tkhd", "not an absolute AE-ID")
		return nil // told in its turn
	}
	k.draft.attrs = onem2m.Object{{Name: "tkhd", Value: onem2m.TextValue(string(id))}}
	k.audit("special", "the issuer of the token", 0, "")
	return nil
}

// updateToken gives a token that the CSE keeps its new holder.
func updateToken(k *call, tx store.Tx, s *subject) error {
	one := k.c.kept.of(s.id)
	if one == nil || !s.touches("tkhd") {
		return nil
	}
	holder, ok := k.c.entity(s.attrs, "tkhd")
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, "tkhd", "not an AE-ID")
	}
	next := *one
	next.Holder, next.Local = holder, "" // the Local-Token-ID was the old holder's
	tx.OnCommit(func() {
		if k.c.tokens != nil {
			k.c.tokens.SetHolder(next.id, holder)
		}
	})
	return k.c.putKept(tx, &next)
}

// record passes an AE's signatures over its tokens on to the servers that have
// made them (F-1 steps 8 to 11, A-161). It answers what the first says that
// refuses them.
func (k *call) record(ctx context.Context, darq *onem2m.RelationRequest) (*onem2m.Response, error) {
	if !k.from.Authenticated || k.from.ID.Stem() == "" {
		k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "signatures over tokens come from an authenticated AE")
		return nil, k.denied(onem2m.Notify)
	}
	switch {
	case darq.SignRequest != nil && *darq.SignRequest:
		return nil, onem2m.Errorf(onem2m.BadRequest, "asri", "an AE isn't told what is recorded")
	case len(darq.Signatures) != len(darq.Tokens)+len(darq.TokenIDs):
		return nil, onem2m.Errorf(onem2m.BadRequest, "aus", "one signature for each token")
	}
	parts, err := k.byServer(darq)
	if err != nil {
		return nil, err
	}
	defer Yield(ctx)()
	for _, part := range parts {
		var res *onem2m.Response
		points, err := k.c.dependable(ctx, part.server.Points)
		if err == nil {
			_, _, res, err = k.reachServer(ctx, points, func(*dynauth.Server) *onem2m.Content { return consultation.RelationRequest(&part.request) })
		}
		switch {
		case err != nil:
			k.c.Log.InfoContext(ctx, "signatures over tokens aren't recorded", "req", k.req.RequestID, "server", string(part.server.ID), "err", err)
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the Dynamic Authorization Server isn't reached")
		case res.Code/1000 != 2:
			return &onem2m.Response{Code: res.Code}, nil
		}
	}
	return &onem2m.Response{Code: onem2m.OK}, nil
}

// dependable returns the points of a server that signatures are sent to: whoever
// reads one on the way could show it for the token.
func (c *CSE) dependable(ctx context.Context, points []string) (out []string, err error) {
	err = errOpenWay
	for _, point := range points {
		at := []string{point}
		if !strings.Contains(point, ":") {
			reach, failed := c.Reach(ctx, point)
			if failed != nil {
				err = failed
				continue
			}
			at = reach.Points
		}
		if !slices.ContainsFunc(at, func(p string) bool { return !consultation.Dependable(p) }) {
			out = append(out, point)
		}
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

// relationPart is what one server is told.
type relationPart struct {
	server  *dynauth.Server
	request onem2m.RelationRequest
}

// byServer sorts tokens and signatures by server; tokens go before Token-IDs in
// the list of signatures (C-27). A token that isn't the originator's is refused.
func (k *call) byServer(darq *onem2m.RelationRequest) ([]*relationPart, error) {
	var parts []*relationPart
	part := func(server *dynauth.Server, holder onem2m.ID) (*onem2m.RelationRequest, error) {
		switch {
		case server == nil:
			return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "nobody is known who has made the token")
		case holder != "" && holder != k.from.ID:
			k.audit("special", "", onem2m.OriginatorHasNoPrivilege, "a token of somebody else")
			return nil, k.denied(onem2m.Notify)
		}
		for _, p := range parts {
			if p.server == server {
				return &p.request, nil
			}
		}
		p := &relationPart{server: server, request: onem2m.RelationRequest{Originator: string(k.from.ID)}}
		parts = append(parts, p)
		return &p.request, nil
	}
	for i, text := range darq.Tokens {
		if k.c.tokens == nil {
			return nil, onem2m.Errorf(onem2m.NotImplemented, "tkns", "this CSE trusts no Token Issuer")
		}
		cached, err := k.c.verifyToken(text, k.now)
		if err != nil {
			k.audit("special", "", onem2m.OriginatorHasNoPrivilege, tokenNumber(i, text)+": "+err.Error())
			return nil, k.denied(onem2m.Notify)
		}
		r, err := part(k.c.serverOf(cached.Verified), cached.Holder)
		if err != nil {
			return nil, err
		}
		r.Tokens, r.Signatures = append(r.Tokens, text), append(r.Signatures, darq.Signatures[i])
	}
	for i, id := range darq.TokenIDs {
		var holder onem2m.ID
		if one := k.c.kept.named(id); one != nil {
			holder = one.Holder
		}
		r, err := part(k.c.Servers.Of(id), holder)
		if err != nil {
			return nil, err
		}
		r.TokenIDs, r.Signatures = append(r.TokenIDs, id), append(r.Signatures, darq.Signatures[len(darq.Tokens)+i])
	}
	return parts, nil
}
