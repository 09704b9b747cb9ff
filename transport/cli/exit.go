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
	"github.com/chainwright/chainwright/transport/cli/config"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDenied      = 3
	exitInterrupted = 130
)

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruptible ends the context at the first signal, so that what runs can
// be cancelled properly, and the process at the second.
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

// exit is an error with an exit code of its own. An empty one says nothing
// more: the command has printed what there is to say.
type exit struct {
	code int
	err  error
	hint string
	see  string // the command whose help tells more
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// quiet ends the command with a code when all has been said.
func quiet(code int) error {
	if code == exitDone {
		return nil
	}
	return &exit{code: code}
}

// usage is a mistake in how the command was given.
func usage(format string, args ...any) *exit {
	return &exit{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func (e *exit) withHint(hint string) *exit { e.hint = hint; return e }

// refusal is an error of a tool as the command's own end.
func refusal(err *executors.Error) *exit {
	e := &exit{code: codeOf(err), err: err, hint: err.Hint}
	return e
}

// codeOf is the exit code for a failure of the call itself: input that can't
// be right, what policy forbids, or work that failed.
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

// codeOfResult is the exit code for a tool's answer. Where there is output,
// or a code of the peer, the call was made and the work failed, whatever the
// peer calls its reason.
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

// report says what went wrong, on stderr, and returns the exit code.
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
			text, hint, see = errInterrupted.Error(), "", "" // whatever it came in the way of
		}
	}
	if text != "" {
		fmt.Fprintf(s.err, "chainwright: %s\n", text)
	}
	if hint != "" {
		fmt.Fprintf(s.err, "hint: %s\n", atTerminal(hint))
	}
	if see != "" {
		fmt.Fprintf(s.err, "see: %s --help\n", see)
	}
	return code
}
