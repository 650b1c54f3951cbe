package cse

import (
	"context"

	"bulwark/onem2m"
)

// KeyExchange is the Terminating End-Point of an ESCertKE for the CSE (TS-0003
// clause 8.7.2).
type KeyExchange interface {
	// Exchange takes message 1 or 3 of the initiator from and returns the message
	// that answers it. Its errors are the codes of E-109; one that is no
	// *onem2m.Error becomes 5000.
	Exchange(ctx context.Context, from onem2m.ID, message []byte) ([]byte, error)
}

// startsSecurity reports whether the built-in rule of the <CSEBase> admits the
// notification: what starts an exchange that authenticates by itself may come
// from anybody (E-07), and signatures over tokens from whoever is authenticated:
// the CSE asks for them itself (TS-0003 clause 7.3.2.2 steps 5 to 7, A-202). The
// rule reads the root element and the type, nothing else. A policy that the
// operator has configured takes its place.
func (k *call) startsSecurity() bool {
	if k.c.basePolicy != nil || k.from.ID == "" {
		return false
	}
	switch onem2m.PeekSecurityInfoType(k.req.Content) {
	case onem2m.SecurityRandRequest, onem2m.SecurityESPrim, onem2m.SecurityESCertKE:
		return true
	case onem2m.SecurityRelMapRequest:
		return k.from.Authenticated && len(k.c.Servers) > 0
	default:
		return false
	}
}

// acceptDot takes "." for the <CSEBase> where security information goes to it:
// TS-0001 clause 11.4.2 writes it so, and clause 7.2 no longer does (E-83).
func (k *call) acceptDot() {
	if path := k.address.Path; len(path) == 1 && path[0] == "." && k.req.Content.Name == onem2m.SecurityInfoName {
		k.address.Path = []string{"-"}
	}
}

// secure serves security information that is for the CSE itself (E-03). Whether
// the originator may send it has been decided.
func (k *call) secure(ctx context.Context) (*onem2m.Response, error) {
	info, err := onem2m.SecurityInfoOf(k.req.Content)
	switch {
	case err != nil:
		return nil, err
	case !info.SIT.Asks():
		return nil, onem2m.Errorf(onem2m.BadRequest, "sit", "this type is for responses") // E-10
	}
	if err := k.begin(ctx, true); err != nil {
		return nil, err
	}
	var answer onem2m.SecurityInfo
	switch info.SIT {
	case onem2m.SecurityRandRequest:
		return k.offerRand()
	case onem2m.SecurityESPrim:
		return k.openProtected(ctx, info)
	case onem2m.SecurityESCertKE:
		answer, err = k.exchangeKey(ctx, info)
	case onem2m.SecurityRelMapRequest:
		return k.mapRelationship(ctx, info)
	default: // type 1 is for a Dynamic Authorization System
		err = onem2m.Errorf(onem2m.NotImplemented, "sit", "this CSE doesn't serve type %d", info.SIT)
	}
	if err != nil {
		return nil, err
	}
	return &onem2m.Response{Code: onem2m.OK, Content: answer.Content()}, nil // E-11
}

// exchangeKey serves a message of an ESCertKE.
func (k *call) exchangeKey(ctx context.Context, info onem2m.SecurityInfo) (onem2m.SecurityInfo, error) {
	if k.c.KeyExchange == nil {
		return onem2m.SecurityInfo{}, onem2m.Errorf(onem2m.NotImplemented, "sit", "this CSE agrees on no keys by certificate")
	}
	message, err := info.ESCertKE()
	if err != nil {
		return onem2m.SecurityInfo{}, err
	}
	answer, err := k.c.KeyExchange.Exchange(ctx, k.from.ID, message)
	if err != nil {
		return onem2m.SecurityInfo{}, err
	}
	return onem2m.NewESCertKEInfo(answer), nil
}

// mapRelationship serves a notification about the relationship between tokens
// and who holds them, of an authenticated originator alone.
func (k *call) mapRelationship(ctx context.Context, info onem2m.SecurityInfo) (*onem2m.Response, error) {
	if len(k.c.Servers) == 0 {
		return nil, onem2m.Errorf(onem2m.NotImplemented, "sit", "this CSE knows no Dynamic Authorization Server")
	}
	if !k.from.Authenticated {
		return nil, k.strange("relationships of tokens are told by authenticated originators")
	}
	darq, err := onem2m.ParseRelationRequest(info.DynAuthRelMapRequest)
	if err != nil {
		return nil, err
	}
	return k.record(ctx, darq)
}
