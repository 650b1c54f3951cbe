package config_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/ops/config"
)

var update = flag.Bool("update", false, "write the generated files of docs/")

// uncomment makes a file of the example in which every key is set.
func uncomment(example string) string {
	return regexp.MustCompile(`(?m)^# (\[|[a-z-]+ = )`).ReplaceAllString(example, "$1")
}

func TestExample_LoadsAsItStandsAndGivesTheDefaults(t *testing.T) {
	t.Parallel()
	got := load(t, config.Sources{File: write(t, config.Example())})
	if diff := cmp.Diff(load(t, config.Sources{}), got, options()); diff != "" {
		t.Error(diff)
	}
}

func TestExample_HasEveryKeyWithAValueThatTheParserAccepts(t *testing.T) {
	t.Parallel()
	text := uncomment(config.Example())
	for _, k := range config.Keys() {
		if !regexp.MustCompile(`(?m)^` + k.Name + ` = \S`).MatchString(text) {
			t.Errorf("%s is missing", k.Path)
		}
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s has no sentence of documentation", k.Path)
		}
	}
	c := load(t, config.Sources{File: write(t, text)})
	if len(c.Listen) != 1 || len(c.Anchors) != 1 || len(c.Locations) != 1 || len(c.Peers) != 1 || len(c.Token.Issuers) != 1 || len(c.Trust.Roles) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestDocs_AreWhatTheStructSays(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"configuration.md": config.Reference(), "bulwark.example.toml": config.Example()} {
		path := "../../../docs/" + name
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("docs/%s is out of date; run go test ./internal/ops/config -update\n%s", name, diff)
		}
	}
}

func TestFindings_NameWhatIsRisky(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		flags      map[string]string
		want       string
	}{
		{"trust", "", map[string]string{"http": "127.0.0.1:1", "trust-plain": "true"}, "warning listen[1]: 127.0.0.1:1 trusts every From"},
		{"plain that others reach", "", map[string]string{"http": ":1", "allow-insecure": "true"}, "warning listen[1]: :1 is plain http"},
		{"strangers on https", "[[listen]]\nbinding=\"https\"\naddress=\"127.0.0.1:1\"\nsa=\"optional\"\n", nil, "warning listen[0]: 127.0.0.1:1 takes peers without a certificate"},
		{"open operations", "", map[string]string{"ops": "0.0.0.0:1"}, "warning ops: 0.0.0.0:1 tells everybody"},
		{"loopback receivers", "[outbound]\nallow=[\"127.0.0.0/8\"]\n", nil, "warning outbound.allow: 127.0.0.0/8 lets"},
		{"the example provider", "", nil, "info cse.sp: //m2m.example is the example provider"},
		{"subscription data elsewhere", "[cse]\ntype=\"mn\"\nrequire-subscription=true\n", nil, "warning cse.require-subscription: only an IN-CSE"},
		{"a registrar that proves nothing", "", registrar("mn", "http://127.0.0.1:8080", "/id-in"), "warning remote.url: plain http proves nobody's identity"},
		{"a CSE that its registrar can't call", "[[listen]]\nbinding=\"https\"\naddress=\":8443\"\n", registrar("mn", "https://in.example", "/id-in"), "warning cse.points: the registrar is told no address"},
		{"S-153 a CSE that others call over WebSocket alone, which a registrar doesn't", "[[listen]]\nbinding=\"wss\"\naddress=\"192.0.2.1:8444\"\n", registrar("mn", "https://in.example", "/id-in"), "warning cse.points: the registrar is told no address"},
		{"no revocation", "[[anchor]]\nca=\"x\"\nflavours=[\"ae\"]\n", nil, "info anchor[0].crl: no revocation list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := config.Sources{Flags: tt.flags}
			if tt.file != "" {
				src.File = write(t, tt.file)
			}
			var all []string
			for _, f := range load(t, src).Findings() {
				all = append(all, f.Severity.String()+" "+f.Subject+": "+f.Text)
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, tt.want) {
				t.Errorf("%q is not among\n%s", tt.want, text)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(config.Example())
	f.Add(uncomment(config.Example()))
	f.Add("[[listen]]\nbinding = \"http\"\n[token]\nissuer = [{a = 1}]\n")
	f.Add("a.b.c = 1\n\"\" = 2\n[x.y]\n[[x.z]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse([]byte(text))
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err == nil && (c.CSE.ID == "" || len(c.Listen) == 0) {
			t.Fatal("a valid configuration without identity or listener")
		}
	})
}
