package cli

import "bulwark/internal/ops/config"

type keyCommand struct {
	Config string  `name:"config" placeholder:"FILE" help:"Configuration file (TOML). Also BULWARK_CONFIG."`
	Data   *string `name:"data" placeholder:"DIR" help:"Data directory (default ./bulwark-data)."`
	Output string  `enum:"text,json" default:"text" help:"Form of what is printed: text or json."`

	List   keyList   `cmd:"" help:"List credentials and the identities that are bound to them, and keys."`
	New    keyNew    `cmd:"" help:"Make a key that is shared with another entity."`
	Import keyImport `cmd:"" help:"Take over a key that is shared with another entity."`
	Rotate keyRotate `cmd:"" help:"Replace a key by another one."`
	Remove keyRemove `cmd:"" help:"Remove a key, or a binding, so that the identity is free again."`
}

// Help is the second part of the help page.
func (*keyCommand) Help() string {
	return `Works on a data directory that no running CSE uses.

Examples:

    bulwark key list
    bulwark key new --peer //m2m.example/id-mn/CLamp --out lamp.key
    bulwark key remove CLamp --data /var/lib/bulwark`
}

func (k *keyCommand) do(c *call, r KeyRequest) error {
	cfg, err := serverFlags{Config: k.Config, Data: k.Data}.load(c)
	if err != nil {
		return err
	}
	if c.Parts.Keys == nil {
		return config.ErrNotInThisVersion
	}
	r.Config, r.Output = cfg, k.Output
	return c.Parts.Keys(c, r, c.Stdout)
}

type keyList struct{}

// Help is the second part of the help page.
func (*keyList) Help() string { return "Example:\n\n    bulwark key list --output json" }

// Run lists.
func (*keyList) Run(c *call, k *keyCommand) error { return k.do(c, KeyRequest{Verb: "list"}) }

type keyRemove struct {
	ID string `arg:"" help:"AE-ID-stem, Credential-ID, or identifier of a key."`
}

// Help is the second part of the help page.
func (*keyRemove) Help() string { return "Example:\n\n    bulwark key remove CLamp" }

// Run removes.
func (r *keyRemove) Run(c *call, k *keyCommand) error {
	return k.do(c, KeyRequest{Verb: "remove", ID: r.ID})
}
