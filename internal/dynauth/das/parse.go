package das

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/pelletier/go-toml/v2"

	"bulwark/e2e/esdata"
	"bulwark/internal/dynauth"
	"bulwark/onem2m"
)

// Identity says who the server is and what it may speak for.
type Identity struct {
	ID   onem2m.ID // absolute AE-ID: the issuer of its tokens
	FQDN string    // in lower case: behind the "@" of its Token-IDs and Role-IDs
}

// Check refuses what no token could carry.
func (i Identity) Check() error {
	if id, form, err := (onem2m.Home{}).ParseID(string(i.ID)); err != nil || form != onem2m.FormAbsolute || id != i.ID || id.Stem() == "" {
		return fmt.Errorf("%q is no absolute AE-ID, such as //m2m.example/Sdas", i.ID)
	}
	if sp, err := onem2m.ParseSP("//" + i.FQDN); err != nil || sp != "//"+i.FQDN {
		return fmt.Errorf("%q is no domain name in lower case, such as das.m2m.example", i.FQDN)
	}
	return nil
}

// policyFile is a policy as it is written. docs/das.md explains every key.
type policyFile struct {
	Grants    []grantFile    `toml:"grant"`
	Audiences []audienceFile `toml:"audience"`
	Signers   []signerFile   `toml:"signer"`
}

type grantFile struct {
	Name        string   `toml:"name"`
	Originators []string `toml:"originators"`
	Roles       []string `toml:"roles"`
	Credentials []string `toml:"credentials"`
	CSEs        []string `toml:"cses"`
	Resources   []string `toml:"resources"`
	Types       []string `toml:"types"`
	Operations  []string `toml:"operations"`
	Windows     []string `toml:"windows"`
	Lifetime    string   `toml:"lifetime"`
	AtOnce      int      `toml:"at-once"`
	AtOnceEach  int      `toml:"at-once-each"`

	Form           string   `toml:"form"`
	GiveRoles      []string `toml:"give-roles"`
	RolesAnywhere  bool     `toml:"roles-anywhere"`
	GiveOperations []string `toml:"give-operations"`
	GiveRules      string   `toml:"give-rules"`
}

type audienceFile struct {
	CSE     string `toml:"cse"`
	Protect string `toml:"protect"`
	Keys    string `toml:"keys"`
}

type signerFile struct {
	ID   string `toml:"id"`
	Keys string `toml:"keys"`
}

// Parse reads a policy. read returns the content of a file that it names. A key
// that is unknown and a value that would grant nothing, or something else than
// it seems to, is an error that says where; errors repeat nothing of a key file.
func Parse(data []byte, self Identity, read func(name string) ([]byte, error)) (*Policy, error) {
	if len(data) > MaxPolicy {
		return nil, fmt.Errorf("a policy has at most %d octets", MaxPolicy)
	}
	var f policyFile
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f); err != nil {
		return nil, place(err)
	}
	if len(f.Grants) > MaxGrants || len(f.Audiences) > MaxAudiences || len(f.Signers) > MaxSigners {
		return nil, errors.New("the policy has more tables than it may")
	}
	p := &Policy{}
	for i, g := range f.Grants {
		grant, err := g.grant(self)
		if err == nil && slices.ContainsFunc(p.Grants, func(other Grant) bool { return other.Name == grant.Name }) {
			err = errors.New("another grant has that name")
		}
		if err != nil {
			return nil, fmt.Errorf("grant %d (%s): %w", i+1, g.Name, err)
		}
		p.Grants = append(p.Grants, *grant)
	}
	for i, a := range f.Audiences {
		audience, err := a.audience(read)
		if err != nil {
			return nil, fmt.Errorf("audience %d (%s): %w", i+1, a.CSE, err)
		}
		p.Audiences = append(p.Audiences, *audience)
	}
	for i, s := range f.Signers {
		signer, err := s.signer(read)
		if err != nil {
			return nil, fmt.Errorf("signer %d (%s): %w", i+1, s.ID, err)
		}
		p.Signers = append(p.Signers, *signer)
	}
	return p, nil
}

