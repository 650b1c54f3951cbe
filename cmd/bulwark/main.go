// Command bulwark is a secure oneM2M CSE with its tools.
package main

import (
	"os"

	"bulwark/internal/bench"
	"bulwark/internal/cli"
	"bulwark/internal/dasserver"
	"bulwark/internal/demo"
	"bulwark/internal/inspect"
	"bulwark/internal/node"
	"bulwark/internal/shell"
)

func main() {
	os.Exit(cli.Main(cli.Parts{
		Bench:    bench.Run,
		Demo:     demo.Run,
		Serve:    node.Serve(cli.ReadBuild().Version),
		AE:       shell.AE,
		Keys:     inspect.Keys,
		Explain:  inspect.Explain,
		Findings: inspect.Findings,
		DAS:      dasserver.Command,
	}))
}
