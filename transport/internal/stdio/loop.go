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

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/internal/weight"
	"github.com/chainwright/chainwright/transport/mcp"
)

// queued is the largest number of calls in the queue. When it is full, reading
// stops.
const queued = 1000

// Budget describes the budget of large messages, for people.
func Budget() string {
	return fmt.Sprintf("a message has at most %d MiB; %s", jsonrpc.MaxMessage>>20, weight.Describe())
}

// loop reads messages and passes them to workers.
type loop struct {
	srv       *mcp.Server
	session   *mcp.Session
	calls     mcp.Running   // the requests in flight
	questions mcp.Questions // open questions
	log       zerolog.Logger
	out       *writer
	held      weight.Budget // the memory of large messages in flight
	feed      *mcp.Feed     // what the session has subscribed to

	listening context.Context // ends the requests that stay open
	endListen context.CancelCauseFunc
	open      atomic.Int64 // requests that stay open

	queue   chan job
	idle    atomic.Int64
	workers int          // only the reader starts workers
	lost    atomic.Int64 // workers whose call was given up, and does not stop

	mu      sync.Mutex // orders the start of a request and close
	closed  bool
	running sync.WaitGroup
}

// begin counts a request as running. It reports false after close: the reader
// may still be waiting for input then, and nothing is read for a reply any more.
func (l *loop) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.running.Add(1)
	}
	return !l.closed
}

// close lets no more requests begin.
func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *loop) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// job is a message to be handled, alone or as a part of a batch.
type job struct {
	message jsonrpc.Message
	batch   *batch
	weight  int64
	ctx     context.Context
	end     func()
}

// read handles lines until the input ends, then lets the workers end.
func (l *loop) read(in io.Reader) error {
	defer close(l.queue)
	lines := &lineReader{in: bufio.NewReaderSize(in, 64<<10), limit: jsonrpc.MaxMessage}
	for !l.ended() {
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
		if len(line) > 0 && !l.ended() {
			l.line(line)
		}
	}
	return nil
}

func (l *loop) line(line []byte) {
	messages, batched, err := jsonrpc.Parse(line)
	if err == nil && batched && !mcp.Batches(l.session.Version()) {
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
		l.message(job{message: messages[i], batch: whole, ctx: l.session.Context()})
	}
}

// message handles notifications, responses and the handshake on the reader's
// goroutine, and queues other requests for the workers. Cancel requests never
// wait in the queue.
func (l *loop) message(j job) {
	m := &j.message
	switch {
	case m.Err != nil:
		l.reply(&j, m.Err.Reply(m.ID))
	case m.IsNotification():
		if m.Method == mcp.Cancelled {
			l.calls.Cancel("", m)
		}
		l.session.Notify(m)
	case !m.IsRequest():
		// A response: this server's only requests to its clients are questions.
		response := *m // a copy, so that j does not escape to the heap
		l.questions.Answer("", &response)
	case m.Method == mcp.Initialize && j.batch != nil:
		err := &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "initialize can't be a part of a batch"}
		l.reply(&j, err.Reply(m.ID))
	case m.Method == mcp.Initialize, m.Method == mcp.Ping:
		alone := j // a copy, as above
		l.handle(&alone)
	default:
		l.start(j)
	}
}

// start starts a request that may take long, if there is memory for its message.
func (l *loop) start(j job) {
	m := &j.message
	j.weight = weight.Of(m.Raw)
	if !l.held.Take(j.ctx, j.weight) {
		err := &jsonrpc.Error{Code: jsonrpc.InternalError, Message: "too many large requests are in flight; wait for replies, cancel some, or send shorter ones"}
		alone := j // a copy, as above
		l.reply(&alone, err.Reply(m.ID))
		return
	}
	if mcp.Listens(m) || mcp.WaitsForTask(m) {
		l.stay(j)
		return
	}
	if !l.begin() {
		l.held.Give(j.weight)
		return
	}
	j.ctx, j.end = l.calls.Begin(j.ctx, "", m.ID)
	l.dispatch(j)
}

