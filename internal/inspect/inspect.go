// Package inspect looks into the data directory of a CSE that isn't running:
// why a request would be decided as it would, which credentials are bound to
// whom, what is risky about the policies, and what is wrong with definitions.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/client"
	"bulwark/internal/cli"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/store"
	"bulwark/internal/store/sql"
	"bulwark/onem2m"
)

// open opens the store of a data directory that exists.
func open(ctx context.Context, cfg *config.Config) (*sql.Store, error) {
	switch _, err := os.Stat(filepath.Join(string(cfg.Data), "bulwark.db")); {
	case errors.Is(err, fs.ErrPermission):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%s holds no CSE; name its data directory with --data", cfg.Data)
	}
	s, err := sql.Open(ctx, sql.Options{Dir: string(cfg.Data)})
	if err != nil {
		return nil, fmt.Errorf("a CSE that runs keeps its data directory to itself; stop it first: %w", err)
	}
	return s, nil
}

// Keys lists or removes the bindings of AE-IDs to credentials, and keeps the
// keys that are shared with other entities.
func Keys(ctx context.Context, r cli.KeyRequest, out io.Writer) (err error) {
	s, err := open(ctx, r.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch r.Verb {
	case "new", "import", "rotate":
		return changeKey(ctx, s, r, out)
	case "remove":
		if done, err := removeKey(ctx, s, r, out); done || err != nil {
			return err
		}
		return removeBinding(ctx, s, r, out)
	}
	ring, err := openRing(ctx, r.Config, s)
	if err != nil {
		return err
	}
	var list []store.Binding
	if err := s.Read(ctx, func(rd store.Reader) (err error) { list, err = rd.Bindings(); return err }); err != nil {
		return err
	}
	if r.Output == "json" {
		rows := make([]keyRow, 0, len(list))
		for _, b := range list {
			rows = append(rows, keyRow{ID: b.ID, Credential: b.Credential, Since: b.Since.Time().Format(time.RFC3339)})
		}
		return printJSON(out, append(rows, keyRows(ring)...))
	}
	if len(list) == 0 {
		if _, err := fmt.Fprintln(out, "no AE-ID is bound to a credential"); err != nil {
			return err
		}
	}
	for _, b := range list {
		if _, err := fmt.Fprintf(out, "%-40s %-50s since %s\n", b.ID, b.Credential, b.Since.Time().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return printKeys(ring, out)
}

// removeBinding frees an AE-ID, or all that a credential has (S-080).
func removeBinding(ctx context.Context, s *sql.Store, r cli.KeyRequest, out io.Writer) error {
	var ids []onem2m.ID
	err := s.Update(ctx, func(tx store.Tx) error {
		var err error
		if ids, err = tx.BoundTo(r.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if id, _, err := r.Config.Home().ParseID(r.ID); err == nil && len(ids) == 0 {
			ids = []onem2m.ID{id}
		}
		if len(ids) == 0 {
			return fmt.Errorf("%q is neither an AE-ID nor a Credential-ID that is bound; see bulwark key list", r.ID)
		}
		for _, id := range ids {
			if err := tx.Unbind(id); errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("%s isn't bound to a credential; see bulwark key list", id)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := fmt.Fprintf(out, "%s is free again\n", id); err != nil {
			return err
		}
	}
	return nil
}

// Explain says why a request would be allowed or denied, by the data directory
// or, with the address of a running CSE, by that CSE.
func Explain(ctx context.Context, r cli.ExplainRequest, out io.Writer) error {
	q := node.Question{
		From: r.Originator, To: r.To, Operation: r.Operation, Authenticated: &r.Authenticated, Time: r.At, Source: r.Source,
		Roles: r.Roles, TokenIDs: r.TokenIDs,
	}
	if r.Type != "" {
		info, err := onem2m.FindType(r.Type)
		if err != nil {
			return err
		}
		q.Type = int(info.Type)
	}
	ask := offline
	if r.CSE != "" {
		ask = online
	}
	answer, err := ask(ctx, r, q)
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return printJSON(out, answer)
	}
	return printAnswer(out, q, answer)
}

// online puts the question to a running CSE; only its administrator may.
func online(ctx context.Context, r cli.ExplainRequest, q node.Question) (node.Answer, error) {
	c, err := client.New(client.Options{URL: r.CSE, CA: r.CA, Cert: r.Cert, Key: r.Key})
	if err != nil {
		return node.Answer{}, err
	}
	defer c.Close()
	return node.Ask(ctx, c.HTTP, r.CSE, q)
}

func printJSON(out io.Writer, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	return err
}

// printAnswer writes an answer for a person: verdict first, then each rule.
func printAnswer(out io.Writer, q node.Question, a node.Answer) error {
	var b strings.Builder
	verdict := "PERMITTED"
	if !a.Permit {
		verdict = fmt.Sprintf("DENIED (%d)", a.RSC)
	}
	fmt.Fprintf(&b, "%s: %s of %s by %s\n", verdict, q.Operation, a.Resource, q.From)
	fmt.Fprintf(&b, "  stage     %s\n  governed  by %s\n", a.Stage, a.Governed)
	for _, reason := range a.Reasons {
		mark, where := "no ", reason.Policy
		if reason.Permits {
			mark = "yes"
		}
		if reason.Rule > 0 {
			where += fmt.Sprintf(" rule %d", reason.Rule)
		}
		fmt.Fprintf(&b, "  %s  %s: %s\n", mark, where, reason.Text)
	}
	if len(a.Reasons) == 0 && a.Stage == "static" {
		b.WriteString("  no   there is no policy that could permit\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
