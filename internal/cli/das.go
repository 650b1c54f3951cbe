package cli

import (
	"time"

	"bulwark/internal/ops/config"
	"bulwark/internal/ops/logging"
)

type dasCommand struct {
	Config   string  `name:"config" placeholder:"FILE" help:"Configuration file (TOML) with a [das] table. Also BULWARK_CONFIG."`
	Data     *string `name:"data" placeholder:"DIR" help:"Data directory (default ./bulwark-data); the server is in DIR/das."`
	LogLevel *string `name:"log-level" placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
	Output   string  `enum:"text,json" default:"text" help:"Form of what is printed: text or json."`

	Serve  dasServe  `cmd:"" help:"Run a Dynamic Authorization Server by itself."`
	List   dasList   `cmd:"" help:"List what was granted."`
	Revoke dasRevoke `cmd:"" help:"Call back what was granted, or take that back."`
	Issue  dasIssue  `cmd:"" help:"Issue a token by hand, as far as the policy permits it."`
	Rotate dasRotate `cmd:"" name:"rotate-keys" help:"Make new keys; the old ones stay published while their tokens are good."`
	JWKS   dasJWKS   `cmd:"" name:"jwks" help:"Print the public keys, a JSON Web Key Set."`
}

// Help is the second part of the help page.
func (*dasCommand) Help() string {
	return `The server gives CSEs and originators tokens and rules, by a policy file. All but serve work beside a running server, which follows at once. docs/das.md explains the policy.

Examples:

    bulwark das serve --config das.toml
    bulwark das list --config das.toml
    bulwark das revoke --config das.toml --holder //m2m.example/id-in/CVisitor`
}

func (d *dasCommand) do(c *call, r DASRequest) error {
	cfg, err := serverFlags{Config: d.Config, Data: d.Data, LogLevel: d.LogLevel}.load(c)
	if err != nil {
		return err
	}
	if c.Parts.DAS == nil {
		return config.ErrNotInThisVersion
	}
	r.Config, r.Output, r.Credentials = cfg, d.Output, c.getenv("CREDENTIALS_DIRECTORY")
	return c.Parts.DAS(c, r, logging.New(c.Stderr, cfg.Log.Level.Level, cfg.Log.Format == config.LogJSON), c.Stdout)
}

type dasServe struct{}

// Help is the second part of the help page.
func (*dasServe) Help() string {
	return "Prints one line with its address when it is ready, and stops cleanly with SIGTERM. bulwark serve runs the same server in the process of the CSE if its configuration has the table.\n\nExample:\n\n    bulwark das serve --config das.toml"
}

// Run serves until the context ends.
func (*dasServe) Run(c *call, d *dasCommand) error { return d.do(c, DASRequest{Verb: "serve"}) }

type dasList struct {
	All    bool   `name:"all" help:"Also what has ended or was revoked."`
	Holder string `name:"holder" placeholder:"ID" help:"Only what this originator has."`
	Grant  string `name:"grant" placeholder:"NAME" help:"Only what this grant of the policy gave."`
}

// Help is the second part of the help page.
func (*dasList) Help() string {
	return "Examples:\n\n    bulwark das list --config das.toml\n    bulwark das list --config das.toml --all --output json"
}

// Run lists.
func (l *dasList) Run(c *call, d *dasCommand) error {
	return d.do(c, DASRequest{Verb: "list", All: l.All, Holder: l.Holder, Grant: l.Grant})
}

type dasRevoke struct {
	ID      string `arg:"" optional:"" help:"Token-ID."`
	Holder  string `name:"holder" placeholder:"ID" help:"All that this originator has."`
	Grant   string `name:"grant" placeholder:"NAME" help:"All that this grant of the policy gave."`
	Because string `name:"because" placeholder:"TEXT" help:"Why, for the audit trail."`
	Lift    bool   `name:"lift" help:"Take the revocation of the Token-ID back."`
}

