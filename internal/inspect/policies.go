package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bulwark/access"
	"bulwark/internal/cli"
	"bulwark/internal/cse"
	"bulwark/internal/dasserver"
	"bulwark/internal/definition"
	"bulwark/internal/node"
	"bulwark/internal/ops/config"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// offline opens the data directory and asks its CSE.
func offline(ctx context.Context, r cli.ExplainRequest, q node.Question) (answer node.Answer, err error) {
	switch _, err := os.Stat(filepath.Join(string(r.Config.Data), "bulwark.db")); {
	case errors.Is(err, fs.ErrPermission):
		return answer, err
	case err != nil:
		return answer, fmt.Errorf("%s holds no CSE; name its data directory with --data, or a running CSE with --cse", r.Config.Data)
	}
	n, err := node.OpenOffline(ctx, r.Config, node.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return answer, fmt.Errorf("ask a running CSE with --cse and the administrator's certificate: %w", err)
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return node.Explain(ctx, n.CSE(), q)
}

// Findings returns what is wrong with the definitions and keys that a configuration names,
// and what is risky or without effect in the policies of its data directory.
func Findings(ctx context.Context, cfg *config.Config) ([]config.Finding, error) {
	var findings []config.Finding
	if _, err := definition.Load(string(cfg.CSE.Definitions)); err != nil {
		findings = append(findings, config.Finding{Severity: config.Fault, Subject: "cse.definitions", Text: err.Error()})
	}
	known := *cfg
	known.Token.Issuers = slices.DeleteFunc(slices.Clone(cfg.Token.Issuers), func(i config.TokenIssuer) bool {
		_, err := os.Stat(string(i.JWKS))
		return err != nil && cfg.Publishes(i) // made at first start
	})
	_, _, err := node.Issuers(&known)
	if err == nil {
		_, err = node.Servers(&known)
	}
	if err != nil {
		findings = append(findings, config.Finding{Severity: config.Fault, Subject: "token.issuer", Text: err.Error()})
	}
	findings = append(findings, dasserver.Findings(cfg)...)
	more, err := policies(ctx, cfg)
	return append(findings, more...), err
}

// policies returns what is risky or without effect in the policies of a data
// directory. A directory without a CSE has nothing to say.
func policies(ctx context.Context, cfg *config.Config) (findings []config.Finding, err error) {
	if _, err := os.Stat(filepath.Join(string(cfg.Data), "bulwark.db")); err != nil {
		return nil, nil
	}
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now()
	err = s.Read(ctx, func(r store.Reader) error {
		after := int64(0)
		for {
			list, err := r.OfType(onem2m.TypeAccessControlPolicy, after, 500)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				after = rec.ID
				address, err := cse.Structured(r, rec)
				if err != nil {
					continue // below a tree that is being removed
				}
				findings = append(findings, policyFindings(cfg.Home(), rec, address, now)...)
			}
		}
	})
	return findings, err
}

func policyFindings(home onem2m.Home, rec *store.Record, address string, now time.Time) []config.Finding {
	attrs, err := onem2m.ParseObject(rec.Attributes)
	if err != nil {
		return []config.Finding{{Severity: config.Fault, Subject: address, Text: "the stored policy can't be read and grants nothing"}}
	}
	var findings []config.Finding
	for _, name := range []string{"pv", "pvs"} {
		policy, err := access.Compile(home, attrs.Get(name), name)
		if err != nil {
			findings = append(findings, config.Finding{Severity: config.Fault, Subject: address, Text: name + " can't be read and grants nothing: " + err.Error()})
			continue
		}
		for _, f := range policy.Findings(now) {
			findings = append(findings, config.Finding{
				Severity: config.Warning, Subject: fmt.Sprintf("%s %s rule %d", address, name, f.Rule+1), Text: f.Text,
			})
		}
	}
	return findings
}
