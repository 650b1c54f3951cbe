package cli

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"bulwark/internal/ops/config"
	"bulwark/internal/pki"
	"bulwark/onem2m"
)

type pkiCommand struct {
	Dir    string `name:"dir" placeholder:"DIR" help:"Folder of the authority (default ./bulwark-data/pki)."`
	Output string `enum:"text,json" default:"text" help:"Form of what is printed: text or json."`

	Init   pkiInit   `cmd:"" help:"Make a certificate authority."`
	Issue  pkiIssue  `cmd:"" help:"Issue a certificate to an AE, a CSE, a host, a node or a device."`
	List   pkiList   `cmd:"" help:"List the certificates that were issued."`
	Revoke pkiRevoke `cmd:"" help:"Revoke a certificate for good."`
	CRL    pkiCRL    `cmd:"" name:"crl" help:"Write the revocation lists anew."`
	Renew  pkiRenew  `cmd:"" help:"Issue a certificate again in its place."`
}

// Help is the second part of the help page.
func (*pkiCommand) Help() string {
	return `bulwark serve makes an authority in its data directory at first start; these commands work on it, or on another folder. Peers trust DIR/ca.crt.

Examples:

    bulwark pki issue ae CLamp --out lamp
    bulwark pki revoke lamp.crt`
}

// dir returns the folder of the authority.
func (p *pkiCommand) dir(c *call) string {
	if p.Dir != "" {
		return p.Dir
	}
	if data := c.getenv("BULWARK_DATA"); data != "" {
		return filepath.Join(data, "pki")
	}
	return string(config.Default().PKI(""))
}

// open opens the authority.
func (p *pkiCommand) open(c *call) (*pki.Authority, error) { return pki.Open(p.dir(c)) }

// show prints value as JSON, or the text.
func (p *pkiCommand) show(c *call, value any, format string, args ...any) error {
	if p.Output == outputJSON {
		return printJSON(c.Stdout, value)
	}
	_, err := fmt.Fprintf(c.Stdout, format+"\n", args...)
	return err
}

// issued is the output of issue and renew.
type issued struct {
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
	CA          string    `json:"ca"`
	Name        string    `json:"name"`
	Serial      string    `json:"serial"`
	NotAfter    time.Time `json:"notAfter"`
}

func (p *pkiCommand) showIssued(c *call, a *pki.Authority, i pki.Issued) error {
	out := issued{i.CertFile, i.KeyFile, a.CAFile(), i.Name, i.Serial, i.NotAfter}
	return p.show(c, out, "certificate of %s, good until %s\n  certificate %s\n  key         %s\n  trusted by  %s",
		i.Name, i.NotAfter.Format(time.DateOnly), i.CertFile, i.KeyFile, a.CAFile())
}

type pkiInit struct {
	SP      string   `name:"sp" default:"//m2m.example" placeholder:"//DOMAIN" help:"M2M-SP-ID of the certificates (default ${default})."`
	CSE     string   `name:"cse-id" default:"/id-in" placeholder:"/ID" help:"CSE that a plain AE-ID-stem belongs to (default ${default})."`
	Domain  []string `name:"domain" placeholder:"NAME" help:"Further domain that hosts may be in."`
	Network []string `name:"network" placeholder:"PREFIX" help:"Further network that CSEs may be in, such as 192.0.2.0/24."`
}

// Help is the second part of the help page.
func (*pkiInit) Help() string {
	return `Makes a root, and one CA below it for each kind of certificate, which can issue for the domain of the SP and loopback only. --domain and --network widen that, now but not later.

Example:

    bulwark pki init --dir pki --sp //iot.example.com --network 192.0.2.0/24`
}

// Run makes the authority.
func (r *pkiInit) Run(c *call, p *pkiCommand) error {
	sp, err := onem2m.ParseSP(r.SP)
	if err != nil {
		return usagef("--sp %q: write // and a domain name, such as //m2m.example", r.SP)
	}
	home := onem2m.Home{SP: sp, CSE: r.CSE}
	if id, form, err := home.ParseID(r.CSE); err != nil || form != onem2m.FormSPRelative || id.Registrar() != "" {
		return usagef("--cse-id %q: write a slash and a name, such as /id-in", r.CSE)
	}
	scope := pki.Scope{Domains: r.Domain}
	for _, text := range r.Network {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return usagef("--network %q: write an address and the bits that count, such as 192.0.2.0/24", text)
		}
		scope.Networks = append(scope.Networks, network)
	}
	a, err := pki.Init(p.dir(c), home, scope)
	if err != nil {
		return err
	}
	return p.show(c, map[string]string{"ca": a.CAFile(), "crl": a.CRLFile()}, "certificate authority for %s\n  trust anchor     %s\n  revocation lists %s",
		sp, a.CAFile(), a.CRLFile())
}

// issueFlags are the choices of issue and renew.
type issueFlags struct {
	Out     string       `name:"out" placeholder:"PREFIX" help:"Write PREFIX.crt and PREFIX.key (default: named after the entity, in the folder of the authority)."`
	Days    int          `name:"days" default:"365" placeholder:"N" help:"Days for which it is good (default ${default})."`
	Replace bool         `name:"replace" help:"Write over files that are there."`
	DNS     []string     `name:"dns" placeholder:"NAME" help:"Further host name, for cse and fqdn."`
	IP      []netip.Addr `name:"ip" placeholder:"ADDR" help:"Address of the host, for cse."`
}

