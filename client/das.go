package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Paths of a Dynamic Authorization Server of Bulwark for originators and CSEs
// that come themselves. oneM2M says nothing of how they talk (TS-0003 clause
// 7.3.2.3).
const (
	TokenPath     = "/das/token"      // POST: a token for a request that was refused
	SignaturePath = "/das/signatures" // POST: signatures over tokens, m2m:dynAuthRelMapRequest
	HolderPath    = "/das/holder"     // POST: a token follows its holder to a new AE-ID, m2m:dynAuthRelMapRequest
	KeysPath      = "/das/jwks"       // GET: the public keys of the server
	RevokedPath   = "/das/revoked"    // GET: the revoked tokens for the CSE that asks
)

// TokenQuestion is what an originator brings to the token endpoint: what a CSE
// gave it in Token Request Information, plain or secured.
type TokenQuestion struct {
	Request    jsontext.Value `json:"dreq,omitzero"` // m2m:dynAuthDasRequest
	Secured    string         `json:"sdr,omitzero"`  // the same, encrypted for the server
	AuthorSign bool           `json:"asi,omitzero"`  // the originator is able to sign its tokens
	IDsOnly    bool           `json:"ids,omitzero"`  // Token-IDs are enough: the CSE fetches the tokens
}

// TokenAnswer is what the server gives for it.
type TokenAnswer struct {
	Tokens      []string         `json:"tkns,omitempty"`
	Summaries   []jsontext.Value `json:"summaries"`     // m2m:dynAuthTokenSummary of each token
	SignRequest bool             `json:"asri,omitzero"` // the server wants signatures over the tokens
}

// RevokedWait is how long a server waits for a change of the list at RevokedPath
// when it is asked for one with "since", the tag of an earlier list.
const RevokedWait = 20 * time.Second

// RevokedTokens is the list at RevokedPath.
type RevokedTokens struct {
	Tokens []RevokedToken `json:"revoked"`
	Tag    string         `json:"tag,omitempty"` // of this list; "" if the server waits for no change
}

// RevokedToken is a token that does not count any more, or rules that don't.
type RevokedToken struct {
	ID         string    `json:"tkid"`
	Until      string    `json:"until"`          // when it ends anyway, m2m:timestamp
	Originator onem2m.ID `json:"or,omitempty"`   // whom it was granted to
	Target     string    `json:"trid,omitempty"` // the resource that the CSE may have been given rules for
	Because    string    `json:"why,omitempty"`  // for people
}

// EndpointError is the body of a refusal.
type EndpointError struct {
	Code int    `json:"rsc"`
	Text string `json:"error"`
}

// maxEndpoint bounds an answer of a server in octets: a list of revoked tokens
// is the longest.
const maxEndpoint = 4 << 20

// DAS is a client of a Dynamic Authorization Server. It may be used by many
// goroutines.
type DAS struct {
	client *Client
	base   *url.URL
}

// NewDAS returns a client of the server at the origin of o.URL, whatever its
// path; the certificate in o proves who asks. It makes no connection yet.
func NewDAS(o Options) (*DAS, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(o.URL)
	if err != nil || base.Scheme != "https" {
		return nil, fmt.Errorf("the address of the server, %q, isn't an https URL", o.URL)
	}
	return &DAS{client: c, base: &url.URL{Scheme: base.Scheme, Host: base.Host}}, nil
}

// Close closes idle connections.
func (d *DAS) Close() { d.client.Close() }

// Token asks for a token. A refusal is an *onem2m.Error.
func (d *DAS) Token(ctx context.Context, q TokenQuestion) (*TokenAnswer, error) {
	out := &TokenAnswer{}
	if err := d.do(ctx, http.MethodPost, TokenPath, q, out); err != nil {
		return nil, err
	}
	return out, nil
}

// TokenFor asks the server for a token with the Token Request Information of a
// refusal (F-2): with the entry for this server, or else the only one there is.
func (d *DAS) TokenFor(ctx context.Context, info onem2m.TokenRequestInfo, idsOnly bool) (*TokenAnswer, error) {
	entry, err := d.entry(info)
	if err != nil {
		return nil, err
	}
	q := TokenQuestion{Secured: entry.Secured, IDsOnly: idsOnly}
	if entry.Request != nil {
		q.Request = entry.Request.Value()
	}
	return d.Token(ctx, q)
}

