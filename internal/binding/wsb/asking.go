package wsb

import (
	"context"

	"bulwark/onem2m"
)

// outcome is the answer to an own request, or why there is none.
type outcome struct {
	response *onem2m.Response
	err      error
}

// answered gives an answer to the request that waits for it. One that nobody
// waits for came too late.
func (s *socket) answered(res *onem2m.Response, err error) {
	s.mu.Lock()
	to := s.waiting[res.RequestID]
	delete(s.waiting, res.RequestID)
	s.settle()
	s.mu.Unlock()
	switch {
	case to == nil:
	case err != nil:
		to <- outcome{err: lost("the answer can't be read", err)}
	default:
		to <- outcome{response: res}
	}
}

// send carries a request to the peer and waits for the answer, or until ctx
// ends. Its errors are those of federation.Sender.
func (s *socket) send(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	const responseNone = 5
	if req.ResponseType != nil && *req.ResponseType == responseNone {
		if err := s.writeRequest(ctx, req); err != nil {
			return nil, err
		}
		return &onem2m.Response{RequestID: req.RequestID}, nil // nothing will come (C-038)
	}
	answer := make(chan outcome, 1)
	if err := s.expect(req.RequestID, answer); err != nil {
		return nil, err
	}
	if err := s.writeRequest(ctx, req); err != nil {
		s.forget(req.RequestID, answer)
		return nil, err
	}
	select {
	case o := <-answer:
		return o.response, o.err
	case <-ctx.Done():
		s.forget(req.RequestID, answer)
		return nil, &onem2m.Error{Code: onem2m.RequestTimeout, Text: "the target did not answer in time", Cause: sentError{ctx.Err()}}
	}
}

// writeRequest writes a request; with an error the peer can't have carried it
// out.
func (s *socket) writeRequest(ctx context.Context, req *onem2m.Request) error {
	text := takeText()
	b, err := s.request((*text)[:0], req)
	defer func() { giveText(text, b) }()
	switch {
	case err != nil:
		return err
	case len(b) > s.largest.request:
		return onem2m.Errorf(onem2m.NotAcceptable, "", "the request is larger than %d octets", s.largest.request)
	}
	if err := s.write(ctx, b); err != nil {
		return unsent(ctx, err)
	}
	return nil
}

// expect notes that an answer is waited for.
func (s *socket) expect(rqi string, answer chan<- outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.leaving:
		return closedError()
	case len(s.waiting) >= maxWaiting:
		return onem2m.Errorf(onem2m.TargetNotReachable, "", "too many requests wait on the connection to the target")
	case s.waiting[rqi] != nil:
		return onem2m.Errorf(onem2m.TargetNotReachable, "", "a request with this identifier is on its way")
	}
	s.waiting[rqi] = answer
	return nil
}

func (s *socket) forget(rqi string, answer chan<- outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[rqi] == answer {
		delete(s.waiting, rqi)
	}
	s.settle()
}

// sentError marks an error after which the receiver may have the request.
type sentError struct{ error }

// Unwrap returns the error itself.
func (e sentError) Unwrap() error { return e.error }

// Sent reports that the request has left, at least in part.
func (sentError) Sent() bool { return true }

// unsent is the error of a request that the peer can't have carried out, because
// it hasn't got all of it.
func unsent(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return late(cause)
	}
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: "the connection to the target is closed", Cause: cause}
}

func lost(text string, cause error) error {
	return &onem2m.Error{Code: onem2m.TargetNotReachable, Text: text, Cause: sentError{cause}}
}

func closedError() error {
	return onem2m.Errorf(onem2m.TargetNotReachable, "", "the connection to the target is closed")
}
