// Package cli is the way in for people: the commands, which call the same
// tools that assistants do.
//
// Main is the whole program. One that adds executors of its own is
//
//	func main() { cli.Main(cli.WithExecutors(mine.New())) }
package cli

import (
	"context"
	"io"
	"os"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"

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
	code := run(ctx, os.Args[1:], streams{os.Stdin, shown(os.Stdout), shown(os.Stderr)}, opts...)
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

// run parses and runs one command line and returns the exit code.
func run(ctx context.Context, args []string, std streams, opts ...Option) int {
	o := options{executors: builtin.All()}
	for _, opt := range opts {
		opt(&o)
	}
	s := newSession(ctx, std, o.executors)
	s.root.SetArgs(append([]string{}, args...)) // nil would be the process's own
	return report(s, s.root.ExecuteContext(ctx))
}
