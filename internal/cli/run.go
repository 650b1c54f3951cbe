package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"bulwark/internal/ops/config"
)

// Exit statuses of every command.
const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// Program is one call of the program.
type Program struct {
	Args           []string // without the name of the program
	Env            []string // "NAME=value"
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Parts          Parts
}

// Main runs the program of this process and returns its exit status. The first
// SIGINT or SIGTERM ends the context of the command, the second the process.
func Main(parts Parts) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return Run(ctx, Program{
		Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Parts: parts,
	})
}

// commands is the tree of commands. The order is that of the help.
type commands struct {
	Demo    demoCommand    `cmd:"" help:"Show the whole secure story on this machine, checking every step."`
	Serve   serveCommand   `cmd:"" help:"Run a CSE."`
	PKI     pkiCommand     `cmd:"" name:"pki" help:"A small certificate authority for development and small sites."`
	Key     keyCommand     `cmd:"" help:"Credentials and the identities that are bound to them."`
	AE      aeCommand      `cmd:"" name:"ae" help:"Act as an AE: register, get, create, update, delete, notify, watch, token."`
	DAS     dasCommand     `cmd:"" name:"das" help:"Run and operate a Dynamic Authorization Server, which grants roles and tokens."`
	Explain explainCommand `cmd:"" help:"Say why a request would be, or was, allowed or denied."`
	Check   checkCommand   `cmd:"" help:"Look for mistakes and risks in a configuration and a data directory."`
	Bench   benchCommand   `cmd:"" help:"Load a CSE and print a table."`
	Version versionCommand `cmd:"" help:"Print the version."`

	MAF   laterCommand `cmd:"" name:"maf" hidden:"" passthrough:""`
	MEF   laterCommand `cmd:"" name:"mef" hidden:"" passthrough:""`
	Enrol laterCommand `cmd:"" name:"enrol" hidden:"" passthrough:""`
}

// laterCommand is a word of a later version.
type laterCommand struct {
	Args []string `arg:"" optional:""`
}

// Run answers the flags and words that are known but belong to a later version.
func (*laterCommand) Run(*call) error { return config.ErrNotInThisVersion }

// call is what a command gets besides its own flags.
type call struct {
	context.Context
	Program
}

// usageError is a mistake in the words or flags.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run runs one command and returns its exit status. It prints the error of the
// command to Stderr.
func Run(ctx context.Context, p Program) int {
	exited := -1 // set when kong has printed a help page
	parser, err := kong.New(
		&commands{}, kong.Name("bulwark"),
		kong.Description("A secure oneM2M CSE. Every command has --help with an example."),
		kong.Writers(p.Stdout, p.Stderr), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return p.fail(fmt.Errorf("command line: %w", err), "")
	}
	args := p.Args
	if len(args) == 0 {
		args = []string{"--help"} // shown, but nothing was asked for
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0 && len(p.Args) == 0:
		return statusUsage
	case exited >= 0:
		return exited
	}
	if err != nil {
		return p.fail(usageError{err}, hint(err))
	}
	return p.fail(parsed.Run(&call{Context: ctx, Program: p}), commandPath(parsed))
}

// hint returns the command as far as it was understood.
func hint(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		return ""
	}
	return commandPath(parse.Context)
}

func commandPath(c *kong.Context) string {
	var words []string
	for _, step := range c.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// fail prints err, if any, and returns the exit status.
func (p Program) fail(err error, command string) int {
	var usage usageError
	var wrong *config.Error
	switch {
	case err == nil:
		return statusOK
	case errors.As(err, &usage):
		p.complain(err)
		_, _ = fmt.Fprintf(p.Stderr, "Run \"%s\" for help.\n", strings.Join(strings.Fields("bulwark "+command+" --help"), " ")) // nowhere to say that Stderr fails
		return statusUsage
	case errors.As(err, &wrong), errors.Is(err, config.ErrNotInThisVersion):
		p.complain(err)
		return statusUsage
	case errors.Is(err, errFound): // the findings say it
		return statusFailed
	}
	p.complain(err)
	return statusFailed
}

func (p Program) complain(err error) {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(p.Stderr, "bulwark:", strings.TrimSuffix(line, "\n")) // nowhere to say that Stderr fails
	}
}

// getenv returns a variable of the environment, "" when it is absent.
func (p Program) getenv(name string) string {
	for _, entry := range p.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
