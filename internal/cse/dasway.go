package cse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bulwark/internal/dynauth"
	"bulwark/internal/dynauth/consultation"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

var (
	errUntrusted = errors.New("this CSE trusts no Token Issuer")
	errNoServer  = errors.New("nobody is known to ask")
)

// reachServer sends a notification to the first of the points of access that
// answers, and returns where that was. content writes it for the server
// at a point, nil if that is none that the operator has named.
func (k *call) reachServer(ctx context.Context, points []string, content func(*dynauth.Server) *onem2m.Content) (server *dynauth.Server, at string, res *onem2m.Response, err error) {
	err = errNoServer
	for _, point := range points {
		server = k.c.Servers.At(k.c.Home, point)
		res, err = k.c.desk.Ask(ctx, point, server != nil, k.from.ID, func(ctx context.Context, point string) (res *onem2m.Response, err error) {
			ctx, cancel := context.WithTimeout(ctx, k.c.Timing.Consultation)
			defer cancel()
			at, res, err = k.c.notifyServer(ctx, point, content(server))
			return res, err
		})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return server, at, res, err
}

// notifyServer sends to one point of access: a URL, or the identifier of an AE,
// which is reached as it is known here (C-42).
func (c *CSE) notifyServer(ctx context.Context, point string, content *onem2m.Content) (at string, res *onem2m.Response, err error) {
	req := onem2m.Request{
		Operation: onem2m.Notify, To: point, From: c.Home.CSE, HasFrom: true, Release: "3", Content: content,
		RequestID: string(c.names.appendTail([]byte("das-"), 12)),
	}
	reach := notify.Reach{Points: []string{point}}
	if !strings.Contains(point, ":") {
		if reach, err = c.Reach(ctx, point); err != nil {
			return point, nil, err
		}
		if reach.ID.SP() != c.Home.SP {
			req.From = string(c.Home.ID())
		}
		req.Release, req.Serialization = reach.Release, reach.Serialization
		if req.Release == "" {
			req.Release = "3"
		}
	}
	err = errNoServer
	for _, at = range reach.Points {
		once := req
		if res, err = c.Send(ctx, at, reach.ID, &once); err == nil || ctx.Err() != nil {
			break
		}
	}
	return at, res, err
}

// wantToken notes that a token is to be retrieved from its server, once: the one
// that the operator has named for the domain of its Token-ID, or else those that
// are asked about the resource (C-26).
func (k *call) wantToken(r store.Reader, rec *store.Record, id string) {
	if !k.curious || k.deputy() {
		return
	}
	points := [][]string{}
	if s := k.c.Servers.Of(id); s != nil {
		points = append(points, s.Points)
	} else {
		list, err := k.c.referrals(r, rec, k.now, &k.missed)
		if err != nil {
			return
		}
		for _, u := range list {
			if u.enabled {
				points = append(points, u.points)
			}
		}
	}
	e := k.escalating()
	if _, tried := e.texts[id]; tried || len(points) == 0 {
		return
	}
	e.wanted = append(e.wanted, wantedToken{id: id, points: points})
	e.about = onem2m.DASRequest{
		Originator: string(k.from.ID), TargetType: rec.Type, Operation: k.req.Operation, RequestTime: k.now.String(),
		Target: string(k.c.Home.ID()) + "/" + rec.RI,
	}
}

// wantedToken is a token that is to be retrieved, and where it may be had.
type wantedToken struct {
	id     string
	points [][]string // by server
}

// retrieved returns the token with a Token-ID that its server has handed over,
// "" for none.
func (k *call) retrieved(id string) string {
	if k.further == nil {
		return ""
	}
	return k.further.texts[id]
}

// retrieveTokens asks the servers of Token-IDs for the tokens (F-3, A-157): all
// of one server at once.
func (k *call) retrieveTokens(ctx context.Context, wanted []wantedToken) {
	e := k.further
	for len(wanted) > 0 && ctx.Err() == nil {
		first := wanted[0]
		var ids []string
		var rest []wantedToken
		for _, w := range wanted {
			if slices.EqualFunc(w.points, first.points, slices.Equal[[]string]) {
				ids = append(ids, w.id)
				e.texts[w.id] = ""
			} else {
				rest = append(rest, w)
			}
		}
		wanted = rest
		for _, points := range first.points {
			ids = slices.DeleteFunc(ids, func(id string) bool { return e.texts[id] != "" })
			if len(ids) > 0 {
				k.retrieveFrom(ctx, points, ids)
			}
		}
	}
}

// retrieveFrom asks one server.
func (k *call) retrieveFrom(ctx context.Context, points, ids []string) {
	e := k.further
	about := e.about
	about.TokenIDs = ids
	server, at, res, err := k.reachServer(ctx, points, func(*dynauth.Server) *onem2m.Content { return consultation.Request(&about) })
	var answer *onem2m.DASResponse
	if err == nil {
		answer, err = consultation.ReadResponse(res)
	}
	if err != nil {
		e.say("%s: %s", points[0], reasonOf(err))
		return
	}
	for i, text := range answer.Tokens {
		if i >= maxTokens {
			break
		}
		cached, err := k.c.verifyToken(text, k.c.instant())
		switch {
		case err != nil:
			e.say("%s: %s: %s", at, tokenNumber(i, text), err)
		case slices.Contains(ids, cached.ID): // others weren't asked for
			e.texts[cached.ID], e.stood[cached.ID] = text, k.c.standsBy(server, at, cached.Verified)
		}
	}
}
