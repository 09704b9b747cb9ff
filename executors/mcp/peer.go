package mcp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	keepStderr = 8 << 10
	// exitGrace is the time for a program to end after its input is closed, and
	// closingGrace the same when the server is closed: it has to end within 1.5
	// seconds, and a second may be over.
	exitGrace    = time.Second
	closingGrace = 250 * time.Millisecond
	// settle is the time between the end of a program's output and its own end.
	settle = 300 * time.Millisecond
)

// peer is a connection to an MCP server.
type peer struct {
	client  *client.Client
	server  server
	version string
	program *program        // nil over HTTP
	direct  *http.Transport // the peer's own transport; nil: a shared one, or stdio
	dead    <-chan struct{} // closed when the connection is dead; nil: never

	mu       sync.Mutex
	progress map[string]func(executors.Progress)

	uses int // guarded by pool.mu
	idle *time.Timer
}

func newPeer() *peer { return &peer{progress: map[string]func(executors.Progress){}} }

// connect connects to the server and negotiates a protocol revision. It falls
// back to the HTTP+SSE transport of the first revision.
func connect(ctx context.Context, t *target) (*peer, error) {
	p, err := connectNewest(ctx, t)
	if errors.Is(err, transport.ErrLegacySSEServer) {
		if p, err = connectBySSE(ctx, t); err != nil && ctx.Err() == nil && !errors.As(err, new(*executors.Error)) {
			return nil, noServer(t, err)
		}
	}
	return p, err
}

func connectNewest(ctx context.Context, t *target) (*peer, error) {
	p := newPeer()
	var wire transport.Interface
	if t.url != "" {
		through := t.transport()
		p.direct = t.direct(through)
		over, err := transport.NewStreamableHTTP(t.url, transport.WithHTTPHeaders(t.header), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)),
			transport.WithHTTPBasicClient(&http.Client{Transport: bounded{renewing{through, t.policy}}}))
		if err != nil {
			return nil, invalid("url", "is not usable: %v", err)
		}
		wire = httpWire{over}
	} else {
		p.program = start(t.spec)
		p.dead = p.program.ended
		wire = stdioWire{transport.NewIO(&lines{from: p.program.stdout}, p.program.stdin, nil)}
	}
	p.client = client.NewClient(wire, client.WithDiscoverTimeout(probe(ctx)))
	p.client.OnNotification(p.notified)
	err := p.client.Start(context.WithoutCancel(ctx))
	if err == nil {
		err = p.initialize(ctx)
	}
	if err != nil {
		err = p.ending(ctx, t.name, err)
		if reason := p.close(); reason != nil && ctx.Err() == nil {
			err = errors.Join(reason, err)
		}
		return nil, err
	}
	return p, nil
}

// probe returns the time limit for the first request of the newest revision,
// which old servers may never answer.
func probe(ctx context.Context) time.Duration {
	longest := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(deadline)/3)
	}
	return max(longest, time.Millisecond)
}

func (p *peer) initialize(ctx context.Context) error {
	hello := mcp.InitializeRequest{}
	hello.Params.ClientInfo = mcp.Implementation{Name: "chainwright", Version: "1"}
	welcome, err := p.client.Initialize(ctx, hello)
	if err != nil {
		return err
	}
	p.server = server{welcome.ServerInfo.Name, welcome.ServerInfo.Version}
	p.version = welcome.ProtocolVersion
	return nil
}

// follow returns a progress token. The server's progress for it goes to report
// until done is called.
func (p *peer) follow(report func(executors.Progress)) (token string, done func()) {
	token = uuid.NewString()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress[token] = report
	return token, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.progress, token)
	}
}

func (p *peer) notified(n mcp.JSONRPCNotification) {
	if n.Method != "notifications/progress" {
		return
	}
	fields := n.Params.AdditionalFields
	token, _ := fields["progressToken"].(string)
	p.mu.Lock()
	report := p.progress[token]
	p.mu.Unlock()
	if report == nil {
		return
	}
	done, _ := fields["progress"].(float64)
	total, _ := fields["total"].(float64)
	message, _ := fields["message"].(string)
	report(executors.Progress{Done: done, Total: total, Message: message})
}

