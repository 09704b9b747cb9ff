package apflow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

const (
	maxAnswer = 4 << 20
	maxEvent  = 1 << 20
	maxStream = 64 << 20
)

// errCut reports that a stream ended before the task.
var errCut = errors.New("the stream ended before the task")

// remote is a server that policy allows.
type remote struct {
	base   *url.URL
	header http.Header
	client *http.Client
	ids    atomic.Int64
}

func aim(pol *policy.Policy, in input) (*remote, error) {
	base, err := web.CheckURL(pol, in.BaseURL)
	if err != nil {
		return nil, aboutBase(err)
	}
	given := make(map[string]any, len(in.Headers))
	for name, value := range in.Headers {
		given[name] = value
	}
	header, err := web.ReadHeaders(given)
	if err != nil {
		return nil, err
	}
	if in.AuthToken != "" {
		value, err := web.HeaderValue("auth_token", "Bearer "+in.AuthToken)
		if err != nil {
			return nil, err
		}
		header.Set("Authorization", value)
	}
	header.Set("Content-Type", "application/json")
	return &remote{base: base, header: header, client: &http.Client{
		Transport:     pol.Transport(policy.TransportOptions{}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// aboutBase renames the field url to base_url.
func aboutBase(err error) error {
	wrong := *executors.AsError(err)
	if wrong.Field == "url" {
		wrong.Field = "base_url"
	}
	return &wrong
}

func (r *remote) failure(ctx context.Context, err error) error {
	return aboutBase(web.Failure(ctx, r.base.Host, err))
}

// post sends a request. It fails unless the status is 2xx.
func (r *remote) post(ctx context.Context, method string, params any, accept string) (*http.Response, error) {
	body, err := plainjson.Marshal(map[string]any{"jsonrpc": "2.0", "id": r.ids.Add(1), "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	path := "tasks"
	if strings.HasPrefix(method, "system.") {
		path = "system"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = r.header.Clone()
	request.Header.Set("Accept", accept)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	if code := response.StatusCode; code < 200 || code > 299 {
		said, _ := web.ReadBody(response, 2048)
		_ = response.Body.Close()
		return nil, web.StatusError(code, response.Header, r.base.Host+" returned "+response.Status+": "+web.Excerpt(string(said.Data)))
	}
	return response, nil
}

// answer is a JSON-RPC response.
type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
}

func (a *answer) read() (json.RawMessage, error) {
	switch {
	case a.Error != nil:
		text := "the server reports: " + a.Error.Message
		var detail string
		if json.Unmarshal(a.Error.Data, &detail) == nil && detail != "" && detail != a.Error.Message {
			text += ": " + detail
		}
		return nil, &remoteError{a.Error.Code, text}
	case a.Result == nil:
		return nil, executors.Errorf(executors.ExecutionError, "the server's response has neither a result nor an error")
	}
	// The result goes to strict readers: not too deep, no duplicate keys.
	mended := strictjson.Mend(a.Result)
	if err := strictjson.Check(mended); err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the server's result is invalid: %w", err)
	}
	return mended, nil
}

// ask calls a method and returns its result.
func (r *remote) ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	response, err := r.post(ctx, method, params, "application/json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := web.ReadBody(response, maxAnswer)
	switch {
	case err != nil:
		return nil, err
	case body.Cut:
		return nil, executors.Errorf(executors.ExecutionError, "the server's response is longer than %d bytes", maxAnswer)
	}
	var got answer
	if err := json.Unmarshal(body.Data, &got); err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the server's response is not JSON-RPC: %s", web.Excerpt(string(body.Data)))
	}
	return got.read()
}

// event is an event of a stream. The first one has no type and is the response.
type event struct {
	answer
	Type     string  `json:"type"`
	Progress float64 `json:"progress"`
	Message  string  `json:"message"`
	Status   string  `json:"status"`
	Final    bool    `json:"final"`
}

func (e event) report(call *executors.Call) {
	message := e.Message
	if message == "" {
		message = e.Status
	}
	call.Progress(executors.Progress{Done: e.Progress, Total: 1, Message: message})
}

// stream calls a method and passes the events of its response to take, until the
// final one. A server that does not stream sends the response only.
func (r *remote) stream(ctx context.Context, method string, params any, take func(event) error) error {
	response, err := r.post(ctx, method, params, "text/event-stream, application/json")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "text/event-stream" {
		body, err := web.ReadBody(response, maxAnswer)
		if err != nil {
			return err
		}
		if err := give(body.Data, take); err != nil {
			return err
		}
		return errCut
	}
	lines := bufio.NewScanner(io.LimitReader(response.Body, maxStream))
	lines.Buffer(nil, maxEvent)
	var data []byte
	for lines.Scan() {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			data = append(append(data, strings.TrimPrefix(text, " ")...), '\n')
			if len(data) > maxEvent {
				return executors.Errorf(executors.ExecutionError, "the server sent an event longer than %d bytes", maxEvent)
			}
			continue
		}
		if line != "" || len(data) == 0 {
			continue // a comment, an event name or an ID
		}
		if err := give(data, take); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		data = nil
	}
	if err := lines.Err(); err != nil {
		return errors.Join(errCut, err)
	}
	return errors.Join(errCut, io.ErrUnexpectedEOF)
}

// give decodes one event and passes it on. It returns io.EOF after the final one.
func give(data []byte, take func(event) error) error {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		var first answer // in later events, error may be a string
		if e.Type == "" && (json.Unmarshal(data, &first) != nil || first.Error == nil) {
			return executors.Errorf(executors.ExecutionError, "the server sent an invalid event: %s", web.Excerpt(string(data)))
		}
	}
	if e.Type == "" {
		if _, err := e.read(); err != nil {
			return err
		}
	}
	if err := take(e); err != nil {
		return err
	}
	if e.Final || e.Type == "final" || e.Type == "stream_end" {
		return io.EOF
	}
	return nil
}
