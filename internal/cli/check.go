package cli

import (
	"errors"
	"fmt"
	"slices"

	"bulwark/internal/ops/config"
	"bulwark/internal/ops/guidance"
)

// errFound ends a command whose output says that something is wrong.
var errFound = errors.New("something is wrong")

type checkCommand struct {
	Flags  serverFlags `embed:""`
	Output string      `enum:"text,json" default:"text" help:"Form of the findings: text or json."`
}

// Help is the second part of the help page.
func (*checkCommand) Help() string {
	return `Takes the flags of serve. Prints one finding a line: error for what must be changed, warning for what weakens the installation, info for the rest: among it every cryptographic algorithm in use, and what current guidance says of it. The exit status is 1 if there is an error.

Policies: the time of accessControlWindow is UTC.

Example:

    bulwark check --config /etc/bulwark/bulwark.toml`
}

// Run prints findings.
func (k *checkCommand) Run(c *call) error {
	findings, err := k.findings(c)
	if err != nil {
		return err
	}
	slices.SortStableFunc(findings, func(a, b config.Finding) int { return int(b.Severity) - int(a.Severity) })
	if k.Output == outputJSON {
		if findings == nil {
			findings = []config.Finding{}
		}
		err = printJSON(c.Stdout, findings)
	} else {
		for _, f := range findings {
			if _, err = fmt.Fprintf(c.Stdout, "%-7s %s: %s\n", f.Severity, f.Subject, f.Text); err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	if len(findings) > 0 && findings[0].Severity == config.Fault {
		return errFound
	}
	return nil
}

// findings collects from the configuration, the files that it names, and the
// policies. A configuration that does not load is a finding for each mistake.
func (k *checkCommand) findings(c *call) ([]config.Finding, error) {
	cfg, err := k.Flags.load(c)
	if err != nil {
		return mistakes(err), nil
	}
	file := k.Flags.Config
	if file == "" {
		file = c.getenv("BULWARK_CONFIG")
	}
	findings := slices.Concat(cfg.Findings(), inspect(cfg, file), guidance.Findings())
	if c.Parts.Findings == nil {
		return findings, nil
	}
	more, err := c.Parts.Findings(c, cfg)
	return append(findings, more...), err
}

// mistakes makes a finding of each error that is joined in err.
func mistakes(err error) []config.Finding {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var all []config.Finding
		for _, e := range joined.Unwrap() {
			all = append(all, mistakes(e)...)
		}
		return all
	}
	subject, text := "configuration", err.Error()
	if e, ok := errors.AsType[*config.Error](err); ok {
		short := *e
		if e.Where != "" {
			subject, short.Where = e.Where, ""
		}
		text = short.Error()
	}
	return []config.Finding{{Severity: config.Fault, Subject: subject, Text: text}}
}