// ending returns the error of a program that has ended by itself: its exit code
// and what it wrote last to standard error. Other errors are returned unchanged.
func (p *peer) ending(ctx context.Context, name string, err error) error {
	var said *peerError
	if p.program == nil || ctx.Err() != nil || errors.As(err, &said) {
		return err
	}
	timer := time.NewTimer(settle) // its output may end just before it
	defer timer.Stop()
	select {
	case <-p.program.ended:
	case <-timer.C:
		return err
	}
	if p.program.err != nil {
		return err // it was never started
	}
	how := "ended with exit code " + strconv.Itoa(p.program.code)
	if p.program.code < 0 && runtime.GOOS != "windows" {
		how = "was ended by signal " + strconv.Itoa(-p.program.code)
	}
	last := "it wrote nothing to stderr"
	if line := shorten.LastLine(p.program.said(), 300); line != "" {
		last = line
	}
	return executors.Errorf(executors.ExecutionError, "the server %s %s before it answered: %s", name, how, last).
		WithCode(strconv.Itoa(p.program.code)).WithHint("a server over stdio runs until its input is closed: check the command, its arguments and its environment")
}

// stderr returns the end of the program's standard error.
func (p *peer) stderr() string {
	if p.program == nil {
		return ""
	}
	return p.program.said()
}

// close closes the connection and stops its program. It returns an error if
// the program could not be started.
func (p *peer) close() error { return p.closeWithin(exitGrace) }

func (p *peer) closeWithin(grace time.Duration) error {
	if p.program == nil {
		_ = p.client.Close()
		if p.direct != nil {
			p.direct.CloseIdleConnections()
		}
		return nil
	}
	_ = p.client.Close() // closes its input
	return p.program.end(grace)
}

// program is a running MCP server over stdio.
type program struct {
	stdin  io.WriteCloser
	stdout io.Reader
	cancel context.CancelCauseFunc
	ended  chan struct{}
	err    error // why it could not be started
	code   int   // its exit code, or the negative number of a signal

	mu   sync.Mutex
	last []byte
}

// start starts a program that outlives the call.
func start(spec process.Spec) *program {
	ctx, cancel := context.WithCancelCause(context.Background())
	input, stdin := io.Pipe()
	stdout, output := io.Pipe()
	p := &program{stdin: stdin, stdout: stdout, cancel: cancel, ended: make(chan struct{})}
	spec.Input, spec.Output, spec.Stderr = input, output, p.keep
	go func() {
		defer close(p.ended)
		result, err := process.Run(ctx, spec)
		p.code = result.Code
		var failed *process.StartError
		if errors.As(err, &failed) {
			p.err = failed
		}
		_, _ = input.Close(), output.Close()
	}()
	return p
}

// closed is the cause of a program that is stopped.
type closed struct{ killAt time.Time }

func (closed) Error() string { return "the connection was closed" }

// KillAt implements process.Closing.
func (c closed) KillAt() time.Time { return c.killAt }

// end closes a program whose input is closed: after the grace period it is asked
// to stop, and killed after another.
func (p *program) end(grace time.Duration) error {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	if closer, ok := p.stdout.(io.Closer); ok {
		defer closer.Close()
	}
	go func() { _, _ = io.Copy(io.Discard, p.stdout) }() // it may be blocked writing
	select {
	case <-p.ended:
	case <-timer.C:
	}
	p.cancel(closed{time.Now().Add(grace)})
	<-p.ended
	return p.err
}

func (p *program) keep(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = append(p.last, b...)
	if over := len(p.last) - keepStderr; over > 0 {
		p.last = append(p.last[:0], p.last[over:]...)
	}
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ToValidUTF8(string(p.last), "\uFFFD")
}
