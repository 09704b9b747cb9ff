package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// sent is a message from the server to a client.
type sent struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Params struct {
		Message   string          `json:"message"`
		Schema    json.RawMessage `json:"requestedSchema"`
		RequestID string          `json:"requestId"`
	} `json:"params"`
}

func read(t *testing.T, raw []byte) (s sent) {
	t.Helper()
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return s
}

// A client's answer is converted to the person's decision, or to a refusal.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]struct {
		decision tools.Decision
		refusal  string
	}{
		`"result":{"action":"accept","content":{}}`:               {tools.Accepted, ""},
		`"result":{"action":"accept"}`:                            {tools.Accepted, ""},
		`"result":{"action":"decline"}`:                           {tools.Declined, ""},
		`"result":{"action":"cancel","_meta":{}}`:                 {tools.Dismissed, ""},
		`"result":{"action":"yes"}`:                               {"", "must have an action"},
		`"result":{}`:                                             {"", "must have an action"},
		`"result":null`:                                           {"", "must have an action"},
		`"result":{"Action":{"accept":1}}`:                        {"", "must have an action"},
		`"jsonrpc_":1`:                                            {"", "must have an action"},
		`"error":{"code":-32601,"message":"no such method"}`:      {"", "no such method"},
		`"error":{"code":-1}`:                                     {"", "no reason given"},
		`"error":null,"result":{"action":"accept"}`:               {"", "no reason given"},
		`"error":{"message":"` + strings.Repeat("é", 5000) + `"}`: {"", "ééé…"},
	} {
		var q Questions
		decision, err := q.Ask(t.Context(), "s", func(raw []byte) error {
			m := read(t, raw)
			if m.Method != "elicitation/create" || m.Params.Message != "Sure?" || string(m.Params.Schema) != `{"type":"object","properties":{}}` {
				t.Errorf("sent %s", raw)
			}
			for _, other := range []string{`{"jsonrpc":"2.0","id":"` + m.ID + `x","result":{"action":"accept"}}`, `{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`} {
				if q.Answer("s", message(t, other)) {
					t.Errorf("%s was taken", other)
				}
			}
			reply := message(t, `{"jsonrpc":"2.0","id":"`+m.ID+`",`+answer+`}`)
			if q.Answer("another session", reply) {
				t.Error("another session's answer was taken")
			}
			if !q.Answer("s", reply) || q.Answer("s", reply) {
				t.Error("the answer was not taken once")
			}
			return nil
		}, &tools.Question{Message: "Sure?"})
		if decision.Decision != want.decision || (err != nil) != (want.refusal != "") || err != nil && !strings.Contains(err.Error(), want.refusal) {
			t.Errorf("%s: %q, %v", answer, decision, err)
		}
		if err != nil && (executors.AsError(err).Type != executors.PermissionDenied || errors.As(err, new(*tools.CannotAskError))) {
			t.Errorf("%s: %#v", answer, err)
		}
		if len(q.open)+len(q.count) > 0 {
			t.Errorf("%s: %v is left", answer, q.open)
		}
	}
}

// If the call ends first, the question is withdrawn, and a late answer is
// ignored.
func TestCancelled(t *testing.T) {
	t.Parallel()
	var q Questions
	var list []sent
	ctx, cancel := context.WithCancel(t.Context())
	_, err := q.Ask(ctx, "", func(raw []byte) error {
		list = append(list, read(t, raw))
		cancel()
		return nil
	}, &tools.Question{})
	if !errors.Is(err, context.Canceled) || len(list) != 2 || list[1].Method != "notifications/cancelled" || list[1].Params.RequestID != list[0].ID {
		t.Errorf("%v after %+v", err, list)
	}
	if q.Answer("", message(t, `{"jsonrpc":"2.0","id":"`+list[0].ID+`","result":{"action":"accept"}}`)) {
		t.Error("a late answer was taken")
	}
}

// Over the limit of open questions, or if the connection is gone, further
// questions are refused.
func TestBounds(t *testing.T) {
	t.Parallel()
	var q Questions
	var all sync.WaitGroup
	open := make(chan struct{}, maxOpen)
	for range maxOpen {
		all.Go(func() {
			if _, err := q.Ask(t.Context(), "a", func([]byte) error { open <- struct{}{}; return nil }, &tools.Question{}); err == nil || !strings.Contains(err.Error(), "ended before") {
				t.Errorf("%v", err)
			}
		})
	}
	for range maxOpen {
		<-open
	}
	never := func([]byte) error { t.Error("it was sent"); return nil }
	if _, err := q.Ask(t.Context(), "a", never, &tools.Question{}); err == nil || !strings.Contains(err.Error(), "32 questions") {
		t.Errorf("%v", err)
	}
	if _, err := q.Ask(t.Context(), "b", func([]byte) error { return errors.New("broken") }, &tools.Question{}); err == nil || !strings.Contains(err.Error(), "could not be sent") {
		t.Errorf("%v", err)
	}
	q.End()
	all.Wait()
	if _, err := q.Ask(t.Context(), "a", never, &tools.Question{}); err == nil || !strings.Contains(err.Error(), "connection") {
		t.Errorf("%v", err)
	}
	q.End()
}
