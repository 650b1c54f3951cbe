package dasserver

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/e2e/esdata"
	"bulwark/internal/binding/httpb"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/identity"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// maxBody bounds what an originator sends in octets: a request with a token or
// some signatures.
const maxBody = 256 << 10

// endpoints are what the listener serves besides oneM2M, by path. How an
// originator and a server talk is not for oneM2M to say (TS-0003 clause
// 7.3.2.3); package client has the other side.
func (s *Server) endpoints() map[string]http.Handler {
	return map[string]http.Handler{
		client.TokenPath:     s.endpoint(http.MethodPost, s.inTurn(s.giveToken)),
		client.SignaturePath: s.endpoint(http.MethodPost, s.inTurn(s.keepSignatures)),
		client.HolderPath:    s.endpoint(http.MethodPost, s.inTurn(s.moveHolder)),
		client.KeysPath:      s.endpoint(http.MethodGet, s.inTurn(s.giveKeys)),
		client.RevokedPath:   s.endpoint(http.MethodGet, s.giveRevoked), // who waits takes no turn
	}
}

// exchange is one request to an endpoint.
type exchange struct {
	*http.Request

	from *identity.Association
	body jsontext.Value // canonical; nil for GET
}

// endpoint makes a handler: method, body and answer are the same for all.
func (s *Server) endpoint(method string, serve func(exchange) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		x := exchange{Request: r, from: httpb.AssociationOf(r.Context())}
		answer, err := any(nil), error(nil)
		if method == http.MethodPost {
			x.body, err = readBody(w, r)
		}
		if err == nil {
			answer, err = serve(x)
		}
		s.reply(w, r, answer, err)
	})
}

// inTurn makes serve wait until it is the turn of who has sent the request.
func (s *Server) inTurn(serve func(exchange) (any, error)) func(exchange) (any, error) {
	return func(x exchange) (any, error) {
		leave, err := s.turns.enter(x.Context(), x.from)
		if err != nil {
			return nil, err
		}
		defer leave()
		return serve(x)
	}
}

func readBody(w http.ResponseWriter, r *http.Request) (jsontext.Value, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", "the body is too large, or did not arrive")
	}
	return wire.Canonical(body, wire.Limits{Size: maxBody})
}

// reply writes an answer, or of an error the code and what its sender may know.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		e := onem2m.AsError(err)
		s.log.InfoContext(r.Context(), "a request is refused", "path", r.URL.Path, "code", int(e.Code), "reason", e.Text)
		status = e.Code.HTTP()
		answer = client.EndpointError{Code: int(e.Code), Text: e.Debug()}
	}
	var text []byte
	switch a := answer.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case jsontext.Value:
		text = a
	default:
		if text, err = json.Marshal(answer); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.Copy(w, bytes.NewReader(text)) // the peer may be gone
}

// originator returns who has come: the one identity in the certificate.
func (x exchange) originator() (das.Asker, error) {
	if x.from == nil || len(x.from.IDs) != 1 {
		return das.Asker{}, onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "", "the certificate names no AE-ID or CSE-ID")
	}
	return das.Asker{ID: x.from.IDs[0], CSE: x.from.Kind == identity.KindCSE, Credential: x.from.CredentialID}, nil
}

// giveToken is the token endpoint (F-2 step 3).
func (s *Server) giveToken(x exchange) (any, error) {
	from, err := x.originator()
	if err != nil {
		return nil, err
	}
	var q client.TokenQuestion
	if err := json.Unmarshal(x.body, &q, json.RejectUnknownMembers(true)); err != nil || (q.Request == nil) == (q.Secured == "") {
		return nil, onem2m.Errorf(onem2m.BadRequest, "pc", `an object with "dreq" or "sdr", and perhaps "asi" and "ids"`)
	}
	var m *onem2m.DASRequest
	if q.Secured != "" {
		m, err = s.das.Open(x.Context(), q.Secured)
	} else {
		m, err = onem2m.ParseDASRequest(q.Request)
	}
	if err != nil {
		return nil, err
	}
	award, err := s.das.Indirect(x.Context(), from, m)
	if err != nil {
		return nil, err
	}
	if award.Entry == nil {
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "nothing is granted")
	}
	summary := onem2m.TokenSummary{
		ID: award.Entry.ID, NotBefore: award.Entry.Issued, NotAfter: award.Entry.NotAfter,
		Name: award.Entry.Grant, Audience: []string{string(award.Entry.Audience)},
	}
	out := client.TokenAnswer{Summaries: []jsontext.Value{summary.Value()}, SignRequest: q.AuthorSign}
	if !q.IDsOnly {
		out.Tokens = []string{award.Token}
	}
	return out, nil
}

// keepSignatures takes the signatures of an originator over its tokens (F-2 step
// 4). Without a key in the policy they verify with that of its certificate.
func (s *Server) keepSignatures(x exchange) (any, error) {
	from, err := x.originator()
	if err != nil {
		return nil, err
	}
	m, err := onem2m.ParseRelationRequest(x.body)
	if err != nil {
		return nil, err
	}
	own, err := certificateKey(x.TLS.PeerCertificates)
	if err != nil {
		return nil, err
	}
	return nil, s.das.Record(x.Context(), "", from.ID, own, m)
}

// certificateKey makes the key that verifies signatures of who has come.
func certificateKey(chain []*x509.Certificate) (*esdata.Key, error) {
	if len(chain) == 0 {
		return nil, onem2m.Errorf(onem2m.OriginatorNotAuthenticated, "", "there is no certificate")
	}
	key, err := esdata.SourceCertificate("certificate", esdata.ES256, chain[0])
	if errors.Is(err, esdata.ErrKey) {
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "the certificate is not one for signatures")
	}
	return key, err
}

// giveKeys publishes the public keys.
func (s *Server) giveKeys(x exchange) (any, error) {
	set, err := s.das.JWKS(x.Context())
	return jsontext.Value(set), err
}

// giveRevoked tells a CSE what does not count any more of what was granted for it,
// and until when that matters: at once, or with the tag of an earlier answer as
// "since" when something has changed.
func (s *Server) giveRevoked(x exchange) (any, error) {
	from, err := x.originator()
	if err != nil {
		return nil, err
	}
	if !from.CSE {
		return nil, onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "", "a CSE asks for the revoked tokens that are for it")
	}
	since := x.URL.Query().Get("since")
	patience := time.NewTimer(client.RevokedWait)
	defer patience.Stop()
	for {
		changed := s.news.wait()
		answer, err := s.inTurn(func(x exchange) (any, error) {
			list, err := s.das.Revoked(x.Context(), from.ID)
			return revokedTokens(list), err
		})(x)
		if err != nil {
			return nil, err
		}
		if out, ok := answer.(client.RevokedTokens); ok && out.Tag != since {
			return out, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return answer, nil
		case <-x.Context().Done():
			return nil, x.Context().Err()
		case <-s.ending:
			return answer, nil
		}
	}
}

// revokedTokens writes the list for a CSE, the latest first.
func revokedTokens(list []das.Entry) client.RevokedTokens {
	out := client.RevokedTokens{Tokens: []client.RevokedToken{}}
	tag := sha256.New()
	for _, i := range slices.Backward(das.Items(list)) {
		one := client.RevokedToken{ID: i.TokenID, Until: i.Until.String(), Originator: i.Originator, Target: i.Target, Because: i.Because}
		_, _ = io.WriteString(tag, one.ID+" "+one.Until+"\n") // it takes everything
		out.Tokens = append(out.Tokens, one)
	}
	out.Tag = base64.RawURLEncoding.EncodeToString(tag.Sum(nil))
	return out
}
