package federation

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulwark/internal/ops/config"
	"bulwark/test/harness"
)

// topologies returns the text of docs/topologies.md.
func topologies(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "topologies.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documented returns the configuration files of the page by name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)`([a-z]+\\.toml)`:\n\n```toml\n(.*?)```").FindAllStringSubmatch(topologies(t), -1) {
		files[m[1]] = m[2]
	}
	return files
}

func TestTopologies_EveryFileLoads(t *testing.T) {
	t.Parallel()
	files := documented(t)
	want := []string{"far.toml", "gateway.toml", "in.toml", "lights.toml", "near.toml", "north.toml"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("the page has %v", got)
	}
	for name, text := range files {
		if _, err := config.Load(config.Sources{File: harness.Configure(t, text)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	parts := regexp.MustCompile("(?s)```toml\n(\\[\\[.*?)```").FindAllStringSubmatch(topologies(t), -1)
	if len(parts) == 0 {
		t.Error("no parts of files")
	}
	for _, part := range parts { // each is an addition to one of the files
		var failed error
		for _, name := range []string{"in.toml", "gateway.toml"} {
			if _, failed = config.Load(config.Sources{File: harness.Configure(t, files[name]+part[1])}); failed == nil {
				break
			}
		}
		if failed != nil {
			t.Errorf("%s: %v", part[1], failed)
		}
	}
}

// reader does in an empty folder what a chapter says. Host names and ports are
// this machine's, which the certificates of CSEs name too.
type reader struct {
	dir   string
	files map[string]string
	hosts *strings.Replacer
	ports map[string]string // by file
	env   []string

	printed string            // by the last command
	started map[string]string // data directory of what runs, by file
}

// follow reads a chapter. hosts are the files by host name.
func follow(t *testing.T, chapter string, hosts map[string]string) *reader {
	t.Helper()
	_, text, found := strings.Cut(topologies(t), "\n## "+chapter+"\n")
	if !found {
		t.Fatalf("no chapter %s", chapter)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	r := &reader{dir: t.TempDir(), files: documented(t), ports: map[string]string{}, started: map[string]string{}}
	var pairs []string
	for host, file := range hosts {
		r.ports[file] = port(t)
		pairs = append(pairs, host+":8443", "127.0.0.1:"+r.ports[file])
	}
	r.hosts = strings.NewReplacer(pairs...)
	if err := os.Symlink(harness.Binary(t), filepath.Join(r.dir, "bulwark")); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH"))
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(text, -1) {
		r.do(t, m[1])
	}
	return r
}

// do runs one line. What needs a registration that comes about by itself is tried
// again.
func (r *reader) do(t *testing.T, line string) {
	t.Helper()
	if file, serves := strings.CutPrefix(line, "bulwark serve --config "); serves {
		r.serve(t, file)
		return
	}
	if exports, ok := strings.CutPrefix(line, "export "); ok {
		r.env = append(r.env, strings.Fields(r.hosts.Replace(exports))...)
		return
	}
	if strings.HasPrefix(line, "bulwark pki issue cse ") {
		line += " --ip 127.0.0.1"
	}
	run := func() (string, error) {
		c := exec.CommandContext(t.Context(), "sh", "-c", line)
		c.Dir, c.Env = r.dir, r.env
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if strings.HasPrefix(line, "bulwark ae ") {
		await(t, line, func() bool {
			out, err := run()
			r.printed = out
			if err != nil {
				t.Logf("%s: %s", line, out)
			}
			return err == nil
		})
		return
	}
	if out, err := run(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

func (r *reader) serve(t *testing.T, file string) {
	t.Helper()
	text, ok := r.files[file]
	if !ok {
		t.Fatalf("the page has no %s", file)
	}
	text = r.hosts.Replace(strings.ReplaceAll(text, "0.0.0.0:8443", "127.0.0.1:"+r.ports[file]))
	path := filepath.Join(r.dir, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(r.dir, between(text, `data = "`, `"`))
	r.started[file] = data
	harness.Start(t, data, "--config", path)
}

func TestTopologies_EveryChapterWorksAsWritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		chapter string
		hosts   map[string]string
		files   []string
		last    string // what the last command prints
	}{
		{"Home gateway", map[string]string{"id-in.m2m.example": "in.toml", "id-mn.m2m.example": "gateway.toml"}, []string{"gateway.toml", "in.toml"}, `"on"`},
		{"City with gateways", map[string]string{"id-in.m2m.example": "in.toml", "id-north.m2m.example": "north.toml", "id-lights.m2m.example": "lights.toml"}, []string{"in.toml", "lights.toml", "north.toml"}, `"dimmed"`},
		{"Two providers", map[string]string{"id-in.near.example": "near.toml", "id-in.far.example": "far.toml"}, []string{"far.toml", "near.toml"}, `"open"`},
	}
	for _, tt := range tests {
		t.Run(tt.chapter, func(t *testing.T) {
			t.Parallel()
			r := follow(t, tt.chapter, tt.hosts)
			if got := slices.Sorted(maps.Keys(r.started)); !slices.Equal(got, tt.files) {
				t.Errorf("started %v", got)
			}
			if !strings.Contains(r.printed, tt.last) {
				t.Errorf("in the end: %s", r.printed)
			}
		})
	}
}
