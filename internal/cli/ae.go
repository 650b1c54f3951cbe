package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// maxInput bounds a JSON body from standard input in octets: above any body
// that a CSE accepts by default.
const maxInput = 16 << 20

// connectionFlags say how an AE reaches its CSE.
type connectionFlags struct {
	CSE  string `name:"cse" placeholder:"URL" help:"URL of the CSE, such as https://127.0.0.1:8443. Also BULWARK_AE_CSE."`
	CA   string `name:"ca" placeholder:"FILE" help:"PEM file of trust anchors. Also BULWARK_AE_CA."`
	Cert string `name:"cert" placeholder:"FILE" help:"PEM file of the certificate and its chain. Also BULWARK_AE_CERT."`
	Key  string `name:"key" placeholder:"FILE" help:"PEM file of the private key. Also BULWARK_AE_KEY."`
	From string `name:"from" placeholder:"ID" help:"Originator, when it is not the identity in the certificate."`
}

// connection completes the flags from the environment.
func (f connectionFlags) connection(c *call) Connection {
	or := func(flag, name string) string {
		if flag != "" {
			return flag
		}
		return c.getenv(name)
	}
	return Connection{
		CSE: or(f.CSE, "BULWARK_AE_CSE"), CA: or(f.CA, "BULWARK_AE_CA"),
		Cert: or(f.Cert, "BULWARK_AE_CERT"), Key: or(f.Key, "BULWARK_AE_KEY"), From: f.From,
	}
}

type aeCommand struct {
	Connection connectionFlags `embed:""`
	Output     string          `enum:"text,json" default:"text" help:"Form of what is printed: text or json."`
	TokenFile  string          `name:"token-file" placeholder:"FILE" help:"File with tokens to send along, one a line, as bulwark ae token prints them."`

	Register aeRegister `cmd:"" help:"Register as an AE."`
	Get      aeGet      `cmd:"" help:"Retrieve a resource, or discover with a query."`
	Create   aeCreate   `cmd:"" help:"Create a resource."`
	Update   aeUpdate   `cmd:"" help:"Update a resource."`
	Delete   aeDelete   `cmd:"" help:"Delete a resource."`
	Notify   aeNotify   `cmd:"" help:"Send a notification."`
	Watch    aeWatch    `cmd:"" help:"Subscribe to a resource and print what it tells."`
	ESPrim   aeESPrim   `cmd:"" name:"esprim" help:"Do one of these protected from end to end."`
	ESData   aeESData   `cmd:"" name:"esdata" help:"Store and read data that the CSE cannot read."`
	ESCertKE aeESCertKE `cmd:"" name:"escertke" help:"Establish a key with another entity by certificate."`

	Token aeToken `cmd:"" name:"token" help:"Ask a Dynamic Authorization Server for a token."`
}

// Help is the second part of the help page.
func (*aeCommand) Help() string {
	return `The environment variables BULWARK_AE_CSE, BULWARK_AE_CA, BULWARK_AE_CERT and BULWARK_AE_KEY stand for the flags. A target that begins with a hyphen goes behind --. JSON "-" is read from standard input.

Example:

    export BULWARK_AE_CSE=https://127.0.0.1:8443 BULWARK_AE_CA=bulwark-data/pki/ca.crt
    export BULWARK_AE_CERT=lamp.crt BULWARK_AE_KEY=lamp.key
    bulwark ae register --api Nlamp.example.com --rn lamp
    bulwark ae create cse-in/lamp cnt '{"rn":"state"}'
    bulwark ae create cse-in/lamp/state cin '{"con":"on"}'
    bulwark ae get cse-in/lamp/state/la
    bulwark ae watch cse-in/lamp/state`
}

