package config_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bulwark/internal/ops/config"
)

// write puts a configuration file into a new folder.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bulwark.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(t *testing.T, src config.Sources) *config.Config {
	t.Helper()
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_WithoutSourcesGivesTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, config.Sources{})
	if c.CSE.ID != "/id-in" || c.CSE.Name != "cse-in" || c.CSE.SP != "//m2m.example" || c.CSE.Admin != "CAdmin" || c.Data != "bulwark-data" {
		t.Errorf("identity: %+v", c.CSE)
	}
	if diff := cmp.Diff([]config.Release{"1", "2a", "3", "4"}, c.CSE.Releases); diff != "" {
		t.Error(diff)
	}
	want := []config.Listener{{
		Binding: "https", Address: "127.0.0.1:8443", SA: "required", Profile: "modern",
		Cert: "bulwark-data/pki/server.crt", Key: "bulwark-data/pki/server.key",
	}}
	if diff := cmp.Diff(want, c.Listen); diff != "" {
		t.Error(diff)
	}
	timing := config.Timing{
		ExpiryCheck:       config.Duration{Duration: time.Minute},
		RequestExpiration: config.Duration{Duration: 10 * time.Second},
		RequestLifetime:   config.Duration{Duration: time.Hour},
		RegistrationCheck: config.Duration{Duration: 30 * time.Second}, PollWait: config.Duration{Duration: 30 * time.Second},
		Consultation: config.Duration{Duration: 3 * time.Second}, DynamicDefault: config.Duration{Duration: time.Hour}, DynamicMax: config.Duration{Duration: 30 * 24 * time.Hour},
		ESPrimUnique: config.Duration{Duration: 10 * time.Minute}, ESPrimShared: config.Duration{Duration: 24 * time.Hour},
		DefaultExpiration: config.Duration{Duration: 5 * 365 * 24 * time.Hour}, MaxExpiration: config.Duration{Duration: 10 * 365 * 24 * time.Hour},
	}
	if c.Timing != timing {
		t.Errorf("timing: %+v", c.Timing)
	}
	if c.Outbound.Queue != 1000 || c.Outbound.GiveUp.Duration != time.Hour || c.Limits.Body != 1<<20 || c.Limits.Depth != 64 {
		t.Errorf("bounds: %+v %+v", c.Outbound, c.Limits)
	}
}

func TestLoad_TheIdentityFollowsTheType(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"in", "mn", "asn"} {
		c := load(t, config.Sources{Flags: map[string]string{"cse-type": kind}})
		if c.CSE.ID != "/id-"+kind || c.CSE.Name != "cse-"+kind {
			t.Errorf("%s: %s %s", kind, c.CSE.ID, c.CSE.Name)
		}
	}
	c := load(t, config.Sources{Flags: map[string]string{"cse-type": "mn", "cse-id": "/gateway"}})
	if c.CSE.ID != "/gateway" || c.CSE.Name != "cse-mn" {
		t.Errorf("%s %s", c.CSE.ID, c.CSE.Name)
	}
}

func TestLoad_FlagsGoOverEnvironmentOverFileOverDefaults(t *testing.T) {
	t.Parallel()
	file := write(t, "[cse]\nname = \"file\"\nid = \"/file\"\nsp = \"//file.example\"\n")
	env := []string{"BULWARK_CSE_ID=/env", "BULWARK_SP=//env.example", "PATH=/bin", "BULWARK_ADMIN="}
	c := load(t, config.Sources{File: file, Env: env, Flags: map[string]string{"sp": "//flag.example"}})
	if got := c.CSE.Name + " " + c.CSE.ID + " " + c.CSE.SP + " " + c.CSE.Admin; got != "file /env //flag.example CAdmin" {
		t.Error(got)
	}
	c = load(t, config.Sources{Env: append(env, "BULWARK_CONFIG="+file)})
	if c.CSE.Name != "file" {
		t.Error("BULWARK_CONFIG is not read")
	}
}