// maxDays bounds the life of a certificate: ten years, beyond any device that
// is looked after.
const maxDays = 3660

func (f issueFlags) options() (pki.Options, error) {
	if f.Days < 1 || f.Days > maxDays {
		return pki.Options{}, usagef("--days must be from 1 to %d", maxDays)
	}
	return pki.Options{
		DNS: f.DNS, IPs: f.IP, Validity: time.Duration(f.Days) * 24 * time.Hour, Out: f.Out, Replace: f.Replace,
	}, nil
}

type pkiIssue struct {
	Kind  string     `arg:"" help:"ae, cse, fqdn, node or device."`
	Name  string     `arg:"" help:"AE-ID, CSE-ID, domain name, node URN or device OID."`
	Flags issueFlags `embed:""`
}

// Help is the second part of the help page.
func (*pkiIssue) Help() string {
	return `Writes PREFIX.crt (the certificate and the CA above it) and PREFIX.key (mode 0600).

Examples:

    bulwark pki issue ae CLamp --out lamp
    bulwark pki issue cse /id-mn --ip 127.0.0.1 --out mn
    bulwark pki issue fqdn maf.m2m.example --out maf`
}

// Run issues.
func (r *pkiIssue) Run(c *call, p *pkiCommand) error {
	kind, err := pki.ParseKind(r.Kind)
	if err != nil {
		return usageError{err}
	}
	options, err := r.Flags.options()
	if err != nil {
		return err
	}
	a, err := p.open(c)
	if err != nil {
		return err
	}
	i, err := a.Issue(kind, r.Name, options)
	if err != nil {
		return err
	}
	return p.showIssued(c, a, i)
}

type pkiList struct{}

// Help is the second part of the help page.
func (*pkiList) Help() string { return "Example:\n\n    bulwark pki list --output json" }

// Run lists.
func (*pkiList) Run(c *call, p *pkiCommand) error {
	a, err := p.open(c)
	if err != nil {
		return err
	}
	records, err := a.List()
	if err != nil {
		return err
	}
	if p.Output == outputJSON {
		if records == nil {
			records = []pki.Record{}
		}
		return printJSON(c.Stdout, records)
	}
	for _, r := range records {
		state := "until " + r.NotAfter.Format(time.DateOnly)
		if !r.Revoked.IsZero() {
			state = "revoked " + r.Revoked.Format(time.DateOnly)
		}
		if _, err := fmt.Fprintf(c.Stdout, "%-6s  %-40s  %-18s  %s\n", r.Kind, r.Name, state, r.Serial); err != nil {
			return err
		}
	}
	return nil
}

type pkiRevoke struct {
	Which string `arg:"" help:"File of the certificate, or its serial number in hexadecimal."`
}

// Help is the second part of the help page.
func (*pkiRevoke) Help() string {
	return "A running CSE reads the new list by itself.\n\nExample:\n\n    bulwark pki revoke lamp.crt"
}

// Run revokes.
func (r *pkiRevoke) Run(c *call, p *pkiCommand) error {
	a, err := p.open(c)
	if err != nil {
		return err
	}
	record, err := a.Revoke(r.Which)
	if err != nil {
		return err
	}
	return p.show(c, record, "revoked: %s %s, serial number %s\n  revocation lists %s", record.Kind, record.Name, record.Serial, a.CRLFile())
}

type pkiCRL struct{}

// Help is the second part of the help page.
func (*pkiCRL) Help() string {
	return "The lists are good for a year; write them anew before that.\n\nExample:\n\n    bulwark pki crl"
}

// Run writes the lists.
func (*pkiCRL) Run(c *call, p *pkiCommand) error {
	a, err := p.open(c)
	if err != nil {
		return err
	}
	file, err := a.CRL()
	if err != nil {
		return err
	}
	return p.show(c, map[string]string{"crl": file}, "revocation lists %s", file)
}

type pkiRenew struct {
	File   string `arg:"" help:"File of the certificate."`
	NewKey bool   `name:"new-key" help:"Make a new key too."`
	Out    string `name:"out" placeholder:"PREFIX" help:"Write PREFIX.crt and PREFIX.key (default: in place)."`
	Days   int    `name:"days" default:"365" placeholder:"N" help:"Days for which it is good (default ${default})."`
}

// Help is the second part of the help page.
func (*pkiRenew) Help() string {
	return `Issues a certificate again with the same names, for the same key unless --new-key is given. The old one stays good until it expires.

Example:

    bulwark pki renew lamp.crt --new-key`
}

// Run renews.
func (r *pkiRenew) Run(c *call, p *pkiCommand) error {
	options, err := issueFlags{Out: r.Out, Days: r.Days}.options()
	if err != nil {
		return err
	}
	options.NewKey = r.NewKey
	a, err := p.open(c)
	if err != nil {
		return err
	}
	i, err := a.Renew(r.File, options)
	if err != nil {
		return err
	}
	return p.showIssued(c, a, i)
}
