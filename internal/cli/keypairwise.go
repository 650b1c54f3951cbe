package cli

import (
	"time"
)

// keyTerms say whose a key is and how long.
type keyTerms struct {
	Peer    string `name:"peer" required:"" placeholder:"ID" help:"Absolute AE-ID or CSE-ID of whoever has the other copy, such as //m2m.example/id-mn/CLamp."`
	Expires string `name:"expires" placeholder:"TIME" help:"When the key ends, with an offset: 2031-01-01T00:00:00Z. Never without it."`
}

// request fills the part of a request that the flags say.
func (t keyTerms) request(verb, id, file string) (KeyRequest, error) {
	r := KeyRequest{Verb: verb, ID: id, Peer: t.Peer, File: file}
	if t.Expires != "" {
		var err error
		if r.Expires, err = time.Parse(time.RFC3339, t.Expires); err != nil {
			return r, usagef("--expires: %q is no time with an offset, such as 2031-01-01T00:00:00Z", t.Expires)
		}
		if !r.Expires.After(time.Now()) {
			return r, usagef("--expires: %q is over", t.Expires)
		}
	}
	return r, nil
}

type keyNew struct {
	keyTerms `embed:""`
	ID       string `name:"id" placeholder:"KID" help:"Identifier of the key, as both sides write it. Made up without it."`
	Out      string `name:"out" required:"" placeholder:"FILE" help:"File for the copy of the other side. It must not exist."`
}

// Help is the second part of the help page.
func (*keyNew) Help() string {
	return `Makes a key for requests that are protected from end to end, keeps one copy encrypted in the data directory, and writes the other one, base64url in one line, for the peer.

Example:

    bulwark key new --peer //m2m.example/id-mn/CLamp --id lamp1@m2m.example --out lamp1.key`
}

// Run makes a key.
func (n *keyNew) Run(c *call, k *keyCommand) error {
	r, err := n.request("new", n.ID, n.Out)
	if err != nil {
		return err
	}
	return k.do(c, r)
}

type keyImport struct {
	keyTerms `embed:""`
	ID       string `name:"id" required:"" placeholder:"KID" help:"Identifier of the key, as both sides write it."`
	File     string `name:"file" required:"" placeholder:"FILE" help:"File with the key: base64url in one line, readable by its owner alone."`
}

// Help is the second part of the help page.
func (*keyImport) Help() string {
	return "Takes over a key for requests that are protected from end to end.\n\nExample:\n\n    bulwark key import --id lamp1@m2m.example --peer //m2m.example/id-mn/CLamp --file lamp1.key"
}

// Run imports a key.
func (i *keyImport) Run(c *call, k *keyCommand) error {
	r, err := i.request("import", i.ID, i.File)
	if err != nil {
		return err
	}
	return k.do(c, r)
}

type keyRotate struct {
	ID   string        `arg:"" name:"kid" help:"Identifier of the key that gives way."`
	Out  string        `name:"out" required:"" placeholder:"FILE" help:"File for the copy of the other side. It must not exist."`
	Keep time.Duration `name:"keep" default:"24h" placeholder:"SPAN" help:"How long the old key is still good."`
}

// Help is the second part of the help page.
func (*keyRotate) Help() string {
	return "Makes another key for the same peer, under an identifier of its own, and lets the old one end.\n\nExample:\n\n    bulwark key rotate lamp1@m2m.example --out lamp2.key"
}

// Run rotates a key.
func (r *keyRotate) Run(c *call, k *keyCommand) error {
	if r.Keep < 0 {
		return usagef("--keep: a span is not negative")
	}
	return k.do(c, KeyRequest{Verb: "rotate", ID: r.ID, File: r.Out, Keep: r.Keep})
}