// Help is the second part of the help page.
func (*dasRevoke) Help() string {
	return `Tokens and rules end at once: the running server tells the CSEs, and goes on until they have acknowledged it. Until what was revoked would have ended by itself, its holder does not get the same grant again. With --lift a token counts again.

Examples:

    bulwark das revoke --config das.toml tABC@das.m2m.example --because "lost phone"
    bulwark das revoke --config das.toml --holder //m2m.example/id-in/CVisitor
    bulwark das revoke --config das.toml --lift tABC@das.m2m.example`
}

// Run revokes.
func (r *dasRevoke) Run(c *call, d *dasCommand) error {
	switch {
	case r.Lift && (r.ID == "" || r.Holder != "" || r.Grant != ""):
		return usagef("--lift takes a Token-ID and nothing else")
	case r.ID == "" && r.Holder == "" && r.Grant == "":
		return usagef("name a Token-ID, --holder or --grant")
	}
	return d.do(c, DASRequest{Verb: "revoke", ID: r.ID, Holder: r.Holder, Grant: r.Grant, Because: r.Because, Lift: r.Lift})
}

type dasIssue struct {
	Holder    string   `name:"holder" required:"" placeholder:"ID" help:"Originator, absolute or as the CSE names it."`
	CSE       string   `name:"cse" required:"" placeholder:"ID" help:"Absolute CSE-ID of the CSE that the token is for."`
	Resource  string   `name:"resource" required:"" placeholder:"TO" help:"Resource, by its resourceID."`
	Operation string   `name:"operation" default:"retrieve" placeholder:"OP" help:"create, retrieve, update, delete or notify (default retrieve)."`
	Type      string   `name:"type" placeholder:"TYPE" help:"Resource type of the resource, if the policy asks for it."`
	Roles     []string `name:"role" placeholder:"ROLE-ID" help:"Role-ID that the originator holds, if the policy asks for it."`
}

// Help is the second part of the help page.
func (*dasIssue) Help() string {
	return "Asks the policy as a CSE would, prints the token, and counts it like any other.\n\nExample:\n\n    bulwark das issue --config das.toml --holder CVisitor --cse //m2m.example/id-in --resource //m2m.example/id-in/cnt7788"
}

// Run issues.
func (i *dasIssue) Run(c *call, d *dasCommand) error {
	if !isOperation(i.Operation, operationWords) {
		return usagef("--operation %q is none of "+operationWords, i.Operation)
	}
	return d.do(c, DASRequest{Verb: "issue", Holder: i.Holder, CSE: i.CSE, Resource: i.Resource, Operation: i.Operation, Type: i.Type, Roles: i.Roles})
}

type dasRotate struct {
	After       time.Duration `name:"after" default:"0s" placeholder:"TIME" help:"When the new keys begin to sign, such as 10m: time for CSEs to learn them (default at once)."`
	Compromised bool          `name:"compromised" help:"Others may know the old keys: they are gone at once, and what they have signed is revoked."`
}

// Help is the second part of the help page.
func (*dasRotate) Help() string {
	return "With --compromised, then bring the new set (bulwark das jwks) to each CSE that has a copy of its own: until then it believes the old keys.\n\nExample:\n\n    bulwark das rotate-keys --config das.toml --after 10m"
}

// Run rotates.
func (r *dasRotate) Run(c *call, d *dasCommand) error {
	if r.Compromised && r.After > 0 {
		return usagef("--compromised: the old keys are gone at once, so --after doesn't go with it")
	}
	return d.do(c, DASRequest{Verb: "rotate-keys", After: r.After, Compromised: r.Compromised})
}

type dasJWKS struct{}

// Help is the second part of the help page.
func (*dasJWKS) Help() string {
	return "A CSE names the file as jwks of its [[token.issuer]]. DIR/das/jwks.json has the same.\n\nExample:\n\n    bulwark das jwks --config das.toml > das.jwks"
}

// Run prints the keys.
func (*dasJWKS) Run(c *call, d *dasCommand) error { return d.do(c, DASRequest{Verb: "jwks"}) }
