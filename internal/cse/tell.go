package cse

import (
	"context"
	"errors"
	"strings"

	"bulwark/onem2m"
)

// Notify sends one notification of the CSE itself to an entity and returns the
// answer, whatever its code. It fails if there is none.
func (c *CSE) Notify(ctx context.Context, target string, content *onem2m.Content) (*onem2m.Response, error) {
	return c.tell(ctx, target, content)
}

// tell sends one notification of the CSE's own to a URL or to an entity and
// returns the answer. It is for what is asked or is worth something only now;
// what must not get lost goes through the Notifier.
func (c *CSE) tell(ctx context.Context, target string, content *onem2m.Content) (*onem2m.Response, error) {
	if c.Sender == nil {
		return nil, errors.New("nothing is sent by this CSE")
	}
	req := &onem2m.Request{
		Operation: onem2m.Notify, To: target, From: c.Home.CSE, HasFrom: true,
		RequestID: string(c.names.appendTail([]byte("n"), 12)), Release: "3", Content: content,
	}
	if strings.Contains(target, ":") {
		return c.send(ctx, target, "", req)
	}
	reach, err := c.Reach(ctx, target)
	if err != nil {
		return nil, err
	}
	if reach.Release != "" {
		req.Release = reach.Release
	}
	req.Serialization = reach.Serialization
	err = errors.New("the target has no point of access")
	for _, point := range reach.Points {
		var res *onem2m.Response
		if res, err = c.send(ctx, point, reach.ID, req); err == nil {
			return res, nil
		}
	}
	return nil, err
}

// send sends to one address. A plain URL may answer without a status code
// (B-42), which counts as success.
func (c *CSE) send(ctx context.Context, url string, identity onem2m.ID, req *onem2m.Request) (*onem2m.Response, error) {
	once := *req
	res, err := c.Send(ctx, url, identity, &once)
	switch {
	case err != nil:
		return nil, err
	case res == nil || res.Code == 0:
		if identity != "" {
			return nil, errors.New("answered without a response status code")
		}
		return &onem2m.Response{Code: onem2m.OK}, nil
	}
	return res, nil
}
