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
	"github.com/chainwright/chainwright/executors/strictjson"
)

// exchange is what has gone over one WebSocket so far.
type exchange struct {
	plan      *plan
	conn      *conn
	progress  func(executors.Progress)
	room      int // bytes that responses may still take in the output
	sent      int
	responses []json.RawMessage
	closed    *ws.CloseError // how the server closed, where it did
	reading   sync.WaitGroup // what still reads until the connection ends
}

// run sends and receives side by side: a server that answers before it has
// read everything would block a client that first sends everything.
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
		<-sending //nolint:errcheck // it was told to stop
		return err
	}
	select {
	case err = <-sending:
	default: // what was waited for came early: go on reading, so that the server goes on too
		e.reading.Go(e.discard)
		err = <-sending
	}
	return e.lost(err)
}

// discard reads what nobody waits for any more, until the connection ends.
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

// receive reads until the plan has what it wants.
func (e *exchange) receive(ctx context.Context) error {
	for e.plan.want == 0 || len(e.responses) < e.plan.want {
		e.conn.SetReadLimit(int64(max(e.room, 1)))
		kind, data, err := e.conn.Read(ctx)
		if err != nil {
			return e.ended(err)
		}
		value, encoded := decode(message{kind, data})
		if e.room -= len(encoded) + 1; e.room < 0 {
			return tooMuch()
		}
		e.responses = append(e.responses, encoded)
		e.progress(executors.Progress{Done: float64(len(e.responses)), Message: "responses"})
		if e.plan.until == nil {
			continue
		}
		met, err := e.met(ctx, value)
		if met || err != nil {
			return err
		}
	}
	if e.plan.until != nil {
		return executors.Errorf(executors.ExecutionError, "%s: none of %d responses made until true", e.plan.name(), len(e.responses)).WithField("until")
	}
	return nil
}

func tooMuch() error {
	return executors.Errorf(executors.ExecutionError, "the responses are larger than what a result may hold").
		WithHint("wait for fewer responses, or end earlier with until")
}

func (e *exchange) met(ctx context.Context, value any) (bool, error) {
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

// ended says whether the end of a WebSocket is a failure, and which.
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

// lost reads a close frame out of an error.
func (e *exchange) lost(err error) error {
	var closed ws.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	closed.Reason = strings.ToValidUTF8(closed.Reason, "\uFFFD")
	e.closed = &closed
	return closeFailure(e.plan.name(), closed, len(e.responses))
}

// decode gives a response as the caller sees it: binary data as {"base64"},
// a JSON object or array decoded, all else as text.
func decode(m message) (value any, encoded json.RawMessage) {
	if m.kind == ws.MessageBinary {
		value = map[string]any{"base64": base64.StdEncoding.EncodeToString(m.data)}
	} else {
		text := strings.TrimSpace(string(m.data))
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			if value, err := strictjson.Decode([]byte(text)); err == nil {
				return value, json.RawMessage(text)
			}
		}
		value = strings.ToValidUTF8(string(m.data), "\uFFFD")
	}
	encoded, _ = json.Marshal(value) // texts always can be
	return value, encoded
}
