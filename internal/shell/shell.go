// Package shell does what `bulwark ae` is told: it acts as an AE from the
// command line, by way of the SDK.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/onem2m"
	"bulwark/onem2m/wire"
)

// shell is one command.
type shell struct {
	client *client.Client
	r      cli.AERequest
	out    io.Writer
}

// AE does one `bulwark ae` command and prints what came of it.
func AE(ctx context.Context, r cli.AERequest, out io.Writer) error {
	if r.Verb == "token" {
		return token(ctx, r, out)
	}
	c, err := Dial(r.Connection)
	if err != nil {
		return err
	}
	defer c.Close()
	if r.Protection != nil {
		if c, err = protected(c, r); err != nil {
			return err
		}
	}
	s := &shell{client: c, r: r, out: out}
	switch r.Verb {
	case "register":
		return s.register(ctx)
	case "watch":
		return s.watch(ctx)
	case "esdata put":
		return s.put(ctx)
	case "esdata get":
		return s.got(ctx)
	case "escertke":
		return s.agree(ctx)
	}
	req, err := s.request(ctx)
	if err != nil {
		return err
	}
	req.Tokens = r.Tokens
	res, err := c.Do(ctx, req)
	if err != nil {
		return err
	}
	return s.print(res)
}

// Dial makes a client for a connection. Without From it takes the AE-ID-Stem in
// the certificate.
func Dial(n cli.Connection) (*client.Client, error) {
	o := client.Options{URL: n.CSE, From: n.From, CA: n.CA, Cert: n.Cert, Key: n.Key}
	if o.From == "" && n.Cert != "" {
		id, err := identityOf(n.Cert)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Cert, err)
		}
		o.From = id
	}
	return client.New(o)
}

// identityOf reads the AE-ID out of a certificate and returns its stem.
func identityOf(file string) (string, error) {
	cert, err := certificateOf(file)
	if err != nil {
		return "", err
	}
	for _, u := range cert.URIs {
		if at := strings.LastIndexByte(u.Path, '/'); at >= 0 && u.Host != "" {
			return u.Path[at+1:], nil
		}
	}
	return "", errors.New("the certificate names no AE-ID; say who asks with --from")
}

// register registers and prints the AE-ID.
func (s *shell) register(ctx context.Context) error {
	ae, err := s.client.Register(ctx, client.AE{Name: s.r.Name, App: s.r.API})
	if err != nil {
		return err
	}
	if s.r.Output == "json" {
		return s.json(&onem2m.Content{Name: ae.Root, Value: ae.Append(nil)})
	}
	name, _ := ae.Text("rn")
	_, err = fmt.Fprintf(s.out, "registered as %s, resource %s\n", s.client.From(), name)
	return err
}

// request builds the primitive of get, create, update, delete and notify.
func (s *shell) request(ctx context.Context) (*onem2m.Request, error) {
	req := &onem2m.Request{To: s.r.To}
	switch s.r.Verb {
	case "get":
		req.Operation = onem2m.Retrieve
		return req, s.query(req)
	case "delete":
		req.Operation = onem2m.Delete
		return req, nil
	case "create":
		info, err := onem2m.FindType(s.r.Type)
		if err != nil {
			return nil, err
		}
		ty := int64(info.Type)
		req.Operation, req.Type = onem2m.Create, &ty
		return req, s.content(req, info.Root)
	case "update":
		req.Operation = onem2m.Update
		if err := s.content(req, ""); !errors.Is(err, errNoRoot) {
			return req, err
		}
		have, err := s.client.Retrieve(ctx, s.r.To) // its type tells the root element
		if err != nil {
			return nil, err
		}
		return req, s.content(req, have.Root)
	case "notify":
		req.Operation = onem2m.Notify
		return req, s.content(req, "")
	}
	return nil, fmt.Errorf("no such command: %s", s.r.Verb)
}

// query reads parameters as they stand in a URL.
func (s *shell) query(req *onem2m.Request) error {
	if s.r.Query == "" {
		return nil
	}
	var pairs []onem2m.QueryPair
	for part := range strings.SplitSeq(strings.TrimPrefix(s.r.Query, "?"), "&") {
		name, raw, _ := strings.Cut(part, "=")
		pair := onem2m.QueryPair{Name: name}
		for item := range strings.SplitSeq(raw, "+") {
			value, err := url.PathUnescape(item)
			if err != nil {
				return fmt.Errorf("parameter %s: %w", name, err)
			}
			pair.Values = append(pair.Values, value)
		}
		pairs = append(pairs, pair)
	}
	return onem2m.ParseQuery(pairs, req)
}

// errNoRoot says that attributes were given without the type they belong to.
var errNoRoot = errors.New(`the JSON needs its root element, such as {"m2m:cnt":{…}}`)

// content takes the body as it is when it has a root element, else wraps it
// into root, which may be unknown.
func (s *shell) content(req *onem2m.Request, root string) error {
	value, err := wire.Canonical(s.r.Body, wire.Limits{})
	if err != nil {
		return err
	}
	o, err := onem2m.ParseObject(value)
	if err != nil {
		return errors.New("the JSON must be an object")
	}
	if len(o) == 1 && strings.Contains(o[0].Name, ":") {
		req.Content = &onem2m.Content{Name: o[0].Name, Value: o[0].Value}
		return nil
	}
	if root == "" {
		return errNoRoot
	}
	req.Content = &onem2m.Content{Name: root, Value: value}
	return nil
}

// print shows an answer and makes an error of a refusal.
func (s *shell) print(res *onem2m.Response) error {
	if err := client.Failure(res); err != nil {
		if res.TokenRequestInfo != nil { // for bulwark ae token
			err = errors.Join(err, s.json(&onem2m.Content{Name: "m2m:tqf", Value: res.TokenRequestInfo}))
		}
		return err
	}
	if res.Content != nil {
		if err := s.json(res.Content); err != nil {
			return err
		}
	} else if s.r.Output != "json" {
		if _, err := fmt.Fprintf(s.out, "%d %s\n", res.Code, onem2m.StatusName(res.Code)); err != nil {
			return err
		}
	}
	if res.ContentStatus == 1 && s.r.Output != "json" {
		_, err := fmt.Fprintf(s.out, "there is more: ask again with ofst=%d\n", res.ContentOffset)
		return err
	}
	return nil
}

// json prints Content indented for people, compact for programs.
func (s *shell) json(content *onem2m.Content) error {
	value := jsontext.Value(content.Append(nil))
	if s.r.Output != "json" {
		if err := value.Indent(jsontext.WithIndent("  ")); err != nil {
			return err
		}
	}
	_, err := s.out.Write(append(value, '\n'))
	return err
}