// do completes a request and hands it to the part that sends it.
func (a *aeCommand) do(c *call, r AERequest) error {
	r.Connection, r.Output = a.Connection.connection(c), a.Output
	var err error
	if r.Tokens, err = a.tokens(); err != nil {
		return err
	}
	if a.ESPrim.Target != "" {
		r.Protection = &a.ESPrim.Protection
	}
	switch {
	case r.CSE == "":
		return usagef("no CSE is named: give --cse URL or set BULWARK_AE_CSE")
	case !isURL(r.CSE, "http", "https"):
		return notURL("the address of the CSE", r.CSE)
	case (r.Cert == "") != (r.Key == ""):
		return usagef("--cert and --key go together")
	case c.Parts.AE == nil:
		return config.ErrNotInThisVersion
	}
	return c.Parts.AE(c, r, c.Stdout)
}

// maxTokenFile bounds a file with tokens: far more than a request may have.
const maxTokenFile = 1 << 20

// tokens reads the file of tokens. It is a file since whoever may list the
// processes of a machine sees their arguments.
func (a *aeCommand) tokens() ([]string, error) {
	if a.TokenFile == "" {
		return nil, nil
	}
	f, err := os.Open(a.TokenFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return nil, err
	}
	return readTokens(a.TokenFile, string(text))
}

// readTokens takes the tokens out of a file, one a line. What is no token is not
// sent: the name of another file, that of a private key say, is easily written.
// The text is not repeated for the same reason.
func readTokens(file, text string) ([]string, error) {
	kind := onem2m.TypeByNumber(onem2m.TypeToken).Attribute("tkob")
	var tokens []string
	n := 0
	for line := range strings.Lines(text) {
		n++
		for token := range strings.FieldsSeq(line) {
			if kind.CheckValue(onem2m.TextValue(token)) != nil {
				return nil, fmt.Errorf("--token-file %s: line %d is no token, or a part of one; bulwark ae token prints whole ones", file, n)
			}
			tokens = append(tokens, token)
		}
	}
	if tokens == nil {
		return nil, fmt.Errorf("--token-file %s: there is no token in it; bulwark ae token prints one", file)
	}
	return tokens, nil
}

// argument returns the octets of an argument, or of standard input for "-".
func argument(c *call, text string) ([]byte, error) {
	octets := []byte(text)
	if text == "-" {
		var err error
		if octets, err = io.ReadAll(io.LimitReader(c.Stdin, maxInput+1)); err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
	}
	if len(octets) > maxInput {
		return nil, usagef("the last argument is larger than %d octets", maxInput)
	}
	return octets, nil
}

// body returns the JSON object of an argument, or of standard input for "-".
func body(c *call, given string) ([]byte, error) {
	text, err := argument(c, given)
	switch {
	case err != nil:
		return nil, err
	case !jsontext.Value(text).IsValid():
		return nil, usagef("the last argument is not JSON: %.40q", text)
	case jsontext.Value(text).Kind() != '{':
		return nil, usagef("the last argument is no JSON object, such as {\"lbl\":[\"x\"]}: %.40q", text)
	}
	return text, nil
}

