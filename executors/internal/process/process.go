// Package process runs a program until it ends, and ends every process that it
// started. It captures output up to a limit and discards the rest. A program
// that does not stop is killed.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/chainwright/chainwright/executors/internal/keeper"
)

// Spec describes a program to run.
type Spec struct {
	// Path is the program. It is also argument 0, because some programs behave
	// according to the name they were started by.
	Path string
	Args []string
	// Env is the whole environment. Only a mark is added, which identifies the
	// processes of this run.
	Env   []string
	Dir   string
	Stdin string
	// Input, if set, is the standard input instead of Stdin, for an interactive
	// program. Run does not wait for its end; the caller must end it.
	Input io.Reader
	// Output, if set, receives the standard output, and Result.Stdout is empty.
	Output io.Writer
	// Cap is how many bytes of each output are kept; 0 means 10 MiB.
	Cap int
	// Grace is the time between asking a program to stop and killing it; 0
	// means 2 seconds. A server that is closed allows less: see Closing.
	Grace time.Duration
	// Stdout and Stderr, if set, are called with each piece of output.
	Stdout, Stderr func([]byte)
}

// Result describes how a program ended.
type Result struct {
	// Code is the exit code, or the negative number of the signal that killed
	// the program.
	Code           int
	Stdout, Stderr Output
	Duration       time.Duration
}

const (
	defaultCap   = 10 << 20
	defaultGrace = 2 * time.Second
	// drainFor limits the wait for output after the program has ended: a
	// process outside the group may hold it open.
	drainFor = 500 * time.Millisecond
)

// StartError is the error of a program that could not be started.
type StartError struct {
	Path  string
	cause error
}

// Error returns the program and the reason.
func (e *StartError) Error() string { return fmt.Sprintf("start %s: %v", e.Path, e.cause) }

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.cause }

// Run starts a program, waits for its end, and kills what is left of its group.
// If ctx ends first, Run asks the group to stop and kills it after the grace
// period, together with the processes that left the group. It then returns the
// result and the context's error. No process of the run is alive when it
// returns.
func Run(ctx context.Context, spec Spec) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	limit := spec.Cap
	if limit <= 0 {
		limit = defaultCap
	}
	stdout, stderr := &capture{limit: limit, see: spec.Stdout}, &capture{limit: limit, see: spec.Stderr}
	cmd := &exec.Cmd{
		Path: spec.Path, Args: append([]string{spec.Path}, spec.Args...), Dir: spec.Dir,
		Stdout: stdout, Stderr: stderr, WaitDelay: drainFor,
	}
	mark := keeper.NewMark()
	cmd.Env = append(spec.Env[:len(spec.Env):len(spec.Env)], mark)
	if spec.Output != nil {
		cmd.Stdout = spec.Output
	}
	var input io.WriteCloser
	if spec.Input != nil { // cmd.Stdin would make Wait wait for its end
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return Result{}, &StartError{Path: spec.Path, cause: err}
		}
		input = pipe
	} else if spec.Stdin != "" {
		cmd.Stdin = strings.NewReader(spec.Stdin)
	} else if file, err := nothing(); err == nil {
		cmd.Stdin = file // else Start opens it
	}
	begin := time.Now()
	g, err := startGroup(cmd)
	if err != nil {
		return Result{}, &StartError{Path: spec.Path, cause: reason(err)}
	}
	if input != nil {
		go func() {
			_, _ = io.Copy(input, spec.Input)
			_ = input.Close()
		}()
	}
	stopped, err := wait(ctx, cmd, g, mark, spec.Grace)
	result := Result{
		Code:   exitCode(cmd.ProcessState),
		Stdout: stdout.output(), Stderr: stderr.output(),
		Duration: time.Since(begin),
	}
	var exit *exec.ExitError
	switch {
	case stopped:
		return result, ctx.Err()
	case err == nil, errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay), brokenPipe(err):
		return result, nil
	}
	return result, fmt.Errorf("run %s: %w", spec.Path, err)
}

// nothing returns the input of programs that get none. They share the file.
var nothing = sync.OnceValues(func() (*os.File, error) { return os.Open(os.DevNull) })

// brokenPipe reports whether a program ended without reading all of its input.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// wait waits for the program's end, kills what is left of it, and reports
// whether the program was told to stop.
func wait(ctx context.Context, cmd *exec.Cmd, g *group, mark string, grace time.Duration) (stopped bool, err error) {
	if grace <= 0 {
		grace = defaultGrace
	}
	s := stopper{ctx: ctx, group: g, grace: grace, ended: make(chan struct{}), done: make(chan struct{})}
	unregister := context.AfterFunc(ctx, s.run)
	if g.waitExit() && s.seal() {
		keeper.Sweep(mark) // before Wait, which also waits for the end of the output
	}
	err = cmd.Wait()
	stopped = s.seal()
	if errors.Is(err, exec.ErrWaitDelay) {
		keeper.Sweep(mark)
	}
	close(s.ended)
	if !unregister() {
		<-s.done
	}
	g.release()
	return stopped, err
}

// Closing is the cause of a context that ends because the server is closed.
type Closing interface {
	error
	// KillAt returns when programs that still run are killed.
	KillAt() time.Time
}

// stopper stops a group when its context ends.
type stopper struct {
	ctx   context.Context
	group *group
	grace time.Duration
	ended chan struct{} // closed when the program has ended
	done  chan struct{} // closed when run returns

	mu      sync.Mutex
	sealed  bool // the program has ended, and its id may be reused soon
	stopped bool
}

func (s *stopper) run() {
	defer close(s.done)
	if !s.signal(s.group.terminate) {
		return
	}
	grace := s.grace
	var closing Closing
	if errors.As(context.Cause(s.ctx), &closing) {
		grace = min(grace, time.Until(closing.KillAt()))
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.signal(s.group.kill)
	case <-s.ended:
	}
}

// signal sends a signal unless the program has ended.
func (s *stopper) signal(send func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return false
	}
	s.stopped = true
	send()
	return true
}

// seal kills what is left of the group and blocks later signals, because the id
// may be reused. It reports whether a signal was sent before.
func (s *stopper) seal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sealed {
		s.group.kill()
		s.group.forget()
		s.sealed = true
	}
	return s.stopped
}
