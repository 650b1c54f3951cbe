package notify

import (
	"context"
	"errors"

	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Consult asks the target of a blocking subscription about an UPDATE that
// waits for it, and returns the code of its answer (TS-0004 clause 7.5.1.2.19).
// It fails if there is no answer before ctx ends. It must not be called inside
// a transaction.
func (e *Engine) Consult(ctx context.Context, sub *store.Record, ev Event) (onem2m.StatusCode, error) {
	s := compiled(sub)
	if s.err != nil || len(s.targets) == 0 {
		return 0, errors.New("a blocking subscription without a target")
	}
	target := s.targets[0]
	at := e.scopeOf(target)
	id, err := e.requestID()
	if err != nil {
		return 0, err
	}
	ev.Type = Blocking
	content, err := contentOf(e.eventPayload(sub, s, &ev, at))
	if err != nil {
		return 0, err
	}
	to := TargetAddress(target)
	reach, err := e.directory.Reach(ctx, to)
	if err != nil {
		return 0, err
	}
	req := onem2m.Request{
		Operation: onem2m.Notify, To: to, From: e.self(at), HasFrom: true, RequestID: id, Content: content,
		Release: reach.Release,
	}
	if req.Release == "" {
		req.Release = defaultRelease
	}
	err = errors.New("the target has no point of access")
	for _, point := range reach.Points {
		var res *onem2m.Response
		once := req
		if res, err = e.sender.Send(ctx, point, reach.ID, &once); err == nil && res != nil && res.Code != 0 {
			return res.Code, nil
		}
		if err == nil {
			err = errors.New("answered without a response status code")
		}
		if ctx.Err() != nil {
			break
		}
	}
	return 0, err
}

// Blocked reports whether an UPDATE of the given attributes has to ask the
// target of a blocking subscription first (C-314).
func (e *Engine) Blocked(sub *store.Record, ev Event) bool {
	ev.Type = Blocking
	return compiled(sub).wants(e.home, &ev)
}
