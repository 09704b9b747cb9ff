package stdio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/elicit"
	"github.com/chainwright/chainwright/transport/jsonrpc"
	"github.com/chainwright/chainwright/transport/toolcall"
)

const (
	// queued is how many calls may wait for a worker; past that the client
	// waits.
	queued = 1000
	// maxPending bounds the bytes of all messages being handled.
	maxPending = 64 << 20
)

// loop reads messages and hands them to workers.
type loop struct {
	srv     *server.MCPServer
	short   *toolcall.Short  // nil: every call goes the library's way
	calls   toolcall.Running // what is being answered
	log     zerolog.Logger
	ctx     context.Context
	session *session
	// questions are those to the person behind the client.
	questions elicit.Questions
	out       *writer
	room      *room

	queue   chan job
	idle    atomic.Int64
	workers int // only the reader starts workers
	running sync.WaitGroup
	closed  atomic.Bool
}

// job is a message to be handled, alone or as a part of a batch.
type job struct {
	message jsonrpc.Message
	batch   *batch
	ctx     context.Context
	end     func()
}

// read handles lines until the input ends. The workers end after it.
func (l *loop) read(in io.Reader) error {
	defer close(l.queue)
	lines := &lineReader{in: bufio.NewReaderSize(in, 64<<10), limit: jsonrpc.MaxMessage}
	for !l.closed.Load() {
		line, err := lines.next()
		switch {
		case errors.Is(err, errTooLong):
			l.refuse(jsonrpc.TooLong(jsonrpc.MaxMessage), nil)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the input: %w", err)
		}
		if len(line) > 0 && !l.closed.Load() {
			l.line(line)
		}
	}
	return nil
}

func (l *loop) line(line []byte) {
	messages, batched, err := jsonrpc.Parse(line)
	if err == nil && batched && !batches(l.session.ProtocolVersion()) {
		err = &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "this revision of the protocol has no batches"}
	}
	if err != nil {
		l.refuse(err, nil)
		return
	}
	var whole *batch
	if batched {
		whole = newBatch(messages, l.out)
	}
	for i := range messages {
		l.message(job{message: messages[i], batch: whole, ctx: l.ctx})
	}
}

// batches reports whether a revision has batches: one has them, and the one
// before it leaves them to JSON-RPC, which does.
func batches(version string) bool {
	return version == mcp.ProtocolVersion20250326 || version == mcp.ProtocolVersion20241105
}

// message handles what is quick or must keep its place here, on the reader,
// and gives the rest to the workers. Notifications, cancels among them, never
// wait for anything.
func (l *loop) message(j job) {
	m := &j.message
	switch {
	case m.Err != nil:
		l.reply(j, m.Err.Reply(m.ID))
	case m.IsNotification():
		if m.Method == string(mcp.MethodNotificationCancelled) {
			l.calls.Cancel("", m)
		}
		l.srv.HandleMessage(l.ctx, m.Raw)
	case !m.IsRequest():
		// A response: all that this server asks its clients are questions.
		response := *m // of its own, so that j needs no room that lasts
		l.questions.Answer("", &response)
	case m.Method == string(mcp.MethodInitialize) && j.batch != nil:
		err := &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "initialize can't be a part of a batch"}
		l.reply(j, err.Reply(m.ID))
	case m.Method == string(mcp.MethodInitialize), m.Method == string(mcp.MethodPing):
		l.handle(j)
	case m.Method == string(mcp.MethodSubscriptionsListen):
		l.subscribe(j)
	default:
		l.room.take(len(m.Raw))
		l.running.Add(1)
		j.ctx, j.end = l.calls.Begin(l.ctx, "", m.ID)
		l.dispatch(j)
	}
}

// ask puts a question to the person behind the client, within a call.
func (l *loop) ask(ctx context.Context, question *tools.Question) (tools.Decision, error) {
	if !l.session.elicits() {
		return "", elicit.ErrCannot
	}
	return l.questions.Ask(ctx, "", l.out.line, question)
}

// dispatch gives a call to an idle worker, or to a new one, or lets it wait.
func (l *loop) dispatch(j job) {
	if l.workers < maxWorkers {
		if l.idle.Add(-1) < 0 {
			l.idle.Add(1)
			l.workers++
			go l.work(j)
			return
		}
	}
	l.queue <- j
}

// work handles calls until there will be no more.
func (l *loop) work(first job) {
	for j, more := first, true; more; j, more = <-l.queue {
		l.handle(j)
		j.end()
		l.room.give(len(j.message.Raw))
		l.running.Done()
		l.idle.Add(1)
	}
}

// subscribe holds a subscription open, aside from the workers.
func (l *loop) subscribe(j job) {
	j.ctx, j.end = l.session.subscription(l.ctx, j.message.ID)
	l.running.Go(func() {
		defer j.end()
		l.handle(j)
	})
}

// handle answers one request. A defect in what handles it is answered too.
func (l *loop) handle(j job) {
	defer func() {
		if value := recover(); value != nil {
			l.log.Error().Interface("panic", value).Bytes("stack", debug.Stack()).Str("method", j.message.Method).Msg("handling a request")
			err := &jsonrpc.Error{Code: jsonrpc.InternalError, Message: "this server has a defect; its log has the details"}
			l.reply(j, err.Reply(j.message.ID))
		}
	}()
	if l.short != nil {
		if call, plain := toolcall.Parse(&j.message); plain {
			if reply, ok := l.short.Answer(j.ctx, &call); ok {
				l.reply(j, reply)
				return
			}
		}
	}
	ctx, refusal := tools.WithRefusal(j.ctx)
	answer := l.srv.HandleMessage(ctx, j.message.Raw)
	if refusal.Code != 0 {
		err := &jsonrpc.Error{Code: refusal.Code, Message: refusal.Message}
		l.reply(j, err.Reply(j.message.ID))
		return
	}
	reply, err := encodeReply(j.message.ID, answer)
	if err != nil {
		panic(err)
	}
	l.reply(j, reply)
}

func (l *loop) reply(j job, reply []byte) {
	if j.batch != nil {
		j.batch.add(reply)
		return
	}
	if reply != nil {
		_ = l.out.line(reply)
	}
}
