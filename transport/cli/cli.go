// Package cli is the way in for people: the commands, which call the same
// tools that assistants do.
//
// Main is the whole program. One that adds executors of its own is
//
//	func main() { cli.Main(cli.WithExecutors(mine.New())) }
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/external"

	_ "github.com/chainwright/chainwright/transport/cli/startup" // collects no garbage while packages initialise
)

// Option changes the program that Main runs.
type Option func(*options)

type options struct{ executors []executors.Executor }

// WithExecutors adds executors to the built-in ones.
func WithExecutors(own ...executors.Executor) Option {
	return func(o *options) { o.executors = append(o.executors, own...) }
}

// Main runs the command that the process was started with and ends the
// process: 0 done, 1 the work failed, 2 wrong usage or input, 3 not allowed by
// policy, 130 interrupted.
func Main(opts ...Option) {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, opts...)
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes: results to out, everything
// else to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// ended is how kong's own commands (--help) leave the parser.
type ended int

// run parses and runs one command line and returns the exit code.
func run(ctx context.Context, args []string, std streams, opts ...Option) (code int) {
	o := options{executors: builtin.All()}
	for _, opt := range opts {
		opt(&o)
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case ended:
			code = int(r)
		default:
			panic(r)
		}
	}()
	var cmds commands
	parser, err := newParser(&cmds, std)
	if err != nil {
		fmt.Fprintf(std.err, "chainwright: %v\n", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "chainwright: %v\n", err)
		fmt.Fprintf(std.err, "see: %s --help\n", helpFor(err))
		return exitUsage
	}
	s := &session{ctx: ctx, streams: std, globals: &cmds.globals, executors: o.executors, model: parser.Model}
	return report(s, parsed.Run(s))
}

func newParser(cmds *commands, std streams) (*kong.Kong, error) {
	return kong.New(cmds,
		kong.Name("chainwright"),
		kong.Description(mustHelp("chainwright")),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { panic(ended(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"kinds": strings.Join(external.Kinds(), ",")},
		kong.PostBuild(addExamples),
		kong.ExplicitGroups([]kong.Group{{Key: "everywhere", Title: "Flags of every command:"}}),
	)
}

// helpFor is the command to ask for help, as far as the line was understood.
func helpFor(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context.Selected() != nil {
		return "chainwright " + parse.Context.Selected().Path()
	}
	return "chainwright"
}
