// Package websocket implements websocket_executor. It is not a stable API.
// The executor opens one WebSocket per call and closes it when the call ends.
package websocket

import (
	"context"
	"embed"
	"encoding/json"
	"time"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

//go:embed definition.yaml
var files embed.FS

// New returns websocket_executor. A connection lasts no longer than its call.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute, check)
}

type input struct {
	URL          string         `json:"url"`
	Message      any            `json:"message"`
	Messages     []any          `json:"messages"`
	WaitResponse bool           `json:"wait_response"`
	Responses    int            `json:"responses"`
	Until        string         `json:"until"`
	Timeout      float64        `json:"timeout"` // applied by the registry
	Headers      map[string]any `json:"headers"`
	Subprotocols []string       `json:"subprotocols"`
	Verify       bool           `json:"verify"`
}

// output has Response if one response was requested, otherwise Responses.
type output struct {
	Success      bool              `json:"success"`
	URL          string            `json:"url"`
	MessageSent  any               `json:"message_sent,omitempty"`
	MessagesSent int               `json:"messages_sent"`
	Response     json.RawMessage   `json:"response,omitempty"`
	Responses    []json.RawMessage `json:"responses,omitempty"`
	WaitResponse bool              `json:"wait_response"`
	Subprotocol  string            `json:"subprotocol,omitempty"`
	Code         int               `json:"code,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	DurationMS   float64           `json:"duration_ms"`
}

// execute runs one exchange. After an error, the output is nil only if the
// WebSocket could not be opened.
func execute(ctx context.Context, call *executors.Call, in input) (*output, error) {
	plan, err := newPlan(call, in)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	conn, err := dial(ctx, call.Policy, plan)
	if err != nil {
		return nil, err
	}
	e := &exchange{plan: plan, conn: conn, redact: call.Policy.RedactJSON, progress: call.Progress, room: web.OutputRoom(call.Policy.Limits(), "websocket_executor")}
	defer e.reading.Wait()
	defer conn.drop()
	err = e.run(ctx)
	out := &output{
		URL:          plan.target.String(),
		MessageSent:  in.Message,
		MessagesSent: e.sent,
		WaitResponse: in.WaitResponse,
		Subprotocol:  conn.Subprotocol(),
	}
	if err == nil {
		conn.finish(ctx)
		if e.closed == nil {
			e.closed = &ws.CloseError{Code: ws.StatusNormalClosure}
		}
	}
	if e.closed != nil {
		out.Code, out.Reason = int(e.closed.Code), e.closed.Reason
	}
	out.Responses = e.responses
	if plan.want == 1 && plan.until == nil && len(e.responses) == 1 {
		out.Response, out.Responses = e.responses[0], nil
	}
	out.Success = err == nil
	out.DurationMS = float64(time.Since(started).Microseconds()) / 1000
	if err != nil {
		return out, web.Failure(ctx, plan.name(), err)
	}
	return out, nil
}
