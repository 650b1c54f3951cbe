package cli

import (
	"context"
	"io"
	"log/slog"
	"time"

	"bulwark/internal/ops/config"
)

// Parts are the workers behind the commands. A command whose part is nil
// answers "not in this version".
type Parts struct {
	// Serve runs a CSE until ctx ends. It writes one line with its addresses
	// to out when it is ready.
	Serve func(ctx context.Context, c *config.Config, log *slog.Logger, out io.Writer) error
	// Demo tells the secure story and fails if a step did not do what it should.
	Demo func(ctx context.Context, out io.Writer) error
	// AE does one `bulwark ae` command.
	AE func(ctx context.Context, r AERequest, out io.Writer) error
	// Keys lists or removes credentials and their bindings, and keeps keys.
	Keys func(ctx context.Context, r KeyRequest, out io.Writer) error
	// Explain says why a request would be allowed or denied.
	Explain func(ctx context.Context, r ExplainRequest, out io.Writer) error
	// Findings returns what is wrong or risky in the definitions that a
	// configuration names, and in the policies of its data directory.
	Findings func(ctx context.Context, c *config.Config) ([]config.Finding, error)
	// DAS runs or operates a Dynamic Authorization Server.
	DAS func(ctx context.Context, r DASRequest, log *slog.Logger, out io.Writer) error
	// Bench loads a CSE and prints a table.
	Bench func(ctx context.Context, r BenchRequest, out io.Writer) error
}

// Connection says how an AE reaches its CSE. Of --from, only what was given.
type Connection struct {
	CSE  string // URL
	CA   string // PEM file of trust anchors
	Cert string // PEM file of the certificate and its chain
	Key  string // PEM file of the private key
	From string // From of the requests; "" takes the identity of the certificate
}

// AERequest is one `bulwark ae` command. Of the fields below Verb those are
// set that the verb has.
type AERequest struct {
	Connection
	Output string // "text" or "json"
	Verb   string // "register", "get", "create", "update", "delete", "notify", "watch", "esdata put", "esdata get" or "escertke"
	To     string
	Type   string   // number or name of the resource type
	Query  string   // "" or parameters as in a URL: "rcn=4&lbl=x"
	Body   []byte   // JSON
	API    string   // App-ID
	Name   string   // resourceName
	Listen string   // address of the receiver of watch
	Tokens []string // tokens that go along
	Token  TokenRequest

	Protection *Protection // of a request that is protected from end to end; nil of any other
	Sealing    *Sealing    // of "esdata put" and "esdata get"
	Agreement  *Agreement  // of "escertke"
}

// TokenRequest is what `bulwark ae token` asks a Dynamic Authorization Server.
type TokenRequest struct {
	URL       string // of the server; "" takes the one in Request
	Request   []byte // Token Request Information of a refusal, or a part of it; nil makes one of the fields below
	CSE       string // CSE-ID that the token is for
	Resource  string
	Operation string
	IDsOnly   bool // the Token-ID is enough
	Sign      bool // sign the token for the record of the authorization relationship
}

// DASRequest is one `bulwark das` command. Of the fields below Verb those are
// set that the verb has.
type DASRequest struct {
	Config      *config.Config
	Credentials string // folder of the service manager's credentials
	Output      string
	Verb        string // "serve", "list", "revoke", "issue", "rotate-keys" or "jwks"
	ID          string // Token-ID
	Holder      string
	Grant       string
	Because     string
	Lift, All   bool
	CSE         string
	Resource    string
	Operation   string
	Type        string
	Roles       []string
	After       time.Duration
	Compromised bool // the keys that there are don't count any more
}

// Protection says how a request is protected from end to end.
type Protection struct {
	Target  string `name:"target" required:"" placeholder:"TO" help:"Address of the <CSEBase> or <AE> that opens the request: /id-mn/-, or /id-mn/CLamp."`
	Peer    string `name:"peer" required:"" placeholder:"ID" help:"Absolute AE-ID or CSE-ID of it."`
	Self    string `name:"self" placeholder:"ID" help:"Absolute AE-ID of the originator, when it is not the identity in the certificate."`
	KID     string `name:"kid" required:"" placeholder:"KID" help:"Identifier of the key that both share."`
	KeyFile string `name:"key-file" required:"" placeholder:"FILE" help:"File with the key: base64url in one line, readable by its owner alone."`
}

// KeyRequest is one `bulwark key` command.
type KeyRequest struct {
	Config *config.Config
	Output string
	Verb   string // "list", "new", "import", "rotate" or "remove"
	ID     string // identifier of a key; of remove also an AE-ID-stem or Credential-ID whose binding goes

	Peer    string        // of new and import: who has the other copy
	File    string        // with the key of import; for the other copy of new and rotate
	Expires time.Time     // of new and import; zero: never
	Keep    time.Duration // of rotate: how long the old key is still good
}

// ExplainRequest is a question of `bulwark explain` about a request. With
// Connection.CSE it is put to a running CSE, else to the data directory.
type ExplainRequest struct {
	Connection
	Config        *config.Config
	Output        string
	Originator    string
	Operation     string
	To            string
	Type          string    // of the resource to be created
	Source        string    // source address; "" for unknown
	At            time.Time // zero for now
	Authenticated bool
	Roles         []string // Role-IDs that are claimed
	TokenIDs      []string // Token-IDs that are named
}

// BenchRequest is one `bulwark bench` command.
type BenchRequest struct {
	Output      string
	Duration    time.Duration // of each measurement
	Connections int
	Instances   int // in the store whose start and memory are measured
}
