// Package process runs a program to its end and leaves nothing of it behind:
// what it started is ended with it, its output is captured up to a cap and
// drained beyond, and a program that won't stop is made to.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Spec is what to run.
type Spec struct {
	// Path is the program. It is also its own argument 0, since some
	// programs look there for what they are.
	Path string
	Args []string
	// Env is the whole environment: nothing is added but a mark by which
	// the processes of this run are found again.
	Env   []string
	Dir   string
	Stdin string
	// Input, when set, is the standard input in the place of Stdin, for a
	// program that is talked with. Run does not wait for its end, which is for
	// the caller to bring about.
	Input io.Reader
	// Output, when set, takes the standard output, of which nothing is kept.
	Output io.Writer
	// Cap bounds what is kept of each output; 0 stands for 10 MiB.
	Cap int
	// Grace is the time between asking a program to stop and making it; 0
	// stands for 2 seconds.
	Grace time.Duration
	// Stdout and Stderr, when set, see the outputs as they come, in pieces.
	Stdout, Stderr func([]byte)
}

// Result is how a program ended.
type Result struct {
	// Code is the exit code; where a signal ended it, that signal's number
	// below zero.
	Code           int
	Stdout, Stderr Output
	Duration       time.Duration
}

// Output is what a program wrote.
type Output struct {
	Bytes []byte
	// Truncated: more was written than the cap allows.
	Truncated bool
}

const (
	defaultCap   = 10 << 20
	defaultGrace = 2 * time.Second
	// drainFor bounds the wait for output that a process outside of the
	// group still holds open after the program itself has ended.
	drainFor = 500 * time.Millisecond
)

// StartError says that a program could not be started at all.
type StartError struct {
	Path  string
	cause error
}

// Error names the program and the reason.
func (e *StartError) Error() string { return fmt.Sprintf("start %s: %v", e.Path, e.cause) }

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.cause }

// Run starts a program, waits for its end, and then ends whatever it left in
// its group. When ctx ends first, the whole group is asked to stop, and is
// killed after the grace period; processes that left the group are looked
// for and killed too. Run then returns the context's error beside the result,
// and nothing runs any more.
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
	mark := newMark()
	cmd.Env = append(spec.Env[:len(spec.Env):len(spec.Env)], mark)
	if spec.Output != nil {
		cmd.Stdout = spec.Output
	}
	var input io.WriteCloser
	if spec.Input != nil { // not as the command's own, for whose end it would wait
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return Result{}, &StartError{Path: spec.Path, cause: err}
		}
		input = pipe
	} else if spec.Stdin != "" {
		cmd.Stdin = strings.NewReader(spec.Stdin)
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

// brokenPipe: a program may end without reading all of its standard input.
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

// wait waits for the program's end, ends what is left of it, and reports
// whether the program was made to end.
func wait(ctx context.Context, cmd *exec.Cmd, g *group, mark string, grace time.Duration) (stopped bool, err error) {
	if grace <= 0 {
		grace = defaultGrace
	}
	s := stopper{group: g, grace: grace, ended: make(chan struct{}), done: make(chan struct{})}
	unregister := context.AfterFunc(ctx, s.run)
	if g.waitExit() && s.seal() {
		sweep(mark) // before the wait, which is for the end of the output too
	}
	err = cmd.Wait()
	stopped = s.seal()
	if errors.Is(err, exec.ErrWaitDelay) {
		sweep(mark)
	}
	close(s.ended)
	if !unregister() {
		<-s.done
	}
	g.release()
	return stopped, err
}

// stopper ends a group when its context does.
type stopper struct {
	group *group
	grace time.Duration
	ended chan struct{} // closed when the program is gone
	done  chan struct{} // closed when run returns

	mu      sync.Mutex
	sealed  bool // the program is gone, and its number may be another's soon
	stopped bool
}

func (s *stopper) run() {
	defer close(s.done)
	if !s.signal(s.group.terminate) {
		return
	}
	timer := time.NewTimer(s.grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.signal(s.group.kill)
	case <-s.ended:
	}
}

// signal sends a signal unless the program is gone already.
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

// seal kills what is left of the group, keeps signals from being sent once
// its number may belong to another, and reports whether any was sent before.
func (s *stopper) seal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sealed {
		s.group.kill()
		s.sealed = true
	}
	return s.stopped
}
