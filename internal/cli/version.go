package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Build says what program this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitzero"`
	Time     string `json:"time,omitzero"`
	Modified bool   `json:"modified,omitzero"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ReadBuild returns what the Go tool noted in the program.
func ReadBuild() Build {
	b := Build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

type versionCommand struct {
	Output string `enum:"text,json" default:"text" help:"Form: text or json."`
}

// Help is the second part of the help page.
func (*versionCommand) Help() string {
	return `Example:

    bulwark version --output json`
}

// Run prints the version.
func (v *versionCommand) Run(c *call) error {
	b := ReadBuild()
	if v.Output == outputJSON {
		return printJSON(c.Stdout, b)
	}
	text := "bulwark " + b.Version
	if b.Revision != "" {
		text += " (" + b.Revision[:min(12, len(b.Revision))] + ")"
	}
	_, err := fmt.Fprintf(c.Stdout, "%s %s %s\n", text, b.Go, b.Platform)
	return err
}

const outputJSON = "json"

// printJSON writes one value as indented JSON and a line end.
func printJSON(w io.Writer, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
