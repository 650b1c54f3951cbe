package shell

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// token does `bulwark ae token`: it asks a Dynamic Authorization Server.
func token(ctx context.Context, r cli.AERequest, out io.Writer) error {
	q, url, err := tokenQuestion(r)
	if err != nil {
		return err
	}
	d, err := client.NewDAS(client.Options{URL: url, CA: r.CA, Cert: r.Cert, Key: r.Key})
	if err != nil {
		return err
	}
	defer d.Close()
	answer, err := d.Token(ctx, *q)
	if err != nil {
		return err
	}
	signatures, err := sign(ctx, d, r, answer)
	if err != nil {
		return err
	}
	return printToken(out, r, answer, signatures)
}

// tokenQuestion makes the question of what the command was given, and finds out
// where it goes.
func tokenQuestion(r cli.AERequest) (q *client.TokenQuestion, url string, err error) {
	t := r.Token
	q, url = &client.TokenQuestion{IDsOnly: t.IDsOnly, AuthorSign: t.Sign}, t.URL
	if t.Request == nil {
		q.Request, err = requestOf(r)
		return q, url, err
	}
	value, err := wire.Canonical(t.Request, wire.Limits{})
	if err != nil {
		return nil, "", err
	}
	info, err := tokenRequestInfo(value)
	if err != nil {
		return nil, "", err
	}
	entry := info[0]
	if len(info) > 1 && url == "" {
		return nil, "", errors.New("the request names several servers; say which with --das")
	}
	for _, one := range info {
		if one.URI == url {
			entry = one
		}
	}
	if url == "" {
		url = entry.URI
	}
	if q.Secured = entry.Secured; entry.Request != nil {
		q.Request = entry.Request.Value()
	}
	return q, url, nil
}

// tokenRequestInfo reads Token Request Information as a response has it, with or
// without its root element (C-25).
func tokenRequestInfo(value jsontext.Value) (onem2m.TokenRequestInfo, error) {
	if o, err := onem2m.ParseObject(value); err == nil && len(o) == 1 && (o[0].Name == "m2m:tqf" || o[0].Name == "tqf") {
		value = o[0].Value
	}
	return onem2m.ParseTokenRequestInfo(value)
}

// requestOf makes a request of the flags, for whoever the certificate names.
func requestOf(r cli.AERequest) (jsontext.Value, error) {
	leaf, err := certificateOf(r.Cert)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Cert, err)
	}
	holder, ok := aeOf(leaf)
	if !ok {
		return nil, fmt.Errorf("%s: the certificate names no AE-ID", r.Cert)
	}
	m := onem2m.DASRequest{Originator: holder, Target: r.Token.Resource}
	for name, op := range map[string]onem2m.Operation{
		"create": onem2m.Create, "retrieve": onem2m.Retrieve, "update": onem2m.Update, "delete": onem2m.Delete, "notify": onem2m.Notify,
	} {
		if name == r.Token.Operation {
			m.Operation = op
		}
	}
	if m.Operation == 0 {
		return nil, fmt.Errorf("%q is none of create, retrieve, update, delete, notify", r.Token.Operation)
	}
	cse, form, err := (onem2m.Home{}).ParseID(r.Token.CSE)
	if err != nil || form != onem2m.FormAbsolute {
		return nil, fmt.Errorf("%q is no absolute CSE-ID, such as //m2m.example/id-in", r.Token.CSE)
	}
	switch {
	case len(m.Target) > 2 && m.Target[:2] == "//":
	case len(m.Target) > 1 && m.Target[0] == '/':
		m.Target = cse.SP() + m.Target
	default:
		m.Target = string(cse) + "/" + m.Target
	}
	return m.Value(), nil
}

// certificateOf reads the first certificate of a PEM file.
func certificateOf(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// aeOf returns the absolute AE-ID in a certificate.
func aeOf(leaf *x509.Certificate) (string, bool) {
	for _, u := range leaf.URIs {
		if u.Host != "" && u.Path != "" {
			return "//" + u.Host + u.Path, true
		}
	}
	return "", false
}

// sign signs what was given with the key of the certificate, for the record of
// the authorization relationship, when that was asked for.
func sign(ctx context.Context, d *client.DAS, r cli.AERequest, answer *client.TokenAnswer) ([]string, error) {
	if !r.Token.Sign {
		return nil, nil
	}
	m := &onem2m.RelationRequest{Tokens: answer.Tokens}
	signed := answer.Tokens
	if len(signed) == 0 {
		for _, value := range answer.Summaries {
			s, err := onem2m.ParseTokenSummary(value)
			if err != nil {
				return nil, err
			}
			m.TokenIDs = append(m.TokenIDs, s.ID)
		}
		signed = m.TokenIDs
	}
	for _, text := range signed {
		signature, err := client.AuthorSign(r.Key, text)
		if err != nil {
			return nil, err
		}
		m.Signatures = append(m.Signatures, signature)
	}
	return m.Signatures, d.Sign(ctx, m)
}

// printToken prints tokens, or Token-IDs, one a line.
func printToken(out io.Writer, r cli.AERequest, answer *client.TokenAnswer, signatures []string) error {
	if r.Output == "json" {
		text, err := json.Marshal(struct {
			*client.TokenAnswer

			Signatures []string `json:"aus,omitempty"`
		}{answer, signatures}, jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	}
	lines := answer.Tokens
	if len(lines) == 0 {
		for _, value := range answer.Summaries {
			s, err := onem2m.ParseTokenSummary(value)
			if err != nil {
				return err
			}
			lines = append(lines, s.ID)
		}
	}
	for _, line := range append(lines, signatures...) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
