package cli

import (
	"time"

	"bulwark/internal/ops/config"
)

type benchCommand struct {
	Duration    time.Duration `default:"5s" help:"Time of each measurement."`
	Connections int           `default:"64" help:"Connections at once."`
	Instances   int           `default:"1000000" help:"Instances in the store whose start and memory are measured."`
	Output      string        `enum:"text,json" default:"text" help:"Form of the table: text or json."`
}

// Help is the second part of the help page.
func (*benchCommand) Help() string {
	return `Runs a CSE in this process on loopback and gives each figure also as a ratio to a bare HTTP handler that is measured in the same run.

Example:

    bulwark bench --duration 2s --connections 16`
}

// Run measures.
func (b *benchCommand) Run(c *call) error {
	const longest, most, mostInstances = time.Hour, 10_000, 100_000_000
	switch {
	case b.Duration < 10*time.Millisecond || b.Duration > longest:
		return usagef("--duration must be from 10ms to %s", longest)
	case b.Connections < 1 || b.Connections > most:
		return usagef("--connections must be from 1 to %d", most)
	case b.Instances < 0 || b.Instances > mostInstances:
		return usagef("--instances must be from 0 to %d", mostInstances)
	case c.Parts.Bench == nil:
		return config.ErrNotInThisVersion
	}
	return c.Parts.Bench(c, BenchRequest{Output: b.Output, Duration: b.Duration, Connections: b.Connections, Instances: b.Instances}, c.Stdout)
}