// ask asks the person behind the client while a call is in flight.
func (l *loop) ask(ctx context.Context, question *tools.Question) (tools.Reply, error) {
	if !l.session.Elicits() {
		return tools.Reply{}, mcp.ErrCannot
	}
	return l.questions.Ask(ctx, "", l.out.line, question)
}

// dispatch passes a call to an idle worker, starts a worker, or queues the call.
func (l *loop) dispatch(j job) {
	if l.workers < maxWorkers+int(l.lost.Load()) {
		if l.idle.Add(-1) < 0 {
			l.idle.Add(1)
			l.workers++
			go l.work(j)
			return
		}
	}
	l.queue <- j
}

// work answers the requests in the queue until it is closed.
func (l *loop) work(first job) {
	for j, more := first, true; more; j, more = <-l.queue {
		a := &answer{loop: l, job: j}
		if reply := l.answer(&a.job, a.givenUp); !a.end(reply) {
			l.lost.Add(-1)
		}
		l.idle.Add(1)
	}
}

// answer ends a request once: with its reply, or with that of a call that was
// given up.
type answer struct {
	loop  *loop
	job   job
	ended atomic.Bool
}

func (a *answer) end(reply []byte) bool {
	if !a.ended.CompareAndSwap(false, true) {
		return false
	}
	l, j := a.loop, &a.job
	l.reply(j, reply)
	j.end()
	l.held.Give(j.weight)
	l.running.Done()
	return true
}

func (a *answer) givenUp(reply []byte) {
	a.loop.lost.Add(1)
	a.end(reply)
}

// maxOpen is the number of requests that may stay open: those for subscriptions,
// and those that wait for the end of a task.
const maxOpen = 256

// stay answers a request that stays open on a goroutine of its own, so that it
// takes no worker.
func (l *loop) stay(j job) {
	if l.open.Add(1) > maxOpen {
		l.open.Add(-1)
		l.held.Give(j.weight)
		err := &jsonrpc.Error{Code: jsonrpc.InternalError, Message: fmt.Sprintf("%d subscriptions and requests that wait for tasks are open already; end some first", maxOpen)}
		l.reply(&j, err.Reply(j.message.ID))
		return
	}
	if !l.begin() {
		l.held.Give(j.weight)
		return
	}
	ctx, end := l.calls.Begin(j.ctx, "", j.message.ID)
	go func() {
		defer l.running.Done()
		defer l.open.Add(-1)
		defer l.held.Give(j.weight)
		defer end()
		if !mcp.Listens(&j.message) {
			j.ctx = ctx
			l.handle(&j)
			return
		}
		var cancel context.CancelCauseFunc
		j.ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(l.listening, func() { cancel(context.Cause(l.listening)) })()
		l.handle(&j)
	}()
}

// handle answers a request that was not queued.
func (l *loop) handle(j *job) { l.reply(j, l.answer(j, nil)) }

// answer returns the reply to a request. A panic becomes an internal error.
func (l *loop) answer(j *job, givenUp func(reply []byte)) (reply []byte) {
	defer func() {
		if value := recover(); value != nil {
			l.log.Error().Interface("panic", value).Bytes("stack", debug.Stack()).Str("method", j.message.Method).Msg("handling a request")
			err := &jsonrpc.Error{Code: jsonrpc.InternalError, Message: "this server has a defect; its log has the details"}
			reply = err.Reply(j.message.ID)
		}
	}()
	if mcp.Listens(&j.message) {
		reply, refusal := l.srv.Listen(j.ctx, &j.message, l.out.line, nil, 0)
		if refusal != nil {
			return refusal.Reply(j.message.ID)
		}
		return reply
	}
	return l.srv.Handle(j.ctx, &j.message, givenUp)
}

func (l *loop) reply(j *job, reply []byte) {
	if j.batch != nil {
		j.batch.add(reply)
		return
	}
	if reply != nil {
		_ = l.out.line(reply)
	}
}
