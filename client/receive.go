package client

import (
	"context"
	"time"

	"bulwark/e2e/esprim"
	"bulwark/onem2m"
)

// NewReceiver makes the receiving side of ESPrim for an AE: protections are the
// AEAD algorithms on offer, preferred first, A256GCM by default.
func NewReceiver(self onem2m.ID, keys esprim.Keys, protections ...int64) (*esprim.Receiver, error) {
	return esprim.NewReceiver(esprim.ReceiverOptions{
		Home: onem2m.Home{SP: self.SP(), CSE: self.Registrar().SPRelative()}, Keys: keys, Protections: protections,
	})
}

// Advertise says in an <AE>, at its address, that it takes protected requests,
// by keys that came about as the features say (m2m:suid; 13 is a provisioned
// key), and publishes a rand object for everybody. It has to be repeated at the
// time that it returns.
func (c *Client) Advertise(ctx context.Context, ae string, r *esprim.Receiver, features ...int64) (time.Time, error) {
	rand, again, err := r.Shared()
	if err != nil {
		return time.Time{}, err
	}
	value, err := rand.JSON()
	if err != nil {
		return time.Time{}, err
	}
	info := onem2m.Object{{Name: "esf", Value: onem2m.IntsValue(features)}, {Name: "esro", Value: value}}
	_, err = c.Update(ctx, ae, "m2m:ae", onem2m.Object{{Name: "esi", Value: info.Append(nil)}})
	return again.Time(), err
}

// Handlers are what a Listener does with what arrives. One that is nil refuses
// what it would be for.
type Handlers struct {
	// Notification takes a notification; an error refuses it.
	Notification func(Notification) error

	// Receiver opens protected requests, and Request carries them out: from is who
	// has the key, and the response is protected again. Request may be called by
	// several goroutines at a time.
	Receiver *esprim.Receiver
	Request  func(ctx context.Context, from onem2m.ID, req *onem2m.Request) *onem2m.Response

	// KeyExchange answers those who establish a key by certificate.
	KeyExchange *KeyExchange
}

// secure answers security information that a CSE has passed on to this AE.
func (h *Handlers) secure(ctx context.Context, from string, content *onem2m.Content) (*onem2m.Content, error) {
	info, err := onem2m.SecurityInfoOf(content)
	if err != nil {
		return nil, err
	}
	if info.SIT == onem2m.SecurityESCertKE && h.KeyExchange != nil {
		return h.KeyExchange.answer(ctx, from, info)
	}
	if h.Receiver == nil || h.Request == nil {
		return nil, onem2m.Errorf(onem2m.NotImplemented, "sit", "this AE takes no protected requests")
	}
	switch info.SIT {
	case onem2m.SecurityRandRequest:
		rand, err := h.Receiver.Offer(onem2m.ID(from))
		if err != nil {
			return nil, err
		}
		value, err := rand.JSON()
		return onem2m.SecurityInfo{SIT: onem2m.SecurityRandResponse, RandObject: value}.Content(), err
	case onem2m.SecurityESPrim:
		return h.open(ctx, info)
	default:
		return nil, onem2m.Errorf(onem2m.NotImplemented, "sit", "this AE takes no such security information")
	}
}

// open carries out a protected request.
func (h *Handlers) open(ctx context.Context, info onem2m.SecurityInfo) (*onem2m.Content, error) {
	object, err := info.ESPrim()
	if err != nil {
		return nil, err
	}
	x, err := h.Receiver.Open(ctx, object)
	if err != nil {
		if x == nil {
			return nil, err
		}
		sealed, failed := x.Refuse(onem2m.AsError(err).Code)
		if failed != nil {
			return nil, err
		}
		return onem2m.NewESPrimInfo(sealed).Content(), err
	}
	res := &onem2m.Response{Code: onem2m.BadRequest}
	if x.Fault == nil {
		answer := *h.Request(ctx, x.Originator, x.Request)
		res = &answer
	}
	res.RequestID, res.Release = x.Request.RequestID, x.Request.Release
	sealed, err := x.Seal(res)
	if err != nil {
		return nil, err
	}
	return onem2m.NewESPrimInfo(sealed).Content(), nil
}
