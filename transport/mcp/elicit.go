package mcp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// maxOpen is the number of questions that one client may have open, so that an
// assistant can't flood a person with them.
const maxOpen = 32

// ErrCannot is the error for a client that can't be asked within a call.
var ErrCannot = &tools.CannotAskError{Reason: "the client did not declare the capability elicitation, or its revision of the protocol has none"}

// Questions are the open questions. Each belongs to a scope, which is the
// client's session. The zero value is usable.
type Questions struct {
	mu    sync.Mutex
	open  map[key]chan *jsonrpc.Message
	count map[string]int // by scope
	ended bool
}

type key struct{ scope, id string }

// Ask sends a question and waits for the answer. If the context ends first, it
// sends the client a cancel request.
func (q *Questions) Ask(ctx context.Context, scope string, send func([]byte) error, question *tools.Question) (none tools.Reply, err error) {
	id := "confirm-" + rand.Text()
	reply, err := q.begin(key{scope, id})
	if err != nil {
		return none, err
	}
	defer q.end(key{scope, id})
	request := append(appendElicitation([]byte(`{"jsonrpc":"2.0","id":"`+id+`",`), question), '}')
	if err := send(request); err != nil {
		return none, tools.NotConfirmed("the question could not be sent to the client")
	}
	select {
	case <-ctx.Done():
		_ = send([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"` + id + `","reason":"the question was withdrawn"}}`))
		return none, fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case m, ok := <-reply:
		if !ok {
			return none, gone()
		}
		return decision(m)
	}
}

// gone returns the error of a question whose connection has ended.
func gone() error {
	return tools.NotConfirmed("the connection to the client ended before an answer came")
}

// begin opens a question.
func (q *Questions) begin(k key) (<-chan *jsonrpc.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended:
		return nil, gone()
	case q.count[k.scope] >= maxOpen:
		return nil, tools.NotConfirmed(fmt.Sprintf("%d questions to the person are open already", maxOpen)).
			WithHint("wait until they are answered, then call it again")
	case q.open == nil:
		q.open, q.count = map[key]chan *jsonrpc.Message{}, map[string]int{}
	}
	reply := make(chan *jsonrpc.Message, 1)
	q.open[k] = reply
	q.count[k.scope]++
	return reply, nil
}

func (q *Questions) end(k key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(k)
}

// take closes a question and returns its channel; nil if it is already closed.
func (q *Questions) take(k key) chan *jsonrpc.Message {
	reply, open := q.open[k]
	if !open {
		return nil
	}
	delete(q.open, k)
	if q.count[k.scope]--; q.count[k.scope] == 0 {
		delete(q.count, k.scope)
	}
	return reply
}

// Answer passes a client's response to its question. It reports false if no such
// question is open in the client's scope.
func (q *Questions) Answer(scope string, m *jsonrpc.Message) bool {
	id := strictjson.Text(m.ID)
	if !strings.HasPrefix(id, "confirm-") {
		return false
	}
	q.mu.Lock()
	reply := q.take(key{scope, id})
	q.mu.Unlock()
	if reply == nil {
		return false
	}
	reply <- m
	return true
}

// End closes all questions, because the connections have ended.
func (q *Questions) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	for k := range q.open {
		close(q.take(k))
	}
}

// decision reads a response. Some clients report a refusal as an error, so an
// error is a refusal, and never a *tools.CannotAskError.
func decision(m *jsonrpc.Message) (none tools.Reply, err error) {
	var result json.RawMessage
	for name, value := range strictjson.Members(m.Raw) {
		switch name {
		case "result":
			result = value
		case "error":
			return none, tools.NotConfirmed("the client answered the question with an error: " + reason(value))
		}
	}
	said, err := readDecision(result)
	if err != nil {
		return none, tools.NotConfirmed("the client's answer to the question " + err.Error())
	}
	return said, nil
}

// reason returns the message of a client's error, shortened.
func reason(raw json.RawMessage) string {
	for name, value := range strictjson.Members(raw) {
		if text := strictjson.Text(value); name == "message" && text != "" {
			return shorten.Runes(text, 200)
		}
	}
	return "no reason given"
}
