// Package stdio serves MCP over a pair of streams, one JSON message a line.
//
// The SDK's own loop is not used. This one caps the length of lines, runs calls
// on a fixed number of workers so that waiting calls never delay a cancel
// request, writes every line whole and in order, and answers every call after
// the end of the input.
package stdio

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/internal/weight"
	"github.com/chainwright/chainwright/transport/mcp"
)

const (
	// defaultSettle is the time that new calls have to end by themselves.
	defaultSettle = 500 * time.Millisecond
	// stopWithin is the time between the end of the input and the end of what
	// still runs.
	stopWithin = time.Second
	// lastReplies is the time limit for calls that were cancelled at the end.
	lastReplies = 2 * time.Second
	// atLeast is the time in which running calls are noticed.
	atLeast = 10 * time.Millisecond
	// maxWorkers is the largest number of calls that run at once.
	maxWorkers = 100
)

// Options configure the server. The zero value is usable.
type Options struct {
	Log zerolog.Logger
	// Settle is the time after the last input in which running calls may end by
	// themselves (0.5 s), so that requests from a file or a pipe are answered.
	Settle time.Duration
	// Drain, when set, is called then, or at the end of the input or of the
	// context if that is later. It interrupts what runs and returns when
	// nothing is left, at the deadline of its context at the latest:
	// chain.Engine.Close.
	Drain func(context.Context) error
}

// Serve answers messages until the input or the context ends, then waits for
// running calls. It returns an error only if a stream fails.
func Serve(ctx context.Context, srv *mcp.Server, in io.Reader, out io.Writer, opts Options) error {
	if opts.Settle == 0 {
		opts.Settle = defaultSettle
	}
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	l := &loop{srv: srv, log: opts.Log, out: newWriter(out), queue: make(chan job, queued), held: weight.New(weight.Held)}
	l.listening, l.endListen = context.WithCancelCause(base)
	defer l.endListen(nil)
	l.feed = mcp.NewFeed(func(method string, params []byte) error { return l.out.line(mcp.Notification(method, params)) })
	here := mcp.WithPeer(tools.WithCaller(base, &tools.Caller{Stream: base}), &mcp.Peer{
		Notify: l.out.line, Ask: l.ask, Feed: func() *mcp.Feed { return l.feed },
	})
	var err error
	if l.session, err = srv.Open(here, opts.Log, l.out.line); err != nil {
		return err
	}
	defer l.session.Close()

	var pump sync.WaitGroup
	pump.Go(func() { l.session.Announce(base) })

	input := newInput(in)
	watched := make(chan struct{})
	defer close(watched)
	go input.watch(watched, opts.Settle)
	ended := make(chan error, 1)
	go func() { ended <- l.read(input) }()
	err = l.await(ctx, opts, input, ended)
	l.close()
	l.drain(opts, input, stop)
	stop(errEnded)
	within(lastReplies, func() {
		l.feed.Close()
		pump.Wait()
	})
	return errors.Join(err, l.out.err())
}

// await waits until every message is read and handled, or nothing more can be:
// the context has ended, the output has failed, or the input has ended and the
// client has not read a reply for as long as Options.Settle.
func (l *loop) await(ctx context.Context, opts Options, in *input, ended <-chan error) error {
	var check <-chan time.Time
	inputEnded, written := in.ended, uint64(0)
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		case <-l.out.broken:
			return nil
		case <-inputEnded:
			inputEnded = nil
		case <-check:
			if l.out.stuck(written) {
				l.log.Warn().Msg("the input has ended, and the client does not read its replies")
				return nil
			}
		}
		written, check = l.out.written.Load(), time.After(opts.Settle)
	}
}

// within waits until work has ended, for the given time at most.
func within(limit time.Duration, work func()) {
	done := make(chan struct{})
	go func() {
		work()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// errEnded is the cause of calls that are cancelled at the end.
var errEnded = errors.New("the connection has ended")

// drain waits for running calls until the input has settled, then interrupts
// them. If the client has closed the input, it has closed its session too, and
// clients such as the SDK for Python 1.x fail at a reply that comes afterwards:
// calls that are interrupted then get none.
func (l *loop) drain(opts Options, in *input, stop context.CancelCauseFunc) {
	end := time.Now().Add(stopWithin)
	idle := make(chan struct{})
	go func() {
		l.running.Wait()
		close(idle)
	}()
	l.endListen(mcp.ErrServerEnds)
	l.questions.End()
	select {
	case <-idle:
	case <-time.After(max(time.Until(in.last().Add(opts.Settle)), atLeast)):
		select {
		case <-in.ended:
			l.out.silent.Store(true)
			l.log.Warn().Msg("the input has ended; calls that still run are cancelled without a reply, and their runs are recorded")
		default:
		}
	}
	if opts.Drain != nil {
		ctx, done := context.WithDeadline(context.Background(), end)
		defer done()
		if err := opts.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			l.log.Warn().Err(err).Msg("draining")
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
		l.log.Warn().Msg("a call did not stop when it was cancelled")
	}
}

// refuse answers a line that can't be handled.
func (l *loop) refuse(err *jsonrpc.Error, id []byte) {
	l.log.Debug().Int("code", err.Code).Msg(err.Message)
	_ = l.out.line(err.Reply(id))
}
