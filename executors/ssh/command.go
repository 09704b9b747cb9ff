package ssh

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

var (
	//go:embed start.sh
	startScript string
	//go:embed stop.sh
	stopScript string
)

const (
	// maxOutput is the limit of each output in bytes, unless policy sets a lower one.
	maxOutput = 4 << 20
	// stopFor is the time to stop a remote command.
	stopFor = 4 * time.Second
	// spare is added to the remote time limit, which is needed only if this
	// server or the connection fails.
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

// command is a command to run on a host.
type command struct {
	line      string
	variables string // lines that set the variables
	stdin     string
	limit     int
	call      *executors.Call
}

var (
	// errConnection reports a connection that broke during a call.
	errConnection = errors.New("the connection broke")
	// errNotBegun reports that nothing was run on the host.
	errNotBegun = errors.New("the host opened no session")
)

// run runs the command with a time limit on the host. When the context ends, it
// stops the command. If this process or the connection dies, the host stops it.
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
	stdout := &marked{mark: mark, Buffer: process.Buffer{Limit: c.limit, Also: c.call.Output()}, seen: make(chan struct{})}
	stderr := &process.Buffer{Limit: c.limit, Also: c.call.Output()}
	session.Stdout, session.Stderr = stdout, stderr
	stdin, err := session.StdinPipe()
	if err != nil {
		return errors.Join(errConnection, err)
	}
	first, input := "0", asFormat.Replace(c.stdin)
	length := strconv.Itoa(len(input))
	if c.variables != "" {
		first, input = "1", c.variables+mark+"\n"+input
	}
	start := quoteAll("sh", "-c", startScript, "chainwright", mark, seconds(ctx), c.line, first, length, stopScript)
	if err := to.bounded(ctx, func() error { return session.Start(start) }); err != nil {
		return errors.Join(errConnection, err)
	}
	ended := make(chan error, 1)
	go func() {
		// The pipe stays open: its end says that this server or the connection is gone.
		_, _ = io.WriteString(stdin, input)
	}()
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop(to, stdout)
		select {
		case <-ended: //nolint:errcheck // the context's error counts
		case <-time.After(time.Second):
			_ = session.Close()
			_ = to.Close() // the host does not respond, so the connection is not used again
			<-ended        //nolint:errcheck // the context's error counts
		}
		err = ctx.Err()
	}
	out.Stdout, out.Stderr = stdout.Text(), stderr.Text()
	out.Truncated = stdout.Truncated() || stderr.Truncated()
	out.Warnings = process.NotUTF8(stdout, stderr)
	return c.result(err, out)
}

// asFormat writes a text for printf %b: variables of a shell can't hold NUL.
var asFormat = strings.NewReplacer(`\`, `\\`, "\x00", `\0000`)

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

// bounded waits for a response of the host, up to a second longer than the
// context, and then closes the connection. It runs ask in a goroutine, because
// the library can block forever if the connection ends at the wrong moment.
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

// notBegun adds errNotBegun, unless the host refused the channel.
func notBegun(err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return err
	}
	return errors.Join(errNotBegun, errConnection, err)
}

// seconds returns the remote time limit.
func seconds(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		return "0" // no limit
	}
	return strconv.Itoa(int(math.Ceil((time.Until(deadline) + spare).Seconds())))
}

// stop kills the command's processes through a second session.
func stop(to *connection, stdout *marked) {
	timer := time.NewTimer(stopFor)
	defer timer.Stop()
	select {
	case <-stdout.seen:
	case <-timer.C: // the command has not started and gets no input
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

// result sets the exit code and returns the error of a command.
func (c command) result(err error, out *Output) error {
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
		return &exitError{code: out.ReturnCode, last: shorten.LastLine(out.Stderr, 300)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return errors.Join(errConnection, err)
}

// signals are the numbers of signals that end commands.
var signals = map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "SEGV": 11, "PIPE": 13, "ALRM": 14, "TERM": 15}
