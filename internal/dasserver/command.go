package dasserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/cli"
	"bulwark/internal/dynauth/das"
	"bulwark/internal/ops/config"
	"bulwark/onem2m"
)

// command is one `bulwark das` command on the ledger of a server, which may be
// running meanwhile.
type command struct {
	s   *Server
	r   cli.DASRequest
	out io.Writer
}

// Command does one `bulwark das` command.
func Command(ctx context.Context, r cli.DASRequest, log *slog.Logger, out io.Writer) (err error) {
	if r.Verb == "serve" {
		return Serve(ctx, r.Config, log, r.Credentials, out)
	}
	s, err := Open(ctx, r.Config, Options{Log: log, Credentials: r.Credentials})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c := &command{s: s, r: r, out: out}
	switch r.Verb {
	case "list":
		return c.list(ctx)
	case "revoke":
		return c.revoke(ctx)
	case "issue":
		return c.issue(ctx)
	case "rotate-keys":
		return c.rotate(ctx)
	case "jwks":
		return c.keys(ctx)
	}
	return fmt.Errorf("no such command: %s", r.Verb)
}

// row is an entry as it is printed. It never holds the token.
type row struct {
	ID        string    `json:"tkid"`
	Grant     string    `json:"grant"`
	Form      string    `json:"form"`
	Holder    onem2m.ID `json:"holder"`
	CSE       onem2m.ID `json:"cse"`
	Target    string    `json:"target"`
	Operation string    `json:"operation"`
	Issued    time.Time `json:"issued"`
	Until     time.Time `json:"until"`
	Revoked   string    `json:"revoked,omitempty"`
}

func rowOf(e *das.Entry) row {
	out := row{
		ID: e.ID, Grant: e.Grant, Form: "rules", Holder: e.Holder, CSE: e.Audience, Target: e.Target,
		Operation: operationName(e.Operation), Issued: e.Issued.Time(), Until: e.NotAfter.Time(),
	}
	if e.Token {
		out.Form = "token"
	}
	if e.Revoked != 0 {
		out.Revoked = e.Because
		if out.Revoked == "" {
			out.Revoked = "yes"
		}
	}
	return out
}

// show prints entries, or says that there is none.
func (c *command) show(all []das.Entry, none string) error {
	rows := make([]row, 0, len(all))
	for i := range all {
		rows = append(rows, rowOf(&all[i]))
	}
	if c.r.Output == "json" {
		return c.json(rows)
	}
	var b strings.Builder
	for _, r := range rows {
		state := ""
		if r.Revoked != "" {
			state = "  revoked: " + r.Revoked
		}
		fmt.Fprintf(&b, "%s  %s  %s %s by %s  until %s%s\n", r.ID, r.Grant, r.Operation, r.Target, r.Holder, r.Until.Format(time.RFC3339), state)
	}
	if len(rows) == 0 {
		b.WriteString(none + "\n")
	}
	_, err := io.WriteString(c.out, b.String())
	return err
}

func (c *command) json(value any) error {
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(text, '\n'))
	return err
}

// filter selects what the flags name.
func (c *command) filter() (das.Filter, error) {
	f := das.Filter{ID: c.r.ID, Grant: c.r.Grant}
	if c.r.Holder == "" {
		return f, nil
	}
	id, _, err := c.r.Config.Home().ParseID(c.r.Holder)
	if err != nil {
		return f, fmt.Errorf("holder %q: %w", c.r.Holder, err)
	}
	f.Holder = id
	return f, nil
}

func (c *command) list(ctx context.Context) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	f.Live = !c.r.All
	all, err := c.s.das.Entries(ctx, f)
	if err != nil {
		return err
	}
	return c.show(all, "nothing is granted")
}

func (c *command) revoke(ctx context.Context) error {
	if c.r.Lift {
		if err := c.s.das.Lift(ctx, c.r.ID); err != nil {
			return fmt.Errorf("%s: %w", c.r.ID, err)
		}
		_, err := fmt.Fprintln(c.out, c.r.ID, "counts again")
		return err
	}
	f, err := c.filter()
	if err != nil {
		return err
	}
	because := c.r.Because
	if because == "" {
		because = "by the operator"
	}
	gone, err := c.s.das.Revoke(ctx, f, because)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		return errors.New("nothing that is good was selected; see bulwark das list")
	}
	return c.show(gone, "")
}

func (c *command) issue(ctx context.Context) error {
	cse, form, err := c.r.Config.Home().ParseID(c.r.CSE)
	if err != nil || form == onem2m.FormStem {
		return fmt.Errorf("%q is no CSE-ID, such as %s", c.r.CSE, c.r.Config.Home().ID())
	}
	m := &onem2m.DASRequest{Originator: c.r.Holder, Target: c.r.Resource, Roles: c.r.Roles, RequestTime: onem2m.TimestampOf(c.s.o.Now()).String()}
	if m.Operation, err = operationOf(c.r.Operation); err != nil {
		return err
	}
	if c.r.Type != "" {
		info, err := onem2m.FindType(c.r.Type)
		if err != nil {
			return err
		}
		m.TargetType = info.Type
	}
	out, err := c.s.das.Direct(ctx, cse, m)
	if err != nil {
		return err
	}
	if out == nil {
		return errors.New("the policy does not grant this; the audit trail says why")
	}
	if c.r.Output == "json" {
		return c.json(jsontext.Value(out.Value()))
	}
	for _, text := range out.Tokens {
		if _, err := fmt.Fprintln(c.out, text); err != nil {
			return err
		}
	}
	if out.Privileges != nil {
		_, err = fmt.Fprintf(c.out, "%s until %s\n", out.Privileges, out.Lifetime)
	}
	return err
}

// operationOf reads the word for an operation.
func operationOf(name string) (onem2m.Operation, error) {
	for _, o := range []onem2m.Operation{onem2m.Create, onem2m.Retrieve, onem2m.Update, onem2m.Delete, onem2m.Notify} {
		if operationName(o) == name {
			return o, nil
		}
	}
	return 0, fmt.Errorf("%q is none of create, retrieve, update, delete, notify", name)
}

func (c *command) rotate(ctx context.Context) error {
	var made []das.KeyRecord
	var err error
	if c.r.Compromised {
		made, _, err = c.s.das.Replace(ctx)
	} else {
		made, err = c.s.das.Rotate(ctx, c.r.After)
	}
	if err == nil {
		err = c.s.publish(ctx)
	}
	if err != nil {
		return err
	}
	type key struct {
		ID        string    `json:"kid"`
		Algorithm string    `json:"alg"`
		From      time.Time `json:"from"`
	}
	var keys []key
	for _, k := range made {
		keys = append(keys, key{k.ID, string(k.Algorithm), k.From.Time()})
	}
	if c.r.Output == "json" {
		return c.json(keys)
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(c.out, "%s for %s from %s\n", k.ID, k.Algorithm, k.From.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) keys(ctx context.Context) error {
	set, err := c.s.das.JWKS(ctx)
	if err != nil {
		return err
	}
	return c.json(jsontext.Value(set))
}

// Findings returns what is wrong with the server of a configuration.
func Findings(cfg *config.Config) []config.Finding {
	if cfg.DAS.ID == "" {
		return nil
	}
	p := newPolicyFile(string(cfg.DAS.Policy), das.Identity{ID: onem2m.ID(cfg.DAS.ID), FQDN: cfg.DAS.FQDN}, time.Now)
	if _, err := p.current(); err != nil {
		return []config.Finding{{Severity: config.Fault, Subject: "das.policy", Text: err.Error()}}
	}
	return nil
}