// texts are values that every kind of key accepts; special has those of keys
// with a narrower choice.
func texts() (byKind, special map[string]string) {
	byKind = map[string]string{
		"text": "word", "file": "/etc/x", "number": "77", "true or false": "true", "duration": "90s", "size": "128KiB", "list": "a.example,192.0.2.0/24",
	}
	special = map[string]string{
		"store": "sqlite", "cse.registrees": "/id-home*,//far.example/id-in", "ops": "127.0.0.1:9090", "log.level": "debug", "log.format": "json", "cse.type": "mn", "cse.id": "/other",
		"cse.name": "other", "cse.sp": "//other.example", "cse.admin": "CBoss", "cse.releases": "2a,3",
		"timing.max-expiration": "9y", "timing.clock-leeway": "5s", "cse.points": "https://a.example", "algorithms.esprim": "A128GCM,A256GCM", "cse.publish-rand": "false", "remote.url": "https://a.example", "remote.id": "/id-in",
		"pdp.resource": "cse-in/pdp", "prp.resource": "cse-in/prp", "pip.resource": "cse-in/pip", "pdp.tokens-to": "/id-far,/id-x", "pip.ask": "/id-far/cse/pip,/id-x/y",
		"das.id": "//m2m.example/Sdas", "das.fqdn": "das.example", "das.address": "127.0.0.1:9", "das.forwarders": "//m2m.example/id-far", "das.register": "https://a.example", "das.point": "https://a.example",
	}
	return byKind, special
}

// company are the environment and the flags without which a key is refused.
func company(path string) (env []string, flags map[string]string) {
	switch path {
	case "remote.url":
		return nil, map[string]string{"cse-type": "mn", "registrar-id": "/id-in"}
	case "remote.id":
		return nil, map[string]string{"cse-type": "mn", "registrar": "https://in.example"}
	case "remote.poll":
		return nil, registrar("mn", "https://in.example", "/id-in")
	case "das.id", "das.fqdn", "das.policy", "das.address", "das.cert", "das.key", "das.client-ca", "das.forwarders", "das.register", "das.point", "das.ae-cert", "das.ae-key":
		for _, set := range []string{"das.id=//m2m.example/Sdas", "das.fqdn=das.example", "das.policy=/etc/p", "das.cert=/etc/c", "das.key=/etc/k", "das.ae-cert=/etc/c", "das.ae-key=/etc/k"} {
			key, value, _ := strings.Cut(set, "=")
			if key != path {
				env = append(env, "BULWARK_"+strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))+"="+value)
			}
		}
		return env, nil
	case "remote.cert":
		return []string{"BULWARK_REMOTE_KEY=/etc/x"}, nil
	case "remote.key":
		return []string{"BULWARK_REMOTE_CERT=/etc/x"}, nil
	}
	return nil, nil
}

