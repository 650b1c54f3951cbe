package dasserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulwark/client"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/identity"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

// renewBefore is how much life the certificate that the development authority
// has issued must have left at a start.
const renewBefore = 90 * 24 * time.Hour

// joinEvery is how often a registration that fails is tried again.
const joinEvery = 5 * time.Second

// member makes the server's AE a client of the CSE that it registers with; nil
// without one.
func (s *Server) member() (*client.Client, error) {
	d := s.cfg.DAS
	if d.Register == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	o := client.Options{URL: d.Register, From: s.self.ID.Stem(), CA: string(s.cfg.Outbound.CA), Cert: string(d.AECert), Key: string(d.AEKey)}
	if o.Cert == "" {
		a, err := pki.Open(string(s.cfg.PKI("")))
		if err != nil {
			return nil, fmt.Errorf("das: there is no ae-cert, and no development authority that could issue one: %w", err)
		}
		o.Cert, o.Key = string(s.cfg.PKI("das.crt")), string(s.cfg.PKI("das.key"))
		own, err := identity.LoadKeyPair(o.Cert, o.Key)
		if err != nil || own.Leaf().NotAfter.Sub(s.o.Now()) < renewBefore {
			if _, err = a.Issue(pki.AE, string(s.self.ID), pki.Options{Out: string(s.cfg.PKI("das")), Replace: true}); err != nil {
				return nil, fmt.Errorf("das: ae-cert: %w", err)
			}
		}
		if o.CA == "" {
			o.CA = a.CAFile()
		}
	}
	c, err := client.New(o)
	if err != nil {
		return nil, fmt.Errorf("das: %w", err)
	}
	return c, nil
}

// appID is the App-ID of the server's AE.
const appID = "Nbulwark.das"

// join registers the AE, again and again until it is registered or ctx ends.
func (s *Server) join(ctx context.Context) {
	ae := client.AE{Name: "das-" + s.self.ID.Stem(), App: appID}
	if s.cfg.DAS.Point != "" {
		ae.Points, ae.Reachable = []string{s.cfg.DAS.Point}, true
	}
	told := false
	for {
		_, err := s.cse.Register(ctx, ae)
		if err == nil || onem2m.AsError(err).Code == onem2m.OriginatorHasAlreadyRegistered {
			s.log.InfoContext(ctx, "the server is registered as an AE", "cse", s.cfg.DAS.Register, "aei", s.cse.From())
			return
		}
		if ctx.Err() == nil && !told {
			s.log.WarnContext(ctx, "the server cannot register as an AE, and tries again", "cse", s.cfg.DAS.Register, "err", err)
		}
		told = true
		select {
		case <-time.After(joinEvery):
		case <-ctx.Done():
			return
		}
	}
}

var errNoMember = errors.New("the server is registered with no CSE")

// rehold tells the CSE who holds a token that it keeps now (F-5 step 4): under
// the name that the CSE has for the <token>.
func (s *Server) rehold(ctx context.Context, e *das.Entry, holder onem2m.ID) error {
	if s.cse == nil {
		return errNoMember
	}
	to := string(e.Audience) + "/-/token-" + strings.ReplaceAll(e.ID, "@", "~")
	_, err := s.cse.Update(ctx, to, "m2m:tk", onem2m.Object{{Name: "tkhd", Value: onem2m.TextValue(string(holder))}})
	return err
}

// moveHolder takes the proof of an originator under a new AE-ID that a token is
// its own, and tells the CSE (F-5 steps 3 to 5).
func (s *Server) moveHolder(x exchange) (any, error) {
	from, err := x.originator()
	if err != nil {
		return nil, err
	}
	m, err := onem2m.ParseRelationRequest(x.body)
	if err != nil {
		return nil, err
	}
	if len(m.Tokens)+len(m.TokenIDs) != 1 || len(m.Signatures) != 1 {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "one token or Token-ID, and one signature")
	}
	text, id := "", ""
	if len(m.Tokens) == 1 {
		text = m.Tokens[0]
	} else {
		id = m.TokenIDs[0]
	}
	e, err := s.das.Prove(x.Context(), from.ID, text, id, m.Signatures[0])
	if err != nil {
		return nil, err
	}
	if err := s.rehold(x.Context(), e, from.ID); err != nil {
		s.log.WarnContext(x.Context(), "a CSE does not take the new holder of a token", "cse", string(e.Audience), "tkid", e.ID, "err", err)
		return nil, onem2m.Errorf(onem2m.TargetNotReachable, "", "the CSE does not take the new holder")
	}
	return nil, nil
}