// fileOrInput returns the JSON in a file, or on standard input for "-". It repeats
// nothing of a file that holds something else.
func fileOrInput(c *call, name string) ([]byte, error) {
	if name == "-" {
		return body(c, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxInput:
		return nil, fmt.Errorf("%s is larger than %d octets", name, maxInput)
	case !jsontext.Value(text).IsValid():
		return nil, fmt.Errorf("%s is not JSON", name)
	}
	return text, nil
}

type aeRegister struct {
	API string `name:"api" required:"" placeholder:"APP-ID" help:"App-ID: R and a registered ID, or N and any."`
	RN  string `name:"rn" placeholder:"NAME" help:"Name of the <AE> resource; the CSE chooses one without it."`
}

// Help is the second part of the help page.
func (*aeRegister) Help() string {
	return "Example:\n\n    bulwark ae register --api Nlamp.example.com --rn lamp"
}

// Run registers.
func (r *aeRegister) Run(c *call, a *aeCommand) error {
	return a.do(c, AERequest{Verb: "register", API: r.API, Name: r.RN})
}

type aeGet struct {
	To    string `arg:"" help:"Address of the resource."`
	Query string `arg:"" optional:"" help:"Parameters as in a URL, such as 'fu=1&ty=3'."`
}

// Help is the second part of the help page.
func (*aeGet) Help() string {
	return "Examples:\n\n    bulwark ae get cse-in/lamp\n    bulwark ae get cse-in 'fu=1&ty=3'"
}

// Run retrieves.
func (g *aeGet) Run(c *call, a *aeCommand) error {
	if to, query, found := strings.Cut(g.To, "?"); found && g.Query == "" {
		return usagef("the query is an argument of its own: bulwark ae get %s '%s'", to, query)
	}
	return a.do(c, AERequest{Verb: "get", To: g.To, Query: g.Query})
}

type aeCreate struct {
	To   string `arg:"" help:"Address of the parent."`
	Type string `arg:"" help:"Resource type: a number or a short name, such as 3 or cnt."`
	JSON string `arg:"" name:"json" help:"Attributes, such as '{\"rn\":\"state\"}', or - for standard input."`
}

// Help is the second part of the help page.
func (*aeCreate) Help() string {
	return "Example:\n\n    bulwark ae create cse-in/lamp cnt '{\"rn\":\"state\",\"mni\":100}'"
}

// Run creates.
func (r *aeCreate) Run(c *call, a *aeCommand) error {
	if _, err := onem2m.FindType(r.Type); err != nil {
		return usageError{err}
	}
	text, err := body(c, r.JSON)
	if err != nil {
		return err
	}
	return a.do(c, AERequest{Verb: "create", To: r.To, Type: r.Type, Body: text})
}

type aeUpdate struct {
	To   string `arg:"" help:"Address of the resource."`
	JSON string `arg:"" name:"json" help:"Attributes to change; null deletes one. - for standard input."`
}

// Help is the second part of the help page.
func (*aeUpdate) Help() string {
	return "Example:\n\n    bulwark ae update cse-in/lamp/state '{\"m2m:cnt\":{\"mni\":10}}'"
}

// Run updates.
func (r *aeUpdate) Run(c *call, a *aeCommand) error {
	text, err := body(c, r.JSON)
	if err != nil {
		return err
	}
	return a.do(c, AERequest{Verb: "update", To: r.To, Body: text})
}

type aeDelete struct {
	To string `arg:"" help:"Address of the resource."`
}

// Help is the second part of the help page.
func (*aeDelete) Help() string { return "Example:\n\n    bulwark ae delete cse-in/lamp/state" }

// Run deletes.
func (r *aeDelete) Run(c *call, a *aeCommand) error {
	return a.do(c, AERequest{Verb: "delete", To: r.To})
}

type aeNotify struct {
	To   string `arg:"" help:"Address of the receiver."`
	JSON string `arg:"" name:"json" help:"The notification, or - for standard input."`
}

// Help is the second part of the help page.
func (*aeNotify) Help() string {
	return "Example:\n\n    bulwark ae notify cse-in/lamp '{\"m2m:sgn\":{\"nev\":{\"rep\":{}}}}'"
}

// Run notifies.
func (r *aeNotify) Run(c *call, a *aeCommand) error {
	text, err := body(c, r.JSON)
	if err != nil {
		return err
	}
	return a.do(c, AERequest{Verb: "notify", To: r.To, Body: text})
}

type aeWatch struct {
	To     string `arg:"" help:"Address of the resource."`
	Listen string `name:"listen" placeholder:"ADDR" help:"Address on which notifications are received (default: a free port on loopback)."`
}

// Help is the second part of the help page.
func (*aeWatch) Help() string {
	return "Ends with Ctrl-C, and removes its subscription.\n\nExample:\n\n    bulwark ae watch cse-in/lamp/state --listen 127.0.0.1:9000"
}

// Run watches until the context ends.
func (r *aeWatch) Run(c *call, a *aeCommand) error {
	return a.do(c, AERequest{Verb: "watch", To: r.To, Listen: r.Listen})
}