func TestLoad_EveryKeyCanBeSetByFileEnvironmentAndItsFlag(t *testing.T) {
	t.Parallel()
	byKind, special := texts()
	for _, k := range config.Keys() {
		if strings.HasSuffix(k.Table, "[]") || k.Later != "" || k.Path == "algorithms.profile" {
			continue // the last ones have one value only; TestLoad_RefusesWhatItWouldIgnore has them
		}
		text, ok := special[k.Path]
		if !ok {
			text = byKind[k.Kind]
		}
		t.Run(k.Path, func(t *testing.T) {
			t.Parallel()
			value := `"` + text + `"`
			switch k.Kind {
			case "list":
				value = `["` + strings.ReplaceAll(text, ",", `","`) + `"]`
			case "number", "true or false":
				value = text
			}
			head := ""
			if k.Table != "" {
				head = "[" + k.Table + "]\n"
			}
			env, flags := company(k.Path)
			byFile := load(t, config.Sources{File: write(t, head+k.Name+" = "+value+"\n"), Env: env, Flags: flags})
			if cmp.Equal(byFile, load(t, config.Sources{}), options()) && k.Path != "store" {
				t.Error("the file changes nothing")
			}
			for _, name := range k.Env {
				if diff := cmp.Diff(byFile, load(t, config.Sources{Env: append([]string{name + "=" + text}, env...), Flags: flags}), options()); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			if k.Flag != "" {
				given := map[string]string{k.Flag: text}
				maps.Copy(given, flags)
				if diff := cmp.Diff(byFile, load(t, config.Sources{Flags: given}), options()); diff != "" {
					t.Errorf("--%s: %s", k.Flag, diff)
				}
			}
		})
	}
}

func options() cmp.Option {
	return cmp.Options{cmpopts.EquateComparable(config.HostRule{})}
}

func TestLoad_PathsOfTheFileCountFromItsFolder(t *testing.T) {
	t.Parallel()
	file := write(t, `data = "d"
[cse]
base-policy = "/abs/p.json"
[[listen]]
binding = "https"
address = "127.0.0.1:1"
cert = "c.crt"
key = "c.key"
[[anchor]]
ca = "a.crt"
flavours = ["ae"]
crl = "http://crl.example.com/a.crl"
[[anchor]]
ca = "b.crt"
flavours = ["cse"]
crl = "b.crl"
`)
	dir := filepath.Dir(file)
	c := load(t, config.Sources{File: file, Env: []string{"BULWARK_OUTBOUND_CA=roots.crt"}})
	got := []string{
		string(c.Data), string(c.CSE.BasePolicy), string(c.Outbound.CA), string(c.Listen[0].Cert),
		string(c.Anchors[0].CA), string(c.Anchors[0].CRL), string(c.Anchors[1].CRL),
	}
	want := []string{
		dir + "/d", "/abs/p.json", "roots.crt", dir + "/c.crt",
		dir + "/a.crt", "http://crl.example.com/a.crl", dir + "/b.crl",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_ReadsDatesSizesAndLists(t *testing.T) {
	t.Parallel()
	c := load(t, config.Sources{File: write(t, `[cse]
releases = ["3"]
[limits]
body = 2048
header = "64KiB"
[timing]
max-expiration = "30d"
default-expiration = "36h"
[outbound]
allow = ["127.0.0.1/32", "::1", "*.Example.com"]
`)})
	if len(c.CSE.Releases) != 1 || c.Limits.Body != 2048 || c.Limits.Header != 65536 || c.Timing.MaxExpiration.Hours() != 720 {
		t.Errorf("%+v %+v %+v", c.CSE, c.Limits, c.Timing)
	}
	var rules []string
	for _, r := range c.Outbound.Allow {
		text, err := r.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, string(text))
	}
	if diff := cmp.Diff([]string{"127.0.0.1/32", "::1/128", "*.example.com"}, rules); diff != "" {
		t.Error(diff)
	}
}

// esprimKey begins an entry with a pairwise key.
const esprimKey = "[[esprim.key]]\nid = \"a@m2m.example\"\n"

func TestESPrimKey_ShowsNothing(t *testing.T) {
	t.Parallel()
	const secret = "MDEyMzQ1Njc4OWFiY2RlZg"
	c := load(t, config.Sources{File: write(t, esprimKey+"peer = \"//m2m.example/id-mn/CLamp\"\nkey = \""+secret+"\"\n")})
	if string(c.ESPrim.Keys[0].Key) != secret {
		t.Fatal("the key isn't there")
	}
	for _, format := range []string{"%v", "%+v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(format, c.ESPrim.Keys[0].Key) + fmt.Sprintf(format, c.ESPrim); strings.Contains(text, secret) {
			t.Errorf("E-33: %s shows it", format)
		}
	}
	found := false
	for _, f := range c.Findings() {
		found = found || f.Subject == "esprim.key[0]" && f.Severity == config.Warning
	}
	if !found {
		t.Error("no finding about a key in the file")
	}
}

func TestLoad_RefusesWithThePlaceAndWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, want string
		env              []string
		flags            map[string]string
		later            bool
	}{
		{name: "an unknown table", file: "\n[csf]\n", want: "toml:2:2: csf: unknown key"},
		{name: "an unknown key", file: "[cse]\nid = \"/a\"\n  nmae = \"x\"\n", want: "toml:3:3: cse.nmae: unknown key"},
		{name: "an unknown key in a list of tables", file: "[[listen]]\nadress = \"x\"\n", want: "toml:2:1: listen.adress: unknown key"},
		{name: "several unknown keys at once", file: "a = 1\nb = 2\n", want: "toml:2:1: b: unknown key"},
		{name: "a table of a later version", file: "[[psk]]\nid = \"x\"\n", want: "toml:1:3: psk: not in this version", later: true},
		{name: "another table of a later version", file: "[maf]\nresource = \"x\"\n", want: "toml:1:2: maf: not in this version", later: true},
		{name: "A-169 a point that is no child of the CSEBase", file: "[pdp]\nresource = \"cse-in/a/pdp\"\n", want: "toml:2:1: pdp.resource: \"cse-in/a/pdp\" is no child of the CSEBase"},
		{name: "A-169 a point of another CSE", file: "[pip]\nresource = \"cse-mn/pip\"\n", want: "pip.resource: \"cse-mn/pip\" is no child"},
		{name: "A-169 a resource for two points", file: "[pdp]\nresource = \"cse-in/x\"\n[prp]\nresource = \"cse-in/x\"\n", want: "prp.resource: cse-in/x is bound twice"},
		{name: "A-106 a repository on this CSE", file: "[[trust.role-authority]]\nid = \"//m2m.example/Sroles\"\nfqdn = \"roles.example\"\nrepository = \"/id-in/cse-in\"\n", want: "toml:4:1: trust.role-authority[0].repository: \"/id-in/cse-in\" is no address on another CSE"},
		{name: "A-106 a CSE as repository", file: "[[trust.role-authority]]\nid = \"//m2m.example/Sroles\"\nfqdn = \"roles.example\"\nrepository = \"/id-far\"\n", want: "is no address on another CSE"},
		{name: "tokens for an AE", file: "[pdp]\ntokens-to = [\"Cae\"]\n", want: "pdp.tokens-to: \"Cae\" is no CSE-ID"},
		{name: "further points of this CSE", file: "[pip]\nask = [\"cse-in/pip\"]\n", want: "pip.ask: \"cse-in/pip\" is no address of another CSE"},
		{name: "targets without policies", file: "[[governed]]\ntargets = [\"//m2m.example/id-mn/*\"]\n", want: "governed[0].policies: must name"},
		{name: "targets that aren't absolute", file: "[[governed]]\ntargets = [\"/id-mn/*\"]\npolicies = [\"cse-in/p\"]\n", want: "is no absolute address"},
		{name: "targets across CSEs", file: "[[governed]]\ntargets = [\"//m2m.example/id-m*\"]\npolicies = [\"cse-in/p\"]\n", want: "is no absolute address"},
		{name: "targets of this CSE", file: "[[governed]]\ntargets = [\"//m2m.example/id-in/x\"]\npolicies = [\"cse-in/p\"]\n", want: "is a resource of this CSE"},
		{name: "a key without its octets", file: esprimKey + "peer = \"//m2m.example/id-mn/CLamp\"\n", want: "esprim.key[0].key-file: one of key and key-file is needed"},
		{name: "a key that is short", file: esprimKey + "peer = \"//m2m.example/id-mn/CLamp\"\nkey = \"AAAA\"\n", want: "esprim.key[0].key: not a key: 16 octets or more in base64url"},
		{name: "a key of a relative peer", file: esprimKey + "peer = \"/id-mn/CLamp\"\nkey-file = \"x\"\n", want: "is no absolute AE-ID or CSE-ID"},
		{name: "a key with itself", file: esprimKey + "peer = \"//m2m.example/id-in\"\nkey-file = \"x\"\n", want: "esprim.key[0].peer: is this CSE itself"},
		{name: "a key of the admin", file: esprimKey + "peer = \"//m2m.example/id-in/CAdmin\"\nkey-file = \"x\"\n", want: "esprim.key[0].peer: is the admin"},
		{name: "a key that ends without an offset", file: esprimKey + "expires = \"2031-01-01\"\n", want: "is no time with an offset"},
		{name: "a key that is given twice", file: esprimKey + "peer = \"//m2m.example/id-mn/CLamp\"\nkey-file = \"x\"\n" + esprimKey + "peer = \"//m2m.example/id-mn/CLamp\"\nkey-file = \"x\"\n", want: "esprim.key[1].id: a@m2m.example is given twice"},
		{name: "a relative peer of a key establishment", file: "[[escertke.peer]]\nid = \"/id-mn\"\n", want: "escertke.peer[0].id: \"/id-mn\" is no absolute AE-ID or CSE-ID"},
		{name: "a key establishment with itself", file: "[[escertke.peer]]\nid = \"//m2m.example/id-in\"\n", want: "escertke.peer[0].id: is this CSE itself"},
		{name: "a key establishment with the admin", file: "[[escertke.peer]]\nid = \"//m2m.example/id-in/CAdmin\"\n", want: "escertke.peer[0].id: is the admin"},
		{name: "a peer of a key establishment twice", file: "[[escertke.peer]]\nid = \"//m2m.example/id-mn\"\n[[escertke.peer]]\nid = \"//m2m.example/id-mn\"\n", want: "escertke.peer[1].id: //m2m.example/id-mn is given twice"},
		{name: "a domain name of an AE", file: "[[escertke.peer]]\nid = \"//m2m.example/id-mn/Cae\"\nca = \"x\"\ndns = \"a.example\"\n", want: "is no domain name, or the peer is no CSE"},
		{name: "a domain name without an anchor of its own", file: "[[escertke.peer]]\nid = \"//m2m.example/id-mn\"\ndns = \"a.example\"\n", want: "goes with ca"},
		{name: "a key establishment without a certificate", file: "[[listen]]\nbinding = \"http\"\naddress = \"127.0.0.1:1\"\n[[escertke.peer]]\nid = \"//m2m.example/id-mn\"\n", want: "this CSE has no certificate to show"},
		{name: "an algorithm that isn't of ESPrim", file: "[algorithms]\nesprim = [\"A256CBC\"]\n", want: "is none of A256GCM, A192GCM and A128GCM"},
		{name: "a registrar without its identity", file: "[cse]\ntype=\"mn\"\n[remote]\nurl = \"https://in.example\"\n", want: "remote.id: must be the CSE-ID of the registrar"},
		{name: "a registrar without an address", file: "[cse]\ntype=\"mn\"\n[remote]\nid = \"/id-in\"\n", want: "toml:3:2: remote.url: must be the URL of the registrar"},
		{name: "a registrar that is no CSE", flags: registrar("mn", "https://in.example", "Cx"), want: "--registrar-id: remote.id: \"Cx\" is no CSE-ID"},
		{name: "a registrar that is the CSE itself", flags: registrar("mn", "https://in.example", "/id-mn"), want: "is this CSE itself"},
		{name: "a registrar with a scheme of its own", flags: registrar("mn", "mqtt://in.example", "/id-in"), want: "--registrar: remote.url: \"mqtt://in.example\" is no URL of a CSE"},
		{name: "a registrar that has credentials in its URL", flags: registrar("mn", "https://u:p@in.example", "/id-in"), want: "is no URL of a CSE: write https://host:port or wss://host:port"},
		{name: "S-004 a plain registrar elsewhere", flags: registrar("mn", "http://in.example:8080", "/id-in"), want: "plain http is for a registrar on this machine"},
		{name: "a registrar of an IN-CSE in its own domain (C-216)", flags: registrar("in", "https://in.example", "/id-far"), want: "an in registers with a CSE of another provider"},
		{name: "a registrar of another provider for an MN-CSE (C-216)", flags: registrar("mn", "https://in.example", "//far.example/id-far"), want: "an mn registers with a CSE of its own provider"},
		{name: "polling without a registrar", file: "[remote]\npoll = true\n", want: "toml:2:1: remote.poll: there is no registrar"},
		{name: "a certificate for the registrar without its key", file: "[remote]\ncert = \"x\"\n", want: "toml:2:1: remote.cert: cert and key go together"},
		{name: "a point of access that is no URL", file: "[cse]\npoints = [\"gateway\"]\n", want: "cse.points: \"gateway\" is no http or https URL"},
		{name: "a binding of a later version", file: "[[listen]]\nbinding = \"coaps\"\n", want: "toml:2:1: listen[0].binding: the binding coaps is not in this version", later: true},
		{name: "pre-shared keys", file: "[[listen]]\nbinding = \"https\"\naddress = \"127.0.0.1:1\"\npsk = true\n", want: "toml:4:1: listen[0].psk: pre-shared keys are not in this version", later: true},
		{name: "a syntax error", file: "[cse\n", want: "toml:1:5: "},
		{name: "a key twice", file: "[cse]\nid = \"/a\"\nid = \"/b\"\n", want: "toml:3:1: "},
		{name: "text for a flag", file: "[cse]\nverify-urls = \"yes\"\n", want: "toml:2:15: cse.verify-urls: "},
		{name: "a number for a duration", file: "[timing]\nexpiry-check = 60\n", want: "toml:2:1: timing.expiry-check: \"60\" is not a duration: write a number and a unit"},
		{name: "a word that is none of the choice", file: "[cse]\ntype = \"xn\"\n", want: "toml:2:1: cse.type: \"xn\" is none of in, mn, asn"},
		{name: "a release that nobody knows", file: "[cse]\nreleases = [\"3\", \"9\"]\n", want: "toml:2:1: cse.releases: \"9\" is none of 1, 2a, 3, 4"},
		{name: "a bad name with its place", file: "[cse]\n\nid = \"id-in\"\n", want: "toml:3:1: cse.id: \"id-in\" is no CSE-ID: write a slash"},
		{name: "a CSE-ID that looks like an AE-ID", flags: map[string]string{"cse-id": "/Server"}, want: "--cse-id: cse.id: \"/Server\" looks like an AE-ID"},
		{name: "a name with a blank", env: []string{"BULWARK_CSE_NAME=a b"}, want: "BULWARK_CSE_NAME: cse.name: \"a b\" is no resource name"},
		{name: "a name equal to the CSE-ID", flags: map[string]string{"cse-name": "id-in"}, want: "must differ from the CSE-ID"},
		{name: "a provider without slashes", flags: map[string]string{"sp": "m2m.example"}, want: "--sp: cse.sp: \"m2m.example\" is no M2M-SP-ID: write //"},
		{name: "an admin that is no stem", flags: map[string]string{"admin": "admin"}, want: "--admin: cse.admin: \"admin\" is no AE-ID-stem"},
		{name: "a postgres store", flags: map[string]string{"store": "postgres://db.example/x"}, want: "--store: store: a shared PostgreSQL engine is not in this version; use sqlite", later: true},
		{name: "a flag of a later version", flags: map[string]string{"coap": "127.0.0.1:5683"}, want: "--coap: not in this version", later: true},
		{name: "its environment variable", env: []string{"BULWARK_COAP=127.0.0.1:5683"}, want: "BULWARK_COAP: not in this version", later: true},
		{name: "two variables that disagree", env: []string{"BULWARK_SP=//a.example", "BULWARK_CSE_SP=//b.example"}, want: "BULWARK_SP: cse.sp: BULWARK_CSE_SP says otherwise"},
		{name: "plain http that others reach", flags: map[string]string{"http": "0.0.0.0:8080"}, want: "--http: listen[1].address: 0.0.0.0:8080 is plain http on an address that others can reach; use 127.0.0.1, use https, or give --allow-insecure"},
		{name: "plain http on every address", flags: map[string]string{"http": ":8080"}, want: "or give --allow-insecure"},
		{name: "trust on an open address even if insecure is allowed", flags: map[string]string{"http": "192.0.2.1:80", "allow-insecure": "true", "trust-plain": "true"}, want: "--trust-plain: listen[1].trust-plain: 192.0.2.1:80 is not a loopback address"},
		{name: "trust without a plain listener", flags: map[string]string{"trust-plain": "true"}, want: "--trust-plain: there is no plain listener; add --http"},
		{name: "trust on https", file: "[[listen]]\nbinding=\"https\"\naddress=\"127.0.0.1:1\"\ntrust-plain=true\n", want: "toml:4:1: listen[0].trust-plain: is for plain listeners only"},
		{name: "optional association that others reach (S-006)", file: "[[listen]]\nbinding=\"https\"\naddress=\"[::]:443\"\nsa=\"optional\"\n", want: "toml:4:1: listen[0].sa: optional on [::]:443 lets strangers in"},
		{name: "a plain listener that requires an association", file: "[[listen]]\nbinding=\"http\"\naddress=\"127.0.0.1:1\"\nsa=\"required\"\n", want: "toml:4:1: listen[0].sa: a plain listener has no security associations"},
		{name: "a certificate without its key", file: "[[listen]]\nbinding=\"https\"\naddress=\"127.0.0.1:1\"\ncert=\"x\"\n", want: "toml:4:1: listen[0].cert: cert and key go together"},
		{name: "a listener without a binding", file: "[[listen]]\naddress=\"127.0.0.1:1\"\n", want: "toml:1:3: listen[0].binding: must be http, https, ws or wss"},
		{name: "no listener", flags: map[string]string{"https": "off"}, want: "there is no listener; give --https ADDR or --http ADDR"},
		{name: "an address without a port", flags: map[string]string{"https": "localhost"}, want: "--https: listen[0].address: \"localhost\" is no address: write host:port"},
		{name: "one address twice", flags: map[string]string{"http": "127.0.0.1:8443"}, want: "another listener has 127.0.0.1:8443 already"},
		{name: "web pages on a listener without WebSocket", file: "[[listen]]\nbinding=\"http\"\naddress=\"127.0.0.1:1\"\norigins=[\"dash.example.com\"]\n", want: "toml:4:1: listen[0].origins: is for ws and wss listeners only"},
		{name: "web pages by a malformed pattern", file: "[[listen]]\nbinding=\"wss\"\naddress=\"127.0.0.1:1\"\norigins=[\"[\"]\n", want: "toml:4:1: listen[0].origins: \"[\" is no pattern"},
		{name: "plain WebSocket for others", file: "[[listen]]\nbinding=\"ws\"\naddress=\"192.0.2.1:1\"\n", want: "toml:3:1: listen[0].address: 192.0.2.1:1 is plain ws on an address that others can reach; use 127.0.0.1, use wss, or give --allow-insecure"},
		{name: "proxies that are everybody", file: "[[listen]]\nbinding=\"http\"\naddress=\"127.0.0.1:1\"\ntrusted-proxies=[\"0.0.0.0/0\"]\n", want: "toml:4:1: listen[0].trusted-proxies: 0.0.0.0/0 trusts everybody"},
		{name: "an anchor for nothing", file: "[[anchor]]\nca=\"x\"\n", want: "toml:1:3: anchor[0].flavours: must name at least one of"},
		{name: "a flavour that nobody knows", file: "[[anchor]]\nca=\"x\"\nflavours=[\"tree\"]\n", want: "toml:3:1: anchor[0].flavours: \"tree\" is none of ae, cse, node, device, fqdn"},
		{name: "a place off the globe", file: "[[location]]\nid=\"//m2m.example/id-in/C1\"\nlatitude=91.0\n", want: "toml:3:1: location[0].latitude: must be from -90 to 90"},
		{name: "a place that is no number", file: "[[location]]\nid=\"//m2m.example/id-in/C1\"\nlongitude=nan\n", want: "toml:3:1: location[0].longitude: must be"},
		{name: "a place of a relative identifier", file: "[[location]]\nid=\"C1\"\n", want: "toml:2:1: location[0].id: \"C1\" is no absolute AE-ID"},
		{name: "a peer that is an AE", file: "[[peer]]\nid=\"/id-far/C1\"\n", want: "toml:2:1: peer[0].id: \"/id-far/C1\" is no CSE-ID"},
		{name: "the IN-CSE of its own provider by DNS", file: "[[peer]]\nid=\"/id-far\"\ndns-port=443\n", want: "peer[0].dns-port: an in finds the IN-CSEs of other providers by DNS: /id-far isn't one"},
		{name: "a port that is none", file: "[[peer]]\nid=\"//far.example/id-in\"\ndns-port=70000\n", want: "peer[0].dns-port: 70000 is no port"},
		{name: "two IN-CSEs of a provider by DNS", file: "[[peer]]\nid=\"//far.example/id-in\"\ndns-port=443\n[[peer]]\nid=\"//far.example/id-in2\"\ndns-port=443\n", want: "peer[1].dns-port: another entry leads to //far.example"},
		{name: "a registree that is an AE", file: "[cse]\nregistrees=[\"/id-home*\",\"Cx\"]\n", want: "cse.registrees[1]: \"Cx\" is no CSE-ID"},
		{name: "registrees of any provider", file: "[cse]\nregistrees=[\"//*/id-in\"]\n", want: "cse.registrees[0]: \"//*/id-in\" is no CSE-ID"},
		{name: "a peer over every network", file: "[[peer]]\nid=\"/id-far\"\nnetwork=\"default\"\n", want: "toml:3:1: peer[0].network: default stands for"},
		{name: "a peer over two networks", file: "[[peer]]\nid=\"/id-far\"\nnetwork=\"a\"\n[[peer]]\nid=\"//m2m.example/id-far\"\nnetwork=\"b\"\n", want: "toml:6:1: peer[1].network: another entry names the network"},
		{name: "a peer that is this CSE", file: "[[peer]]\nid=\"//M2M.example/id-in\"\n", want: "is this CSE itself"},
		{name: "outbound to everywhere", file: "[outbound]\nallow=[\"0.0.0.0/0\"]\n", want: "toml:2:1: outbound.allow: 0.0.0.0/0 allows every address"},
		{name: "outbound to nonsense", file: "[outbound]\ndeny=[\"300.1.1.1\"]\n", want: "toml:2:7: outbound.deny: \"300.1.1.1\" is neither an address range"},
		{name: "a lifetime of nothing", file: "[timing]\nrequest-expiration=\"0s\"\n", want: "toml:2:1: timing.request-expiration: must be longer than 0"},
		{name: "a default beyond the longest", env: []string{"BULWARK_TIMING_MAX_EXPIRATION=1y"}, want: "timing.default-expiration: must not be longer than max-expiration"},
		{name: "a queue of nothing", env: []string{"BULWARK_OUTBOUND_QUEUE=0"}, want: "BULWARK_OUTBOUND_QUEUE: outbound.queue: must be at least 1"},
		{name: "a count that is no number", env: []string{"BULWARK_AUDIT_COUNT=ten"}, want: "BULWARK_AUDIT_COUNT: audit.count: \"ten\" is not a whole number"},
		{name: "a profile with legacy suites", file: "[[listen]]\nbinding=\"https\"\naddress=\"127.0.0.1:1\"\nprofile=\"onem2m\"\n", want: "toml:4:1: listen[0].profile: the profile onem2m is not in this version; use modern", later: true},
		{name: "that profile in the environment", env: []string{"BULWARK_ALGORITHMS_PROFILE=onem2m"}, want: "BULWARK_ALGORITHMS_PROFILE: algorithms.profile: the profile onem2m is not in this version", later: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := config.Sources{Env: tt.env, Flags: tt.flags}
			if tt.file != "" {
				src.File = write(t, tt.file)
			}
			c, err := config.Load(src)
			if err == nil {
				t.Fatal("is accepted")
			}
			if c != nil {
				t.Error("a configuration comes with the error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if errors.Is(err, config.ErrNotInThisVersion) != tt.later {
				t.Errorf("%v: marked as of a later version: %v", err, !tt.later)
			}
		})
	}
}

