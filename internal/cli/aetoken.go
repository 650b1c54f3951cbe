package cli

import "bulwark/internal/ops/config"

type aeToken struct {
	DAS       string `name:"das" placeholder:"URL" help:"URL of the server; without it the one in the request. Also BULWARK_AE_DAS."`
	Request   string `name:"request" placeholder:"FILE" help:"Token Request Information that a refusal had (tqf), or - for standard input. Without it --to and --for make a request."`
	CSE       string `name:"for" placeholder:"CSE-ID" help:"Absolute CSE-ID of the CSE that the token is for."`
	To        string `name:"to" placeholder:"TO" help:"Resource, by its resourceID."`
	Operation string `name:"operation" default:"retrieve" placeholder:"OP" help:"create, retrieve, update, delete or notify (default retrieve)."`
	IDs       bool   `name:"id-only" help:"Get the Token-ID alone; the CSE fetches the token when it sees the ID."`
	Sign      bool   `name:"sign" help:"Sign the token with the key of the certificate, so that it can follow to another AE-ID, and print the signature."`
}

// Help is the second part of the help page.
func (*aeToken) Help() string {
	return `Prints the token, or with --id-only its Token-ID, in one line. The certificate proves who asks.

Examples:

    bulwark ae token --das https://das.example.com:8444 --request tqf.json
    bulwark ae token --das https://localhost:8444 --for //m2m.example/id-in --to //m2m.example/id-in/cnt7788`
}

// Run asks.
func (t *aeToken) Run(c *call, a *aeCommand) error {
	r := AERequest{Connection: a.Connection.connection(c), Output: a.Output, Verb: "token"}
	r.Token = TokenRequest{URL: t.DAS, CSE: t.CSE, Resource: t.To, Operation: t.Operation, IDsOnly: t.IDs, Sign: t.Sign}
	if r.Token.URL == "" {
		r.Token.URL = c.getenv("BULWARK_AE_DAS")
	}
	if t.Request != "" {
		text, err := fileOrInput(c, t.Request)
		if err != nil {
			return err
		}
		r.Token.Request = text
	}
	switch {
	case t.Request == "" && (t.To == "" || t.CSE == "" || r.Token.URL == ""):
		return usagef("give --request, or --das, --for and --to")
	case t.Request != "" && (t.To != "" || t.CSE != ""):
		return usagef("--request stands in place of --for and --to")
	case r.Token.URL != "" && !isURL(r.Token.URL, "https"):
		return usagef("the address of the server, %q, isn't an https URL, such as https://127.0.0.1:8444", r.Token.URL)
	case t.Request == "" && !isAbsoluteCSE(t.CSE):
		return usagef("--for %q is no absolute CSE-ID, such as //m2m.example/id-in", t.CSE)
	case !isOperation(t.Operation, operationWords):
		return usagef("--operation %q is none of "+operationWords, t.Operation)
	case r.Cert == "" || r.Key == "":
		return usagef("the server knows originators by their certificates: give --cert and --key")
	case c.Parts.AE == nil:
		return config.ErrNotInThisVersion
	}
	return c.Parts.AE(c, r, c.Stdout)
}
