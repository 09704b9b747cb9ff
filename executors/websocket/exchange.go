package websocket

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// exchange is the state of one exchange.
type exchange struct {
	plan      *plan
	conn      *conn
	redact    func([]byte) []byte // removes secrets from JSON
	progress  func(executors.Progress)
	room      int // bytes left for responses in the output
	sent      int
	responses []json.RawMessage
	closed    *ws.CloseError // how the server closed; nil: it did not
	reading   sync.WaitGroup // the reader that runs until the connection ends
}

// run sends and receives at the same time: a server that responds before it has
// read everything would block a client that sends everything first.
func (e *exchange) run(ctx context.Context) error {
	if !e.plan.wait {
		return e.lost(e.send(ctx))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sending := make(chan error, 1)
	go func() { sending <- e.send(ctx) }()
	err := e.receive(ctx)
	if err != nil || e.closed != nil {
		cancel()
		<-sending //nolint:errcheck // only waits for the goroutine
		return err
	}
	select {
	case err = <-sending:
	default: // all responses arrived early: keep reading, so that the server keeps reading
		e.reading.Go(e.discard)
		err = <-sending
	}
	return e.lost(err)
}

// discard reads and drops messages until the connection ends.
func (e *exchange) discard() {
	e.conn.SetReadLimit(-1)
	for {
		_, from, err := e.conn.Reader(context.Background())
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, from); err != nil {
			return
		}
	}
}

func (e *exchange) send(ctx context.Context) error {
	for _, each := range e.plan.messages {
		if err := e.conn.Write(ctx, each.kind, each.data); err != nil {
			return err
		}
		e.sent++
	}
	return nil
}

// receive reads responses until the plan is satisfied.
func (e *exchange) receive(ctx context.Context) error {
	for e.plan.want == 0 || len(e.responses) < e.plan.want {
		e.conn.SetReadLimit(int64(max(e.room, 1)))
		kind, data, err := e.conn.Read(ctx)
		if err != nil {
			return e.ended(err)
		}
		encoded := e.redact(decode(message{kind, data}))
		if e.room -= len(encoded) + 1; e.room < 0 {
			return tooMuch()
		}
		e.responses = append(e.responses, encoded)
		e.progress(executors.Progress{Done: float64(len(e.responses)), Message: "responses"})
		if e.plan.until == nil {
			continue
		}
		met, err := e.met(ctx, encoded)
		if met || err != nil {
			return err
		}
	}
	if e.plan.until != nil {
		return executors.Errorf(executors.ExecutionError, "%s: until was true for none of %d responses", e.plan.name(), len(e.responses)).WithField("until")
	}
	return nil
}

func tooMuch() error {
	return executors.Errorf(executors.ExecutionError, "the responses are larger than the limit of a result").
		WithHint("lower responses, or end earlier with until")
}

// met reports whether until is true for a response. Secrets are removed before,
// because a program could read them letter by letter.
func (e *exchange) met(ctx context.Context, response json.RawMessage) (bool, error) {
	value, err := strictjson.Decode(response)
	if err != nil {
		return false, executors.Errorf(executors.ExecutionError, "reading response %d: %w", len(e.responses), err)
	}
	outputs, err := e.plan.until.Run(ctx, value)
	if err != nil {
		return false, executors.Errorf(executors.ExecutionError, "until failed on response %d: %w", len(e.responses), err).WithField("until")
	}
	if len(outputs) == 0 {
		return false, nil
	}
	last := outputs[len(outputs)-1]
	return last != nil && last != false, nil
}

// ended returns the error for the end of a WebSocket; nil if it was expected.
func (e *exchange) ended(err error) error {
	if errors.Is(err, ws.ErrMessageTooBig) {
		return tooMuch()
	}
	if err = e.lost(err); e.closed == nil {
		return err
	}
	if e.plan.want == 0 && (e.closed.Code == ws.StatusNormalClosure || e.closed.Code == ws.StatusGoingAway || e.closed.Code == ws.StatusNoStatusRcvd) {
		return nil
	}
	return err
}

// lost records the close frame of an error.
func (e *exchange) lost(err error) error {
	var closed ws.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	closed.Reason = strings.ToValidUTF8(closed.Reason, "\uFFFD")
	e.closed = &closed
	return closeFailure(e.plan.name(), closed, len(e.responses))
}

// decode returns a response for the output: binary data as {"base64"}, a JSON
// object or array decoded, anything else as text.
func decode(m message) json.RawMessage {
	if m.kind == ws.MessageBinary {
		return plainjson.Must(map[string]any{"base64": base64.StdEncoding.EncodeToString(m.data)})
	}
	text := strings.TrimSpace(string(m.data))
	if (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && strictjson.Check([]byte(text)) == nil {
		return json.RawMessage(text)
	}
	return plainjson.Must(strings.ToValidUTF8(string(m.data), "\uFFFD"))
}
