package ssh

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/printed"
)

var (
	//go:embed start.sh
	startScript string
	//go:embed stop.sh
	stopScript string
)

const (
	// maxOutput is what is kept of each output, unless the policy says less.
	maxOutput = 4 << 20
	// stopFor bounds the ending of a remote command.
	stopFor = 4 * time.Second
	// spare is what the remote bound is above ours: it is there for the case
	// that this server or the way to the host is gone.
	spare = 10 * time.Second
)

func outputCap(limits policy.Limits) int {
	limit := int64(maxOutput)
	for _, own := range []int64{limits.OutputBytes, limits.Executors["ssh_executor"].OutputBytes} {
		if own > 0 {
			limit = min(limit, own)
		}
	}
	return int(limit)
}

// command is one that is run on a host.
type command struct {
	line      string
	variables string // lines that set them
	stdin     string
	limit     int
}

var (
	// errConnection says that the way to the host broke while it was needed.
	errConnection = errors.New("the connection broke off")
	// errNotBegun says that it did before anything was done there.
	errNotBegun = errors.New("the host gave no session")
)

// run runs the command under a bound of its own there, and ends it when the
// context does: closing the connection would leave it running.
func (c command) run(ctx context.Context, to *connection, out *Output) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	session, err := to.session(ctx)
	if err != nil {
		return notBegun(err)
	}
	defer session.Close()
	mark := "run-" + rand.Text()
	stdout := &marked{mark: mark, Buffer: printed.Buffer{Limit: c.limit}, seen: make(chan struct{})}
	stderr := &printed.Buffer{Limit: c.limit}
	session.Stdout, session.Stderr = stdout, stderr
	stdin, err := session.StdinPipe()
	if err != nil {
		return errors.Join(errConnection, err)
	}
	first, input := "0", c.stdin
	if c.variables != "" {
		first, input = "1", c.variables+mark+"\n"+c.stdin
	}
	start := quoteAll("sh", "-c", startScript, "chainwright", mark, seconds(ctx), c.line, first)
	if err := to.bounded(ctx, func() error { return session.Start(start) }); err != nil {
		return errors.Join(errConnection, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _ = io.WriteString(stdin, input) // a command may end without reading it
		_ = stdin.Close()
	}()
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop(to, stdout)
		select {
		case <-ended: //nolint:errcheck // it was stopped: that is the error
		case <-time.After(time.Second):
			_ = session.Close()
			_ = to.Close() // it does not even answer that: nobody can use it
			<-ended        //nolint:errcheck // it was stopped: that is the error
		}
		err = ctx.Err()
	}
	out.Stdout, out.Stderr = stdout.Text(), stderr.Text()
	out.Truncated = stdout.Truncated() || stderr.Truncated()
	return c.judge(err, out)
}

func (c *connection) session(ctx context.Context) (*ssh.Session, error) {
	got := make(chan *ssh.Session, 1)
	err := c.bounded(ctx, func() error {
		session, err := c.NewSession()
		got <- session
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-got, nil
}

// bounded waits for what the host has to answer, and a little longer than the
// context. A host that does not answer at all loses the connection. The
// library may wait for ever where the connection ends at just that moment, so
// nobody waits for the library.
func (c *connection) bounded(ctx context.Context, ask func() error) error {
	answer := make(chan error, 1)
	go func() { answer <- ask() }()
	select {
	case err := <-answer:
		return err
	case <-c.ended:
	case <-ctx.Done():
	}
	select {
	case err := <-answer:
		return err
	case <-time.After(time.Second):
		_ = c.Close()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return io.EOF
}

// notBegun tells a connection that is gone from a host that refuses.
func notBegun(err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return err
	}
	return errors.Join(errNotBegun, errConnection, err)
}

// seconds is the bound that the command gets there.
func seconds(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		return "0" // none
	}
	return strconv.Itoa(int(math.Ceil((time.Until(deadline) + spare).Seconds())))
}

// stop ends the command's processes by a session of its own.
func stop(to *connection, stdout *marked) {
	timer := time.NewTimer(stopFor)
	defer timer.Stop()
	select {
	case <-stdout.seen:
	case <-timer.C: // it has not begun, and has no input to begin with
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), stopFor)
		defer cancel()
		session, err := to.session(ctx)
		if err != nil {
			return
		}
		defer session.Close()
		_ = session.Run(quoteAll("sh", "-c", stopScript, "chainwright", stdout.process()))
	}()
	select {
	case <-done:
	case <-timer.C:
		_ = to.Close()
		<-done
	}
}

// judge reads how the command ended.
func (c command) judge(err error, out *Output) error {
	var exit *ssh.ExitError
	out.ReturnCode = -1
	switch {
	case err == nil:
		out.ReturnCode = 0
		return nil
	case errors.As(err, &exit):
		if out.ReturnCode = exit.ExitStatus(); exit.Signal() != "" {
			out.ReturnCode = 128 + signals[exit.Signal()]
		}
		return &exitError{code: out.ReturnCode, said: printed.LastLine(out.Stderr)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return errors.Join(errConnection, err)
}

// signals are the numbers of those that end commands.
var signals = map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "SEGV": 11, "PIPE": 13, "ALRM": 14, "TERM": 15}
