package client

import (
	"context"
	"errors"
	"fmt"

	"bulwark/e2e/escertke"
	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Agreement says with whom a key is established by certificate.
type Agreement struct {
	Peer onem2m.ID // absolute AE-ID or CSE-ID that the certificate of the other end has to prove
	To   string    // where it is notified; "" for the address that follows from its identity
	CA   string    // PEM file of the anchors that vouch for its certificate; "" for Options.CA

	Domain string // domain name in the certificate of a CSE; "" for the one that follows from its CSE-ID
}

// AgreeKey runs the End-to-End Certificate-based Key Establishment (TS-0003
// clause 8.7) with another AE or CSE, through whatever CSEs are on the way, and
// returns the key that both then have and nobody else. The client shows the
// certificate of Options; the other end has to be configured to accept its
// identity. A refusal of the other end or of a CSE is an *onem2m.Error.
func (c *Client) AgreeKey(ctx context.Context, with Agreement) (*escertke.Key, error) {
	end, err := c.end(with)
	if err != nil {
		return nil, err
	}
	to := with.To
	if to == "" {
		to = with.Peer.NotifyAddress()
	}
	return escertke.Initiate(ctx, end, with.Peer, func(ctx context.Context, message []byte) ([]byte, error) {
		res, err := c.ask(ctx, &onem2m.Request{Operation: onem2m.Notify, To: to, Content: onem2m.NewESCertKEInfo(message).Content()})
		if err != nil {
			return nil, err
		}
		info, err := onem2m.SecurityInfoOf(res.Content)
		if err != nil || info.SIT != onem2m.SecurityESCertKE {
			return nil, fmt.Errorf("%w: the answer holds none", escertke.ErrMessage)
		}
		return info.ESCertKE()
	})
}

// end is this client as an end of a handshake with the peer of an agreement.
func (c *Client) end(with Agreement) (escertke.End, error) {
	if c.files.Cert == "" || c.files.Key == "" {
		return escertke.End{}, errors.New("a key is established by certificate, and the client has none")
	}
	ca := with.CA
	if ca == "" {
		ca = c.files.CA
	}
	if with.Peer.SP() == "" || ca == "" {
		return escertke.End{}, errors.New("the peer of a key establishment is an absolute AE-ID or CSE-ID, and a file of anchors vouches for it")
	}
	own, err := identity.LoadKeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return escertke.End{}, fmt.Errorf("own certificate: %w", err)
	}
	cfg := identity.TrustConfig{
		Home:    onem2m.Home{SP: with.Peer.SP()}, // the names of CSEs are read as those of the peer's provider
		Anchors: []identity.Anchor{{CA: ca, Flavours: identity.FlavourAE | identity.FlavourCSE}},
	}
	if with.Domain != "" {
		cfg.Peers = []identity.Peer{{ID: with.Peer, DNS: with.Domain}}
	}
	trust, err := identity.NewTrust(cfg)
	if err != nil {
		return escertke.End{}, fmt.Errorf("anchors of the peer: %w", err)
	}
	return escertke.End{Certificate: own.Certificate, Trust: trust}, nil
}
