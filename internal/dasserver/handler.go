package dasserver

import (
	"context"
	"slices"

	"bulwark/internal/identity"
	"bulwark/onem2m"
)

// Handle answers a primitive: a notification with security information from a
// CSE. It implements httpb.Handler.
func (s *Server) Handle(ctx context.Context, a *identity.Association, req *onem2m.Request) *onem2m.Response {
	content, err := s.answer(ctx, a, req)
	res := &onem2m.Response{Code: onem2m.OK, RequestID: req.RequestID, Release: req.Release, Content: content, From: string(s.self.ID), To: req.From}
	if err != nil {
		e := onem2m.AsError(err)
		s.log.InfoContext(ctx, "a request is refused", "fr", req.From, "code", int(e.Code), "reason", e.Text)
		res.Code, res.Content = e.Code, nil
	}
	return res
}

// answer finds out who asks what.
func (s *Server) answer(ctx context.Context, a *identity.Association, req *onem2m.Request) (*onem2m.Content, error) {
	if req.RequestID == "" {
		return nil, onem2m.Errorf(onem2m.BadRequest, "rqi", "missing")
	}
	cse, err := s.asker(a, req)
	if err != nil {
		return nil, err
	}
	if req.Operation != onem2m.Notify {
		return nil, onem2m.Errorf(onem2m.OperationNotAllowed, "op", "this server takes notifications only")
	}
	info, err := onem2m.SecurityInfoOf(req.Content)
	if err != nil {
		return nil, err
	}
	leave, err := s.turns.enter(ctx, a)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch info.SIT {
	case onem2m.SecurityDasRequest:
		return s.consulted(ctx, cse, info)
	case onem2m.SecurityRelMapRequest:
		return s.related(ctx, cse, info)
	default:
		return nil, onem2m.Errorf(onem2m.NotImplemented, "sit", "this server doesn't serve type %d", info.SIT)
	}
}

// asker returns the CSE that asks: the one whose certificate the connection
// has, or another one when that passes on what others ask. Its word decides who
// gets what, so nobody else is believed.
func (s *Server) asker(a *identity.Association, req *onem2m.Request) (onem2m.ID, error) {
	if a == nil || a.Kind != identity.KindCSE || len(a.IDs) != 1 {
		return "", onem2m.Errorf(onem2m.SecurityAssociationRequired, "fr", "a CSE asks, over its own connection")
	}
	peer := a.IDs[0]
	from, form, err := (onem2m.Home{SP: peer.SP(), CSE: peer.SPRelative()}).ParseID(req.From)
	switch {
	case err != nil || form == onem2m.FormStem || from.Registrar() != "":
		return "", onem2m.Errorf(onem2m.BadRequest, "fr", "not a CSE-ID")
	case from == peer, slices.Contains(s.cfg.DAS.Forwarders, string(peer)):
		return from, nil
	}
	return "", onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "fr", "the certificate is that of another CSE")
}

// consulted answers a dasRequest (F-1 step 4, F-3 step 3).
func (s *Server) consulted(ctx context.Context, cse onem2m.ID, info onem2m.SecurityInfo) (*onem2m.Content, error) {
	m, err := onem2m.ParseDASRequest(info.DasRequest)
	if err != nil {
		return nil, err
	}
	out, err := s.das.Direct(ctx, cse, m)
	if err != nil || out == nil {
		return nil, err // without Content nothing is granted
	}
	return onem2m.SecurityInfo{SIT: onem2m.SecurityDasResponse, DasResponse: out.Value()}.Content(), nil
}

// related answers a message about relationships: the question for signatures
// (F-4), or signatures to keep (F-1 step 9).
func (s *Server) related(ctx context.Context, cse onem2m.ID, info onem2m.SecurityInfo) (*onem2m.Content, error) {
	m, err := onem2m.ParseRelationRequest(info.DynAuthRelMapRequest)
	if err != nil {
		return nil, err
	}
	if len(m.Signatures) == 0 && m.SignRequest != nil && *m.SignRequest {
		out, err := s.das.Signatures(ctx, cse, m)
		if err != nil {
			return nil, err
		}
		return onem2m.SecurityInfo{SIT: onem2m.SecurityRelMapResponse, DynAuthRelMapResponse: out.Value()}.Content(), nil
	}
	originator, _, err := (onem2m.Home{SP: cse.SP(), CSE: cse.SPRelative()}).ParseID(m.Originator)
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "or", "not an AE-ID")
	}
	return nil, s.das.Record(ctx, cse, originator, nil, m)
}
