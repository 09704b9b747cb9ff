// Package stdio serves MCP over a pair of streams, one JSON message a line.
//
// The loop is our own, over the library's message handler: lines are capped,
// calls run on a fixed number of workers so that waiting ones never hold up a
// cancel, one writer keeps every line whole and in order, and at the end of
// the input what runs may still end.
package stdio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
	"github.com/chainwright/chainwright/transport/toolcall"
)

const (
	// defaultGrace is how long calls may go on after the end of the input.
	defaultGrace = 5 * time.Second
	// lastReplies bounds the wait for calls that were told to stop.
	lastReplies = 2 * time.Second
	// maxWorkers is how many calls run at once.
	maxWorkers = 100
)

// Options are how the streams are served. The zero value is usable.
type Options struct {
	Log zerolog.Logger
	// Grace is how long running calls may go on after the end of the input or
	// of the context (5 s).
	Grace time.Duration
	// Tools, when set, are the tools that the server publishes; plain calls
	// of them go the short way.
	Tools *tools.Set
	// Drain, when set, is called at the end of the input with a context that
	// ends with the grace period. It returns when no work is left running,
	// having interrupted what did not end by itself: chain.Runner.Close.
	Drain func(context.Context) error
}

// Serve answers what comes in until the input ends or the context does, then
// lets the running calls end. It returns nil in both cases; an error is about
// the streams themselves.
func Serve(ctx context.Context, srv *server.MCPServer, in io.Reader, out io.Writer, opts Options) error {
	if opts.Grace == 0 {
		opts.Grace = defaultGrace
	}
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	l := &loop{
		srv: srv, short: toolcall.New(opts.Tools, srv), log: opts.Log, session: newSession(), out: newWriter(out),
		queue: make(chan job, queued), room: newRoom(maxPending),
	}
	l.ctx = srv.WithContext(tools.WithCaller(base, &tools.Caller{Stream: base, Notify: l.out.line, Ask: l.ask}), l.session)
	if err := srv.RegisterSession(l.ctx, l.session); err != nil {
		return fmt.Errorf("registering the session: %w", err)
	}
	defer srv.UnregisterSession(l.ctx, l.session.SessionID())

	var pump sync.WaitGroup
	pump.Go(func() { l.notifications(base) })

	ended := make(chan error, 1)
	go func() { ended <- l.read(in) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		l.closed.Store(true)
	case <-l.out.broken:
		l.closed.Store(true)
	}
	l.drain(opts, stop)
	stop(errEnded)
	pump.Wait()
	return errors.Join(err, l.out.err())
}

// errEnded is why calls are stopped that outlast the grace period.
var errEnded = errors.New("the connection has ended")

// drain waits for the running calls, and stops those that take too long.
func (l *loop) drain(opts Options, stop context.CancelCauseFunc) {
	idle := make(chan struct{})
	go func() {
		l.running.Wait()
		close(idle)
	}()
	l.session.endSubscriptions()
	l.questions.End()
	grace, done := context.WithTimeout(context.Background(), opts.Grace)
	defer done()
	if opts.Drain != nil {
		if err := opts.Drain(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			l.log.Warn().Err(err).Msg("draining")
		}
	} else {
		select {
		case <-idle:
		case <-grace.Done():
		}
	}
	select {
	case <-idle:
		return
	case <-l.out.broken:
	case <-time.After(lastReplies):
	}
	stop(errEnded)
	select {
	case <-idle:
	case <-time.After(lastReplies):
		l.log.Warn().Msg("a call did not stop when it was told to")
	}
}

// refusal is the reply to a line that can't be handled.
func (l *loop) refuse(err *jsonrpc.Error, id []byte) {
	l.log.Debug().Int("code", err.Code).Msg(err.Message)
	_ = l.out.line(err.Reply(id))
}