// entry chooses the server's entry.
func (d *DAS) entry(info onem2m.TokenRequestInfo) (*onem2m.DASInfo, error) {
	for i := range info {
		if u, err := url.Parse(info[i].URI); err == nil && u.Host == d.base.Host {
			return &info[i], nil
		}
	}
	if len(info) == 1 {
		return &info[0], nil
	}
	return nil, errors.New("the token request information has no entry for this server")
}

// Sign hands over signatures over tokens, one for each in the order of the
// message, for the record of the authorization relationship (F-2 step 4).
func (d *DAS) Sign(ctx context.Context, m *onem2m.RelationRequest) error {
	return d.do(ctx, http.MethodPost, SignaturePath, m.Value(), nil)
}

// Move asks that a token be taken for that of this originator, which had another
// AE-ID when the token was made out (F-5): with one token or Token-ID, and the
// signature that was recorded for it. The server tells the CSE.
func (d *DAS) Move(ctx context.Context, m *onem2m.RelationRequest) error {
	return d.do(ctx, http.MethodPost, HolderPath, m.Value(), nil)
}

// Keys fetches the public keys of the server, a JSON Web Key Set.
func (d *DAS) Keys(ctx context.Context) (jsontext.Value, error) {
	var set jsontext.Value
	err := d.do(ctx, http.MethodGet, KeysPath, nil, &set)
	return set, err
}

// Revoked fetches what was revoked and is for the CSE which asks. With the tag of
// an earlier list it returns when there is another one, or after RevokedWait.
func (d *DAS) Revoked(ctx context.Context, since string) (*RevokedTokens, error) {
	path, wait := RevokedPath, time.Duration(0)
	if since != "" {
		path, wait = path+"?since="+url.QueryEscape(since), RevokedWait
	}
	list := &RevokedTokens{}
	if err := d.exchange(ctx, http.MethodGet, path, nil, list, wait); err != nil {
		return nil, err
	}
	return list, nil
}

// do makes one exchange.
func (d *DAS) do(ctx context.Context, method, path string, question, answer any) error {
	return d.exchange(ctx, method, path, question, answer, 0)
}

// exchange is do with a server that may wait before it answers.
func (d *DAS) exchange(ctx context.Context, method, path string, question, answer any, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d.client.timeout+wait)
	defer cancel()
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return fmt.Errorf("write the question: %w", err)
		}
		body = bytes.NewReader(text)
	}
	path, query, _ := strings.Cut(path, "?")
	at := d.base.JoinPath(path)
	at.RawQuery = query
	hr, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return err
	}
	if body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	res, err := d.client.HTTP(hr)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // the answer has been read, or is given up
	text, err := io.ReadAll(io.LimitReader(res.Body, maxEndpoint+1))
	if err == nil && len(text) > maxEndpoint {
		err = errors.New("it is too large")
	}
	if err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	switch {
	case res.StatusCode == http.StatusNoContent && answer == nil:
		return nil
	case res.StatusCode != http.StatusOK:
		return refusal(res.StatusCode, text)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return nil
}

// refusal makes an error of an answer that is none.
func refusal(status int, body []byte) error {
	var e EndpointError
	if json.Unmarshal(body, &e) != nil || e.Code == 0 {
		return fmt.Errorf("it answers with status %d, not as a Dynamic Authorization Server does", status)
	}
	return &onem2m.Error{Code: onem2m.StatusCode(e.Code), Text: e.Text}
}

// AuthorSign signs a token, or the Token-ID of one that is not at hand, with the
// private key in a PEM file: the signature for DAS.Sign and for the requests
// that follow (TS-0003 clause 7.3.2.2). An originator keeps it: made again it
// would be another one.
func AuthorSign(keyFile, tokenOrID string) (string, error) {
	key, err := signingKey(keyFile)
	if err != nil {
		return "", fmt.Errorf("%s: %w", keyFile, err)
	}
	octets, err := key.Sign([]byte(tokenOrID))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(octets), nil
}

// signingKey reads the private key of a certificate.
func signingKey(file string) (*esdata.Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM key")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if private, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			return nil, errors.New("no private key of an elliptic curve") // the cause may repeat it
		}
	}
	return esdata.NewPrivate("certificate", esdata.ES256, private)
}
