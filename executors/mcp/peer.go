package mcp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/process"
)

const (
	keepStderr = 8 << 10
	// endsItself is how long a program has to end once its input has.
	endsItself = time.Second
)

// peer is a server that we are connected to.
type peer struct {
	client  *client.Client
	server  server
	version string
	program *program        // nil over HTTP
	direct  *http.Transport // its own; nil: a shared one, or none
	gone    <-chan struct{} // closed once it is of no use any more; nil: never

	mu       sync.Mutex
	progress map[string]func(executors.Progress)

	uses int // the pool's
	idle *time.Timer
}

func newPeer() *peer { return &peer{progress: map[string]func(executors.Progress){}} }

// connect connects and agrees on a revision.
func connect(ctx context.Context, t *target) (*peer, error) {
	p, err := connectAsNow(ctx, t)
	if errors.Is(err, transport.ErrLegacySSEServer) {
		if p, err = connectBySSE(ctx, t); err != nil && ctx.Err() == nil && !errors.As(err, new(*executors.Error)) {
			return nil, neither(t, err)
		}
	}
	return p, err
}

func connectAsNow(ctx context.Context, t *target) (*peer, error) {
	p := newPeer()
	var wire transport.Interface
	if t.url != "" {
		through := t.transport()
		p.direct = t.direct(through)
		over, err := transport.NewStreamableHTTP(t.url, transport.WithHTTPHeaders(t.header), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)),
			transport.WithHTTPBasicClient(&http.Client{Transport: bounded{through}}))
		if err != nil {
			return nil, invalid("url", "can't be used: %v", err)
		}
		wire = httpWire{over}
	} else {
		p.program = start(t.spec)
		p.gone = p.program.ended
		wire = stdioWire{transport.NewIO(&lines{from: p.program.stdout}, p.program.stdin, nil)}
	}
	p.client = client.NewClient(wire, client.WithDiscoverTimeout(probe(ctx)))
	p.client.OnNotification(p.notified)
	err := p.client.Start(context.WithoutCancel(ctx))
	if err == nil {
		err = p.greet(ctx)
	}
	if err != nil {
		if reason := p.close(); reason != nil && ctx.Err() == nil {
			err = errors.Join(reason, err)
		}
		return nil, err
	}
	return p, nil
}

// probe is how long to wait for a server that may be too old to answer the
// newest revision's first question at all.
func probe(ctx context.Context) time.Duration {
	longest := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(deadline)/3)
	}
	return max(longest, time.Millisecond)
}

func (p *peer) greet(ctx context.Context) error {
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

// follow gives a token by which the server says how far a call has come.
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

// stderr is the last of what the program wrote there.
func (p *peer) stderr() string {
	if p.program == nil {
		return ""
	}
	return p.program.said()
}

// close ends the connection; a program that does not end by itself is made
// to. It gives the reason where it could not be started at all.
func (p *peer) close() error {
	if p.program == nil {
		_ = p.client.Close()
		if p.direct != nil {
			p.direct.CloseIdleConnections()
		}
		return nil
	}
	_ = p.client.Close() // the end of its input
	return p.program.end()
}

// program is a running server.
type program struct {
	stdin  io.WriteCloser
	stdout io.Reader
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // why it could not be started

	mu   sync.Mutex
	last []byte
}

// start starts a program whose life is not that of a call.
func start(spec process.Spec) *program {
	ctx, cancel := context.WithCancel(context.Background())
	input, stdin := io.Pipe()
	stdout, output := io.Pipe()
	p := &program{stdin: stdin, stdout: stdout, cancel: cancel, ended: make(chan struct{})}
	spec.Input, spec.Output, spec.Stderr = input, output, p.keep
	go func() {
		defer close(p.ended)
		_, err := process.Run(ctx, spec)
		var failed *process.StartError
		if errors.As(err, &failed) {
			p.err = failed
		}
		_, _ = input.Close(), output.Close()
	}()
	return p
}

func (p *program) end() error {
	timer := time.NewTimer(endsItself)
	defer timer.Stop()
	if closer, ok := p.stdout.(io.Closer); ok {
		defer closer.Close()
	}
	go func() { _, _ = io.Copy(io.Discard, p.stdout) }() // it may be writing
	select {
	case <-p.ended:
	case <-timer.C:
	}
	p.cancel()
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
