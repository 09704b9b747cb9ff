package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDenied      = 3
	exitStuck       = 4
	exitInterrupted = 130
)

// errInterrupted is the cause of a context that a signal cancelled.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that the first signal cancels, so that running
// work ends properly. The second signal ends the process.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

func interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errInterrupted) }

// exit is an error with an exit code. One without err prints nothing: the
// command has already printed everything.
type exit struct {
	code  int
	err   error
	hint  string
	see   string // the command to see the help of
	field string // the flag, argument or input that is wrong
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// quiet returns an error with an exit code that prints nothing; nil for 0.
func quiet(code int) error {
	if code == exitDone {
		return nil
	}
	return &exit{code: code}
}

// usage returns an error for wrong usage or wrong input: exit code 2.
func usage(format string, args ...any) *exit {
	return &exit{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func (e *exit) withHint(hint string) *exit { e.hint = hint; return e }

func (e *exit) about(field string) *exit { e.field = field; return e }

// refusal returns a tool's error as the error of the command.
func refusal(err *executors.Error) *exit {
	e := &exit{code: codeOf(err), err: err, hint: err.Hint}
	return e
}

// codeOf returns the exit code for an error of a call: wrong input, not allowed
// by policy, or failed work.
func codeOf(err *executors.Error) int {
	switch err.Type {
	case executors.ValidationError, executors.NotFound:
		return exitUsage
	case executors.PermissionDenied:
		return exitDenied
	default:
		return exitFailed
	}
}

// codeOfResult returns the exit code for a tool's result. If there is output or
// a code of the peer, the call was made, so its error is failed work, whatever
// its type.
func codeOfResult(res *tools.Result) int {
	switch {
	case !res.IsError():
		return exitDone
	case len(res.Result) > 0 || res.Truncated || res.Err.Code != "":
		return exitFailed
	default:
		return codeOf(res.Err)
	}
}

// report prints the error to stderr, and with --json also to stdout, and returns
// the exit code.
func report(s *session, err error) int {
	if err == nil {
		return exitDone
	}
	code, hint, see := exitFailed, "", ""
	var own *exit
	var wrong config.Problems
	switch {
	case errors.As(err, &own):
		code, hint, see = own.code, own.hint, own.see
	case errors.As(err, &wrong):
		code = exitUsage
	}
	text := err.Error()
	if interrupted(s.ctx) {
		code = exitInterrupted
		if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
			text, hint, see = errInterrupted.Error(), "", "" // of whatever it interrupted
		}
	}
	if text == "" {
		return code
	}
	hint = atTerminal(hint)
	fmt.Fprintf(s.err, "chainwright: %s\n", text)
	if hint != "" {
		fmt.Fprintf(s.err, "hint: %s\n", hint)
	}
	if see != "" {
		fmt.Fprintf(s.err, "see: %s --help\n", see)
	}
	s.failJSON(err, code, text, hint)
	return code
}
