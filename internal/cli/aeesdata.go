package cli

// Sealing says how data is protected from end to end, and what is demanded of
// data that is opened.
type Sealing struct {
	Keys    string   `name:"keys" required:"" placeholder:"FILE" help:"File with the keys: a JSON Web Key Set in which each key has kid and alg. Readable by its owner alone."`
	Encrypt []string `name:"encrypt" placeholder:"KID" help:"Encrypt for the holder of this key. May be repeated: each of several readers has its own."`
	Sign    []string `name:"sign" placeholder:"KID" help:"Sign with this key. May be repeated. With --encrypt the signature is inside."`
	JSON    bool     `name:"json" help:"Use the JSON serialization. Several keys need it."`
	Class   string   `name:"class" enum:",encrypted,signed,nested" default:"" help:"What get demands: encrypted, signed or nested (signed, then encrypted). Default: what --encrypt and --sign make."`
	Source  []string `name:"source" placeholder:"KID" help:"What get demands: that one of these keys has signed. May be repeated."`
	Type    string   `name:"type" default:"text/plain" help:"Media type of what put protects."`
}

// aeESData is the group of commands about data that the CSE can't read.
type aeESData struct {
	Sealing `embed:""`

	Put aePut `cmd:"" help:"Protect data and store it as an instance of a container."`
	Get aeGot `cmd:"" help:"Retrieve an instance of a container and open it."`
}

// Help is the second part of the help page.
func (*aeESData) Help() string {
	return `The CSE stores what it cannot read, or cannot change without notice. get takes nothing less than what is demanded.

Examples:

    bulwark ae esdata --keys meter.jwks --sign meter1 --encrypt office1 put cse-in/meter/data 21.5
    bulwark ae esdata --keys office.jwks --class nested --source meter1 get cse-in/meter/data/la`
}

type aePut struct {
	To      string `arg:"" help:"Address of the container."`
	Payload string `arg:"" help:"The data, or - for standard input."`
}

// Run protects and stores.
func (p *aePut) Run(c *call, a *aeCommand) error {
	data, err := argument(c, p.Payload)
	if err != nil {
		return err
	}
	if len(a.ESData.Encrypt)+len(a.ESData.Sign) == 0 {
		return usagef("nothing protects the data: give --encrypt or --sign")
	}
	return a.do(c, AERequest{Verb: "esdata put", To: p.To, Body: data, Sealing: &a.ESData.Sealing})
}

type aeGot struct {
	To string `arg:"" help:"Address of the instance, such as cse-in/meter/data/la."`
}

// Run retrieves and opens.
func (g *aeGot) Run(c *call, a *aeCommand) error {
	s := &a.ESData.Sealing
	if s.Class == "" && len(s.Encrypt)+len(s.Sign) == 0 {
		return usagef("say what is demanded of the data with --class")
	}
	return a.do(c, AERequest{Verb: "esdata get", To: g.To, Sealing: s})
}

// Agreement says with whom a key is established by certificate.
type Agreement struct {
	Peer    string `arg:"" help:"Absolute AE-ID or CSE-ID of the other end, such as //m2m.example/id-in."`
	To      string `name:"to" placeholder:"ADDRESS" help:"Where it is notified, when that does not follow from its identity."`
	PeerCA  string `name:"peer-ca" placeholder:"FILE" help:"PEM file of anchors that vouch for it, when it is not that of --ca."`
	PeerDNS string `name:"peer-dns" placeholder:"NAME" help:"Domain name in the certificate of a CSE, when it does not follow from the CSE-ID."`
	Out     string `name:"key-out" required:"" placeholder:"FILE" help:"File for the key, as bulwark ae esprim --key-file takes it. It must not exist."`
}

type aeESCertKE struct {
	Agreement `embed:""`
}

// Help is the second part of the help page.
func (*aeESCertKE) Help() string {
	return `Both ends prove who they are with their certificates; CSEs on the way learn nothing of the key. The other end has to be configured to accept this AE ([[escertke.peer]] of a CSE). Prints the identifier of the key.

Example:

    bulwark ae escertke //m2m.example/id-in --key-out in.key`
}

// Run establishes a key.
func (e *aeESCertKE) Run(c *call, a *aeCommand) error {
	return a.do(c, AERequest{Verb: "escertke", Agreement: &e.Agreement})
}