func TestLoad_RefusesWhatItWouldIgnore(t *testing.T) {
	t.Parallel()
	tests := []struct{ table, key, value, env string }{
		{"algorithms", "allow", `["TLS_RSA_WITH_AES_128_CBC_SHA"]`, "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{"algorithms", "deny", `["X25519"]`, "X25519"},
	}
	for _, tt := range tests {
		path := tt.table + "." + tt.key
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Sources{File: write(t, "["+tt.table+"]\n"+tt.key+" = "+tt.value+"\n")})
			place := "toml:2:1: " + path + ": "
			if !errors.Is(err, config.ErrNotInThisVersion) || !strings.Contains(err.Error(), place) {
				t.Errorf("in the file: %v", err)
			}
			name := "BULWARK_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
			_, err = config.Load(config.Sources{Env: []string{name + "=" + tt.env}})
			if !errors.Is(err, config.ErrNotInThisVersion) || !strings.HasPrefix(err.Error(), name+": "+path+": ") {
				t.Errorf("in the environment: %v", err)
			}
		})
	}
}

func TestLoad_AcceptsTheHarmlessValueOfAKeyOfALaterVersion(t *testing.T) {
	t.Parallel()
	load(t, config.Sources{File: write(t, `[algorithms]
profile = "modern"
allow = []
deny = []
[[listen]]
binding = "https"
address = "127.0.0.1:1"
psk = false
profile = "modern"
`)})
}

