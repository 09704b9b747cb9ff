// Package cli is the command line. Its commands call the same tools that
// assistants call.
//
// Main is the whole program. A program with its own executors is
//
//	func main() { cli.Main(cli.WithExecutors(mine.New())) }
package cli

import (
	"context"
	"io"
	"os"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"

	_ "github.com/chainwright/chainwright/transport/internal/startup" // delays garbage collection while packages initialise
)

// Option changes the program that Main runs.
type Option func(*options)

type options struct{ executors []executors.Executor }

// WithExecutors adds executors to the built-in ones.
func WithExecutors(own ...executors.Executor) Option {
	return func(o *options) { o.executors = append(o.executors, own...) }
}

// Main runs the command in os.Args and ends the process. The exit codes are
// 0: done, 1: the work failed, 2: wrong usage or input, 3: policy does not allow
// it, 4: stopping took too long, 130: interrupted.
func Main(opts ...Option) {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], streams{os.Stdin, shown(os.Stdout), shown(os.Stderr)}, opts...)
	stop()
	os.Exit(code)
}

// streams are what a command reads and writes. Results go to out, everything
// else goes to err.
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
	std.out, std.err = coloured(std.out, colourMode(args)), coloured(std.err, colourMode(args))
	s := newSession(ctx, std, o.executors)
	defer s.watchdog.end()
	defer context.AfterFunc(ctx, func() {
		if interrupted(ctx) {
			s.watchdog.start()
		}
	})()
	s.json = wantsJSON(args)
	s.root.SetArgs(append([]string{}, args...)) // nil means os.Args
	return report(s, s.root.ExecuteContext(ctx))
}
