package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esprim"
	"bulwark/onem2m"
)

// Target is the far end of protected requests.
type Target struct {
	To   string     // address of its <CSEBase> or <AE>: "/id-in/-", "/id-mn/CLamp"
	Self onem2m.ID  // absolute AE-ID or CSE-ID of this client: who the key belongs to
	Key  esprim.Key // shared with the target; Peer is the target

	Protections []int64        // AEAD algorithms that may be used, preferred first; A256GCM
	Rand        jsontext.Value // receiver rand object that the target publishes (EndToEnd); nil: one is asked for
}

// protection is how the requests of a protected client go.
type protection struct {
	outer      *Client
	to         string
	originator *esprim.Originator
}

// ESPrim returns a client whose requests the target carries out, protected from
// end to end: CSEs on the way neither read nor change them, and the target knows
// who asks (TS-0003 clause 8.4). What it asks for has to be at the target
// itself. Addresses are written as they are valid there: "/id-in/cse-in/lamp".
//
// Sessions come and go by themselves. Where the target has forgotten one, after
// a restart say, a RETRIEVE is sent once more with a new session. Any other
// request ends with an *OuterError then, and the next one has a new session: that
// it was not carried out is the word of the CSEs on the way alone, as after any
// error that is not protected, and sent again it might be carried out twice.
func (c *Client) ESPrim(t Target) (*Client, error) {
	if _, err := onem2m.ParseAddress(t.To); err != nil {
		return nil, fmt.Errorf("the target of protected requests: %w", err)
	}
	if id, form, err := (onem2m.Home{}).ParseID(string(t.Self)); err != nil || form != onem2m.FormAbsolute || id != t.Self {
		return nil, fmt.Errorf("%q is no absolute AE-ID or CSE-ID, such as //m2m.example/id-in/CLamp", t.Self)
	}
	g, err := esprim.NewOriginator(esprim.OriginatorOptions{Key: t.Key, Protections: t.Protections})
	if err != nil {
		return nil, err
	}
	if t.Rand != nil {
		if err := g.Learn(t.Rand); err != nil {
			return nil, fmt.Errorf("receiver rand object: %w", err)
		}
	}
	from := string(t.Self)
	if t.Key.Peer.SP() == t.Self.SP() {
		from = t.Self.SPRelative() // no registrar can make it so inside (E-82)
	}
	return &Client{
		release: c.release, timeout: c.timeout, from: from, http: c.http,
		protected: &protection{outer: c, to: t.To, originator: g},
	}, nil
}

// OuterError says that a protected request got no protected answer. Whoever is
// on the way may have made it up: it tells nothing about the request for sure.
type OuterError struct {
	Code onem2m.StatusCode // of the outer response
	Text string
}

// Error tells the code, and that nobody vouches for it.
func (e *OuterError) Error() string {
	return fmt.Sprintf("no protected answer; on the way, unauthenticated: %d %s", e.Code, e.Text)
}

// do sends a request protected. A RETRIEVE, which changes nothing, is tried again
// once (E-88).
func (p *protection) do(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	var last error
	for range 2 {
		text, call, err := p.originator.Seal(req)
		if errors.Is(err, esprim.ErrNoRand) {
			if err = p.fetch(ctx); err == nil {
				text, call, err = p.originator.Seal(req)
			}
		}
		if err != nil {
			return nil, err
		}
		outer, err := p.notify(ctx, onem2m.NewESPrimInfo(text), req)
		if err != nil {
			return nil, err
		}
		if outer.Content != nil && outer.Content.Name == onem2m.SecurityInfoName {
			return opened(call, outer.Content)
		}
		last = outerError(outer)
		if again := p.originator.Forget(outer.Code); !again || req.Operation != onem2m.Retrieve {
			break
		}
	}
	return nil, last
}

// opened is the inner response in an outer one, whatever the code of that.
func opened(call *esprim.Call, content *onem2m.Content) (*onem2m.Response, error) {
	info, err := onem2m.SecurityInfoOf(content)
	if err != nil || info.SIT != onem2m.SecurityESPrim {
		return nil, esprim.ErrDiscarded
	}
	object, err := info.ESPrim()
	if err != nil {
		return nil, esprim.ErrDiscarded
	}
	return call.Open(object)
}

func outerError(res *onem2m.Response) error {
	e := &OuterError{Code: res.Code, Text: onem2m.StatusName(res.Code)}
	if res.Content != nil && res.Content.Name == "m2m:dbg" {
		if debug, ok := onem2m.TextOf(res.Content.Value); ok {
			e.Text += ": " + debug
		}
	}
	return e
}

// fetch asks for a receiver rand object of our own (TS-0004 clause 7.5.1.2.11,
// E-44).
func (p *protection) fetch(ctx context.Context) error {
	res, err := p.notify(ctx, onem2m.SecurityInfo{SIT: onem2m.SecurityRandRequest}, &onem2m.Request{})
	if err != nil {
		return err
	}
	if !res.Code.Success() {
		return outerError(res)
	}
	info, err := onem2m.SecurityInfoOf(res.Content)
	if err != nil || info.SIT != onem2m.SecurityRandResponse {
		return errors.New("the target was asked for a rand object and gave none")
	}
	return p.originator.Learn(info.RandObject)
}

// notify sends security information in an outer request, with the parameters
// that it has of the inner one (E-84).
func (p *protection) notify(ctx context.Context, info onem2m.SecurityInfo, inner *onem2m.Request) (*onem2m.Response, error) {
	return p.outer.Do(ctx, &onem2m.Request{
		Operation: onem2m.Notify, To: p.to, Content: info.Content(),
		RequestExpiration: inner.RequestExpiration, ResultExpiration: inner.ResultExpiration,
		EventCategory: inner.EventCategory, DeliveryAggregate: inner.DeliveryAggregate,
	})
}

// Capabilities are what an entity says it can do end to end (e2eSecInfo).
type Capabilities struct {
	Features []int64        // m2m:suid values; 13, 23, 33 and 43 stand for ESPrim
	Rand     jsontext.Value // receiver rand object for everybody; nil: ask for one
}

// ESPrim reports whether it takes protected requests (E-18).
func (c Capabilities) ESPrim() bool {
	for _, f := range c.Features {
		switch f {
		case 13, 23, 33, 43:
			return true
		}
	}
	return false
}

// EndToEnd retrieves what a <CSEBase>, <remoteCSE> or <AE> says of itself. What
// it says proves nothing: only the key does.
func (c *Client) EndToEnd(ctx context.Context, to string) (Capabilities, error) {
	r, err := c.resource(ctx, &onem2m.Request{Operation: onem2m.Retrieve, To: to, Attributes: []string{"esi"}})
	if err != nil {
		return Capabilities{}, err
	}
	info, ok := r.Object.Object("esi")
	if !ok {
		return Capabilities{}, nil
	}
	var can Capabilities
	can.Features, _ = info.Ints("esf")
	can.Rand = info.Get("esro")
	return can, nil
}