func TestLoad_RefusesAFileThatIsAbsentOrHuge(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(config.Sources{File: filepath.Join(t.TempDir(), "none.toml")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	huge := write(t, strings.Repeat("#", 5<<20))
	if _, err := config.Load(config.Sources{File: huge}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestLoad_WarnsOfAVariableThatNamesNothing(t *testing.T) {
	t.Parallel()
	c := load(t, config.Sources{Env: []string{"BULWARK_CSE_IDD=/x", "BULWARK_AE_CSE=https://in.example", "BULWARK_AE_KEY=k", "BULWARK_SLOW=1"}})
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "BULWARK_CSE_IDD") {
		t.Errorf("got %q", c.Warnings)
	}
}

func TestLoad_ListenerFlagsChangeAddOrRemove(t *testing.T) {
	t.Parallel()
	const one = "[[listen]]\nbinding=\"http\"\naddress=\"127.0.0.1:1\"\ntrust-plain=true\n"
	tests := []struct {
		name, file string
		flags      map[string]string
		want       string
	}{
		{"the default", "", nil, "https 127.0.0.1:8443"},
		{"another address", "", map[string]string{"https": "[::1]:1"}, "https [::1]:1"},
		{"plain beside it", "", map[string]string{"http": "127.0.0.1:2"}, "https 127.0.0.1:8443, http 127.0.0.1:2"},
		{"plain alone", "", map[string]string{"https": "off", "http": "localhost:2", "trust-plain": "true"}, "http localhost:2 trusts"},
		{"insecure by permission", "", map[string]string{"https": "off", "http": ":2", "allow-insecure": "true"}, "http :2"},
		{"the file alone has no default", one, nil, "http 127.0.0.1:1 trusts"},
		{"a flag moves the listener of the file", one, map[string]string{"http": "127.0.0.1:2"}, "http 127.0.0.1:2 trusts"},
		{"a flag takes trust away", one, map[string]string{"trust-plain": "false"}, "http 127.0.0.1:1"},
		{"a flag adds to the file", one, map[string]string{"https": "127.0.0.1:2"}, "http 127.0.0.1:1 trusts, https 127.0.0.1:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := config.Sources{Flags: tt.flags}
			if tt.file != "" {
				src.File = write(t, tt.file)
			}
			var got []string
			for _, l := range load(t, src).Listen {
				s := string(l.Binding) + " " + l.Address
				if l.TrustPlain {
					s += " trusts"
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// registrar are the flags of a CSE of a kind that registers with another.
func registrar(kind, url, id string) map[string]string {
	return map[string]string{"cse-type": kind, "registrar": url, "registrar-id": id}
}

func TestLoad_TakesARegistrar(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]map[string]string{
		"an MN-CSE":                         registrar("mn", "https://in.m2m.example:8443", "/id-in"),
		"an ASN-CSE with an absolute name":  registrar("asn", "https://in.m2m.example:8443/path", "//m2m.example/id-mn"),
		"an IN-CSE of another provider":     registrar("in", "https://in.far.example", "//far.example/id-in"),
		"a plain registrar on this machine": registrar("mn", "http://127.0.0.1:8080", "/id-in"),
	} {
		c := load(t, config.Sources{Flags: flags})
		if c.Remote.URL != flags["registrar"] || c.RegistrarID() == "" {
			t.Errorf("%s: %+v", name, c.Remote)
		}
	}
	if id := load(t, config.Sources{}).RegistrarID(); id != "" {
		t.Errorf("without a registrar: %q", id)
	}
}
