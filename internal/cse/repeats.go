package cse

import (
	"context"

	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// carry sends a request to the next CSE. One that is repeated because it came to
// nothing goes under the identifier that it had before. The next CSE may still be
// at work on that and refuse it (C-007): then it goes under a new one, because
// the originator can't tell such an answer from one about its request.
func (k *call) carry(ctx context.Context, hop federation.Hop, t *federation.Transit) (*onem2m.Response, error) {
	if k.errand != nil || k.nesting > 0 || k.vouched || t.RequestID == k.req.RequestID { // no identifier of it is held as pending, or it is this CSE's own
		return k.c.Carrier.Carry(ctx, hop, t.Request(k.req))
	}
	attempt := federation.Attempt{From: k.from.ID, By: hop.Peer, RequestID: k.req.RequestID}
	anew := t.RequestID
	before := k.c.repeats.Take(attempt, k.req, k.now)
	if before != "" {
		t.RequestID = before
	}
	res, err := k.c.Carrier.Carry(ctx, hop, t.Request(k.req))
	if before != "" && before != anew && err == nil && res.Code == onem2m.BadRequest {
		t.RequestID = anew
		res, err = k.c.Carrier.Carry(ctx, hop, t.Request(k.req))
	}
	if ctx.Err() != nil || err != nil || mayBeRepeated(res.Code) {
		k.c.repeats.Keep(attempt, k.req, t.RequestID, k.now)
	}
	return res, err
}

// mayBeRepeated reports whether an originator may try the same again after an
// answer: the request was lost on the way, or it may work later.
func mayBeRepeated(code onem2m.StatusCode) bool {
	return code == onem2m.RequestTimeout || code >= onem2m.InternalServerError
}
