package cli

import "bulwark/internal/ops/config"

type demoCommand struct{}

// Help is the second part of the help page.
func (*demoCommand) Help() string {
	return `Takes less than a minute, uses loopback addresses and a temporary folder only, and asks for nothing. The exit status is 0 only if every step did what it should.

Example:

    bulwark demo`
}

// Run tells the story.
func (*demoCommand) Run(c *call) error {
	if c.Parts.Demo == nil {
		return config.ErrNotInThisVersion
	}
	return c.Parts.Demo(c, c.Stdout)
}
