package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"bulwark/internal/ops/audit"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

type explainCommand struct {
	Request string `name:"request" placeholder:"RI" help:"Show what the audit trail says of this request identifier."`

	Originator string   `name:"originator" placeholder:"ID" help:"Who asks."`
	Operation  string   `name:"op" placeholder:"OPERATION" help:"create, retrieve, update, delete, notify or discovery."`
	To         string   `name:"to" placeholder:"ADDRESS" help:"Target."`
	Type       string   `name:"ty" placeholder:"TYPE" help:"Type of the resource to be created."`
	Source     string   `name:"source" placeholder:"IP" help:"Source address."`
	At         string   `name:"at" placeholder:"TIME" help:"Time of the request, such as 2026-03-01T10:15:00Z (default now)."`
	Roles      []string `name:"role" placeholder:"ROLE-ID" help:"A role that is claimed; may be repeated."`
	TokenIDs   []string `name:"token-id" placeholder:"TOKEN-ID" help:"A token resource of this CSE that is named; may be repeated."`
	Anonymous  bool     `name:"unauthenticated" help:"The originator is not authenticated."`

	Connection connectionFlags `embed:""`
	Config     string          `name:"config" placeholder:"FILE" help:"Configuration file (TOML). Also BULWARK_CONFIG."`
	Data       *string         `name:"data" placeholder:"DIR" help:"Data directory (default ./bulwark-data)."`
	Output     string          `enum:"text,json" default:"text" help:"Form of what is printed: text or json."`
}

// Help is the second part of the help page.
func (*explainCommand) Help() string {
	return `Works on a data directory, or with --cse, --ca, --cert and --key of the admin on a running CSE. --request reads the audit trail in the data directory, also of a running CSE.

Examples:

    bulwark explain --originator CLamp --op retrieve --to cse-in/heater/state
    bulwark explain --request r-4711 --data /var/lib/bulwark`
}

// Run explains.
func (e *explainCommand) Run(c *call) error {
	cfg, err := serverFlags{Config: e.Config, Data: e.Data}.load(c)
	if err != nil {
		return err
	}
	if e.Request != "" {
		if e.Originator != "" || e.Operation != "" || e.To != "" {
			return usagef("--request is about a request that was; leave --originator, --op and --to out")
		}
		if e.Connection.CSE != "" {
			return usagef("--request reads the audit trail in the data directory of the CSE: give --data in place of --cse")
		}
		return e.fromTrail(c, filepath.Join(string(cfg.Data), "audit"))
	}
	if e.Originator == "" || e.Operation == "" || e.To == "" {
		return usagef("give --originator, --op and --to, or --request")
	}
	if err := e.checkWords(); err != nil {
		return err
	}
	r := ExplainRequest{
		Connection: e.connection(c), Config: cfg, Output: e.Output, Originator: e.Originator,
		Operation: strings.ToLower(e.Operation), To: e.To, Type: e.Type, Source: e.Source, Authenticated: !e.Anonymous,
		Roles: e.Roles, TokenIDs: e.TokenIDs,
	}
	if e.At != "" {
		if r.At, err = time.Parse(time.RFC3339, e.At); err != nil {
			return usagef("--at %q is no time with an offset, such as 2026-03-01T10:15:00Z", e.At)
		}
	}
	if c.Parts.Explain == nil {
		return config.ErrNotInThisVersion
	}
	return c.Parts.Explain(c, r, c.Stdout)
}

// checkWords refuses what no CSE could be asked.
func (e *explainCommand) checkWords() error {
	if !isOperation(strings.ToLower(e.Operation), explainedWords) {
		return usagef("--op %q is none of "+explainedWords, e.Operation)
	}
	if e.Type != "" {
		if _, err := onem2m.FindType(e.Type); err != nil {
			return usagef("--ty: %w", err)
		}
	}
	if e.Source != "" {
		if _, err := netip.ParseAddr(e.Source); err != nil {
			return usagef("--source %q is no IP address", e.Source)
		}
	}
	return nil
}

// connection is that of the flags and the environment. A data directory that is
// named counts for more than a CSE in the environment.
func (e *explainCommand) connection(c *call) Connection {
	n := e.Connection.connection(c)
	if e.Connection.CSE == "" && (e.Data != nil || e.Config != "") {
		n.CSE = ""
	}
	return n
}

// fromTrail prints the audit records of a request.
func (e *explainCommand) fromTrail(c *call, dir string) error {
	records, err := audit.Search(dir, e.Request)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no audit trail in %s; name the data directory of the CSE with --data", dir)
	case err != nil:
		return err
	}
	if len(records) == 0 {
		return errors.New("the audit trail has no record of request " + e.Request)
	}
	if e.Output == outputJSON {
		return printJSON(c.Stdout, records)
	}
	for _, r := range records {
		if err := printRecord(c.Stdout, r, e.Request); err != nil {
			return err
		}
	}
	return nil
}

// printRecord writes one decision in words. Text of clients is quoted, so that
// it cannot steer a terminal.
func printRecord(w io.Writer, r audit.Record, asked string) error {
	who, as := r.Originator, "not authenticated"
	if who == "" {
		who = r.Claimed
	}
	if r.Authn {
		as = "authenticated"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", r.Time.Format(time.RFC3339Nano), r.Event, r.Result)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", name, value)
		}
	}
	quoted := func(name, value string) {
		if value != "" {
			line(name, fmt.Sprintf("%q", value))
		}
	}
	if r.RequestID != asked {
		quoted("request", r.RequestID)
	}
	if who != "" {
		line("originator", fmt.Sprintf("%q, %s", who, as))
	}
	line("credential", r.Credential)
	if r.Source.IsValid() {
		line("source", r.Source.String()+" over "+r.Binding)
	}
	line("operation", r.Operation)
	quoted("target", r.Target)
	line("stage", r.Stage)
	quoted("rule", r.Rule)
	if r.RSC != 0 {
		line("status", fmt.Sprint(r.RSC))
	}
	quoted("reason", r.Reason)
	if r.Repeated > 0 {
		line("repeated", fmt.Sprint(r.Repeated))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
