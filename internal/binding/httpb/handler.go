package httpb

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// allowed is the Allow header of the answers to OPTIONS and to methods that
// have no mapping.
const allowed = "DELETE, GET, OPTIONS, POST, PUT"

// ServeHTTP answers one HTTP request. net/http calls it; it works only behind
// the Server's own listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.active.Add(1)
	defer s.active.Add(-1)
	start := s.now()
	l, ok := r.Context().Value(linkKey{}).(*link)
	if !ok || l == nil {
		panic(http.ErrAbortHandler) // not from the Server's own listener
	}
	if err := l.check(start, recheckPause, s.o.Recheck); err != nil {
		s.log.Warn("connection closed", "source", l.RemoteAddr().String(), "error", err)
		_ = l.Close() // not one more answer on this credential
		panic(http.ErrAbortHandler)
	}
	if l.ending(start, min(s.o.RecheckEvery, s.o.MaxAge/10)) {
		w.Header().Set("Connection", "close")
	}
	if s.o.Sockets != nil {
		s.o.Sockets.ServeSocket(upgradable{w, l}, r, s.associationFor(l, r), l.ends)
		return
	}
	if r.TLS != nil {
		if h := s.o.Extra[r.URL.Path]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allowed)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	in, refused := s.decode(w, r, l)
	var resp *onem2m.Response
	if refused != nil {
		resp = s.refusedResponse(r.Context(), in.req, refused, start)
	} else {
		resp = s.handle(r, l, in.req, start)
	}
	status := s.write(w, in, resp, refused)
	if s.o.Observe != nil {
		s.o.Observe(exchangeOf(in.req, status, resp.Code, s.now().Sub(start)))
	}
}

// exchangeOf tells an observer of an answered request.
func exchangeOf(req *onem2m.Request, status int, code onem2m.StatusCode, took time.Duration) Exchange {
	x := Exchange{
		RequestID: req.RequestID, From: req.From, To: req.To,
		Operation: req.Operation, Status: status, Code: code, Duration: took,
	}
	if req.Type != nil && req.Operation == onem2m.Create {
		x.Type = *req.Type
	}
	return x
}

// decode reads the request. A body has to arrive before a deadline, which
// net/http lifts when it has.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, l *link) (incoming, *refusal) {
	if r.Body != nil && r.Body != http.NoBody {
		s.readDeadline(w, r, l, time.Now().Add(s.o.Limits.ReadTimeout)) // of the socket, which knows no other clock
	}
	if s.o.Root != "" && r.RequestURI == "/" {
		rooted := *r
		rooted.RequestURI += s.o.Root
		r = &rooted
	}
	buffer := takeBuffer()
	in, refused := decodeRequest(r, &s.o.Limits, s.o.Codec, func() ([]byte, *refusal) {
		var refused *refusal
		*buffer, refused = readBody(r, s.o.Limits.Body, *buffer)
		return *buffer, refused
	})
	giveBuffer(buffer)
	if in.req.Operation == 0 {
		in.req.Operation = operation(r.Method, in.req.Type != nil)
	}
	if in.req.Operation == 0 {
		return in, &refusal{err: onem2m.Errorf(onem2m.OperationNotAllowed, "op", "the method has no operation"), status: http.StatusMethodNotAllowed}
	}
	return in, refused
}

// readDeadline bounds the reading of a body: on HTTP/1.1 by the socket, on
// HTTP/2, where other requests share it, by the stream.
func (s *Server) readDeadline(w http.ResponseWriter, r *http.Request, l *link, t time.Time) {
	var err error
	if r.ProtoMajor == 1 {
		err = l.SetReadDeadline(t)
	} else {
		err = http.NewResponseController(w).SetReadDeadline(t)
	}
	if err != nil {
		s.log.Debug("read deadline", "error", err)
	}
}

// handle asks the CSE, with the deadline that the request states. A panic
// costs this request only.
func (s *Server) handle(r *http.Request, l *link, req *onem2m.Request, now time.Time) (resp *onem2m.Response) {
	ctx := r.Context()
	if at, ok := onem2m.Deadline(req.RequestExpiration, now); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, at.Sub(now))
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.log.Error("panic in a request", "panic", p, "stack", string(debug.Stack()))
			resp = nil
		}
		if resp == nil {
			resp = s.refusedResponse(ctx, req, refuse(onem2m.Errorf(onem2m.InternalServerError, "", "internal error")), now)
		}
	}()
	return s.handler.Handle(ctx, s.associationFor(l, r), req)
}

// associationFor returns the Association of the connection, with the address
// of the client in place of that of a trusted proxy.
func (s *Server) associationFor(l *link, r *http.Request) *identity.Association {
	if len(s.o.TrustedProxies) == 0 {
		return l.association
	}
	forwarded := r.Header["X-Forwarded-For"]
	if len(forwarded) == 0 || !contains(s.o.TrustedProxies, l.association.Source) {
		return l.association
	}
	a := *l.association
	a.Source = clientAddress(forwarded, s.o.TrustedProxies)
	return &a
}

// refusedResponse is the response of the binding itself.
func (s *Server) refusedResponse(ctx context.Context, req *onem2m.Request, refused *refusal, now time.Time) *onem2m.Response {
	if refused.err.Cause != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "request refused", slog.Any("error", refused.err))
	}
	resp := &onem2m.Response{
		Code: refused.err.Code, RequestID: req.RequestID,
		OriginatingTimestamp: onem2m.TimestampOf(now).String(),
	}
	if plausibleRelease(req.Release) {
		resp.Release = req.Release
	}
	if text, err := jsontext.AppendQuote(nil, refused.err.Debug()); err == nil {
		resp.Content = &onem2m.Content{Name: "m2m:dbg", Value: text}
	}
	return resp
}

// plausibleRelease reports whether s looks like a release version indicator,
// "3" or "2a", so that echoing it says nothing wrong.
func plausibleRelease(s string) bool {
	return len(s) >= 1 && len(s) <= 2 && s[0] >= '1' && s[0] <= '9' && (len(s) == 1 || s[1] >= 'a' && s[1] <= 'z')
}
