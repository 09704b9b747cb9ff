// Package elicit puts questions to the person behind a client, in the
// revisions in which a server may send its client requests of its own: within
// a call, on the call's own stream. The newest revision has rounds instead.
package elicit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// maxOpen is how many questions one client may have open: nobody reads more,
// and an assistant must not bury a person in them.
const maxOpen = 32

// Speaks reports whether a revision has questions within calls.
func Speaks(version string) bool {
	return version == mcp.ProtocolVersion20250618 || version == mcp.ProtocolVersion20251125
}

// ErrCannot says that a client can't be asked within a call.
var ErrCannot = &tools.NobodyToAsk{Reason: "the client did not declare the capability elicitation, or its revision of the protocol has none"}

// Questions are those that were put and not answered yet, each bound to the
// scope of its client: its session. The zero value is usable.
type Questions struct {
	mu    sync.Mutex
	open  map[key]chan *jsonrpc.Message
	count map[string]int // by scope
	ended bool
}

type key struct{ scope, id string }

// Ask sends the question and waits for what the person says. When the context
// ends first, the client is told that the question is off.
func (q *Questions) Ask(ctx context.Context, scope string, send func([]byte) error, question *tools.Question) (tools.Decision, error) {
	id := "confirm-" + rand.Text()
	reply, err := q.begin(key{scope, id})
	if err != nil {
		return "", err
	}
	defer q.end(key{scope, id})
	request := `{"jsonrpc":"2.0","id":"` + id + `","method":"elicitation/create","params":` + string(question.Params()) + `}`
	if err := send([]byte(request)); err != nil {
		return "", tools.NotConfirmed("the question could not be sent to the client")
	}
	select {
	case <-ctx.Done():
		_ = send([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"` + id + `","reason":"the question is not open any more"}}`))
		return "", fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case m, ok := <-reply:
		if !ok {
			return "", gone()
		}
		return decision(m)
	}
}

// gone is what a question comes to that nobody can answer any more.
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

// take closes a question and gives its channel; nil where it is closed.
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

// Answer takes a client's response, and reports whether it belongs to a
// question that is open in the client's scope.
func (q *Questions) Answer(scope string, m *jsonrpc.Message) bool {
	id := jsonrpc.Text(m.ID)
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

// End closes all questions: no answer can come any more.
func (q *Questions) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	for k := range q.open {
		close(q.take(k))
	}
}

// decision reads a response. An error may be how a client says that the person
// refused, so it counts as that, never as nobody being there to ask.
func decision(m *jsonrpc.Message) (tools.Decision, error) {
	var result json.RawMessage
	for name, value := range jsonrpc.Members(m.Raw) {
		switch name {
		case "result":
			result = value
		case "error":
			return "", tools.NotConfirmed("the client answered the question with an error: " + reason(value))
		}
	}
	said, err := tools.ReadDecision(result)
	if err != nil {
		return "", tools.NotConfirmed("the client's answer to the question " + err.Error())
	}
	return said, nil
}

// reason is the text of an error, shortened: it comes from outside.
func reason(raw json.RawMessage) string {
	for name, value := range jsonrpc.Members(raw) {
		if text := jsonrpc.Text(value); name == "message" && text != "" {
			if r := []rune(text); len(r) > 200 {
				text = string(r[:200]) + "…"
			}
			return text
		}
	}
	return "no reason given"
}
