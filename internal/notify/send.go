package notify

import (
	"context"
	"errors"
	"fmt"

	"bulwark/onem2m"
)

// verdict is how a target took a notification.
type verdict int

const (
	accepted verdict = iota
	taken            // by an entity, with another success than OK
	refused          // answered so that repetition is pointless
	missed           // not reached, or answered so that it may work later
)

// defaultRelease is spoken with targets of which nothing is known.
const defaultRelease = "3"

// send carries one request to a target: a plain URL directly, an entity over
// its points of access in turn (C-077). req is sent with To, From and Release
// filled in.
func (e *Engine) send(ctx context.Context, target string, req onem2m.Request) (verdict, error) {
	req.Operation = onem2m.Notify
	req.To, req.Serialization = splitTarget(target)
	req.From, req.HasFrom = e.self(e.scopeOf(target)), true
	if isURL(target) {
		req.Release = defaultRelease
		return e.try(ctx, req.To, "", &req)
	}
	reach, err := e.directory.Reach(ctx, req.To)
	if err != nil {
		return missed, fmt.Errorf("reach: %w", err)
	}
	if len(reach.Points) > 0 {
		e.line.learn(target, reach.Points[0])
	}
	return e.sendTo(ctx, reach, req)
}

// sendTo tries the points of access of an entity in their order.
func (e *Engine) sendTo(ctx context.Context, reach Reach, req onem2m.Request) (verdict, error) {
	if req.Serialization == "" {
		req.Serialization = reach.Serialization // C-132
	}
	req.Release = reach.Release
	if req.Release == "" {
		req.Release = defaultRelease
	}
	err := errors.New("the target has no point of access")
	for _, point := range reach.Points {
		var v verdict
		if v, err = e.try(ctx, point, reach.ID, &req); v != missed || ctx.Err() != nil {
			return v, err
		}
	}
	return missed, err
}

// try sends to one address and judges the answer. A plain URL accepts with any
// success (B-42); an entity accepts with 2000 (B-43). Whether it has taken a
// notification no text ties to one code, and receivers in the field answer
// 2001: to repeat what they have would only do harm.
func (e *Engine) try(ctx context.Context, url string, identity onem2m.ID, req *onem2m.Request) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, e.limits.RequestTimeout)
	defer cancel()
	once := *req
	resp, err := e.sender.Send(ctx, url, identity, &once)
	switch {
	case err != nil && onem2m.AsError(err).Code == onem2m.NotAcceptable: // it can't be said in the target's format, now or later
		return refused, err
	case err != nil:
		return missed, err
	case identity == "" && (resp == nil || resp.Code == 0 || resp.Code/1000 == 2):
		return accepted, nil
	case resp == nil || resp.Code == 0:
		return missed, errors.New("answered without a response status code")
	case resp.Code == onem2m.OK:
		return accepted, nil
	case resp.Code/1000 == 2:
		return taken, nil
	case final(resp.Code):
		return refused, refusal(resp.Code)
	}
	return missed, refusal(resp.Code)
}

// final reports whether an answer makes repetition pointless: an error of the
// originator, except that time and serialization may be better next time.
func final(code onem2m.StatusCode) bool {
	return code/1000 == 4 && code != onem2m.RequestTimeout && code != onem2m.UnsupportedMediaType
}