// place makes one line of an error of the decoder, with line and column.
func place(err error) error {
	var missing *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		line, column := missing.Errors[0].Position()
		return fmt.Errorf("%d:%d: %s: unknown key", line, column, strings.Join(missing.Errors[0].Key(), "."))
	case errors.As(err, &decode):
		line, column := decode.Position()
		return fmt.Errorf("%d:%d: %s", line, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
}

// grant checks one grant.
func (f *grantFile) grant(self Identity) (*Grant, error) {
	g := &Grant{
		Name: f.Name, Originators: f.Originators, Roles: f.Roles, Credentials: f.Credentials,
		CSEs: f.CSEs, Resources: f.Resources, AtOnce: f.AtOnce, AtOnceEach: f.AtOnceEach,
	}
	if !onem2m.ValidName(g.Name) {
		return nil, errors.New("name: letters, digits and - . _ ~ only, at least one")
	}
	if len(g.Originators)+len(g.Roles)+len(g.Credentials) == 0 {
		return nil, errors.New("it says not for whom: originators, roles or credentials")
	}
	for _, list := range [][]string{f.Originators, f.Roles, f.Credentials, f.CSEs, f.Resources, f.Types, f.Operations, f.GiveRoles, f.GiveOperations} {
		if len(list) > MaxEntries {
			return nil, fmt.Errorf("a list has more than %d entries", MaxEntries)
		}
	}
	if err := g.checkNames(); err != nil {
		return nil, err
	}
	var err error
	if g.Types, err = parseTypes(f.Types); err != nil {
		return nil, err
	}
	if g.Operations, err = parseOperations("operations", f.Operations); err != nil {
		return nil, err
	}
	if err := f.limits(g); err != nil {
		return nil, err
	}
	g.Gift, err = f.gift(self)
	return g, err
}

// checkNames holds identifiers against the forms that questions have.
func (g *Grant) checkNames() error {
	for _, id := range g.Originators {
		if !plausible(id, 1, 2) {
			return fmt.Errorf("originators: %q is no absolute AE-ID or CSE-ID, such as //m2m.example/id-in/CLamp*", id)
		}
	}
	if len(g.CSEs) == 0 || len(g.Resources) == 0 {
		return errors.New("cses and resources say where it counts; both are needed")
	}
	for _, id := range g.CSEs {
		if !plausible(id, 1, 1) {
			return fmt.Errorf("cses: %q is no absolute CSE-ID, such as //m2m.example/id-in", id)
		}
	}
	for _, id := range g.Resources {
		if above, _ := strings.CutSuffix(id, "/**"); !plausible(above, 1, onem2m.MaxAddress) || strings.Contains(above, "**") {
			return fmt.Errorf("resources: %q is no absolute resource, such as //m2m.example/id-in/cnt7788; * stands for a segment, /** at the end for everything below", id)
		}
	}
	for _, role := range g.Roles {
		if !scoped(role) {
			return fmt.Errorf("roles: %q is no Role-ID, such as guest@roles.m2m.example", role)
		}
	}
	if slices.Contains(g.Credentials, "") {
		return errors.New("credentials: an entry is empty")
	}
	return nil
}

// plausible reports whether an entry has an M2M-SP-ID without "*" in front and
// so many segments behind it.
func plausible(id string, least, most int) bool {
	if len(id) > onem2m.MaxAddress || !strings.HasPrefix(id, "//") {
		return false
	}
	fqdn, path, ok := strings.Cut(id[2:], "/")
	if sp, err := onem2m.ParseSP("//" + fqdn); !ok || err != nil || sp != "//"+fqdn {
		return false
	}
	segments := strings.Split(path, "/")
	return len(segments) >= least && len(segments) <= most && !slices.Contains(segments, "")
}

// scoped reports whether a text has the form of a Role-ID or Token-ID.
func scoped(name string) bool {
	left, fqdn, ok := strings.Cut(name, "@")
	if !ok || left == "" || strings.ContainsFunc(left, notInScoped) {
		return false
	}
	sp, err := onem2m.ParseSP("//" + fqdn)
	return err == nil && sp == "//"+fqdn
}

func notInScoped(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
}

// limits reads windows, lifetime and numbers.
func (f *grantFile) limits(g *Grant) error {
	if len(f.Windows) > MaxWindows {
		return fmt.Errorf("windows: at most %d", MaxWindows)
	}
	for _, text := range f.Windows {
		w, err := onem2m.ParseSchedule(text)
		if err != nil {
			return fmt.Errorf("windows: %w", err)
		}
		g.Windows = append(g.Windows, w)
	}
	var err error
	if g.Lifetime, err = time.ParseDuration(f.Lifetime); err != nil {
		return errors.New(`lifetime: write a number and a unit, such as "90s", "10m" or "8h"`)
	}
	most := MaxLifetime
	if len(g.Windows) > 0 {
		most = MaxWindowLifetime
	}
	switch {
	case g.Lifetime < time.Second || g.Lifetime > most:
		return fmt.Errorf("lifetime: from 1s to %v", most)
	case g.AtOnce < 0 || g.AtOnce > MaxAll || g.AtOnceEach < 0 || g.AtOnceEach > MaxEach:
		return fmt.Errorf("at-once is at most %d, at-once-each at most %d", MaxAll, MaxEach)
	}
	g.AtOnce, g.AtOnceEach = cmp.Or(g.AtOnce, MaxAll), cmp.Or(g.AtOnceEach, MaxEach)
	return nil
}

// audience checks one audience.
func (f *audienceFile) audience(read func(string) ([]byte, error)) (*Audience, error) {
	if !plausible(f.CSE, 1, 1) {
		return nil, errors.New("cse is no absolute CSE-ID, such as //m2m.example/id-in")
	}
	c, err := dynauth.ParseAccept(f.Protect)
	if err != nil {
		return nil, fmt.Errorf("protect: %w", err)
	}
	a := &Audience{CSE: f.CSE, Protect: c}
	var needed []esdata.Algorithm
	if c.Signature != "" && c.Signature.Symmetric() {
		needed = append(needed, c.Signature)
	}
	if c.Management != "" {
		needed = append(needed, c.Management)
	}
	switch {
	case len(needed) == 0 && f.Keys != "":
		return nil, errors.New("keys: a signature is made with the keys of the server alone")
	case len(needed) > 0 && f.Keys == "":
		return nil, errors.New("keys must name the file with the keys that are shared with the CSE, or that encrypt for it")
	case len(needed) > 0:
		if a.Keys, err = readKeys(f.Keys, needed, read); err != nil {
			return nil, err
		}
	}
	return a, a.check()
}

// signer checks one signer.
func (f *signerFile) signer(read func(string) ([]byte, error)) (*Signer, error) {
	if !plausible(f.ID, 1, 2) {
		return nil, errors.New("id is no absolute AE-ID, such as //m2m.example/id-in/CLamp")
	}
	keys, err := readKeys(f.Keys, []esdata.Algorithm{esdata.ES256, esdata.RS256, esdata.HS256}, read)
	return &Signer{ID: f.ID, Keys: keys}, err
}

func readKeys(name string, algorithms []esdata.Algorithm, read func(string) ([]byte, error)) ([]*esdata.Key, error) {
	data, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, err := dynauth.ParseKeys(data, algorithms)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w", name, err)
	}
	return keys, nil
}

func parseTypes(names []string) ([]onem2m.ResourceType, error) {
	var out []onem2m.ResourceType
	for _, name := range names {
		info, err := onem2m.FindType(name)
		if err != nil {
			return nil, fmt.Errorf("types: %q is no resource type", name)
		}
		out = append(out, info.Type)
	}
	return out, nil
}

// rulesOf puts an originator into rules.
func rulesOf(template jsontext.Value, originator onem2m.ID) (jsontext.Value, error) {
	quoted, err := jsontext.AppendQuote(nil, string(originator))
	if err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(template, []byte(`"$originator"`), quoted), nil
}
