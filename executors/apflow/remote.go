package apflow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

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
	maxError  = 64 << 10
)

const (
	acceptJSON   = "application/json"
	acceptEvents = "text/event-stream, application/json"
)

// errCut reports that a stream ended before the task.
var errCut = errors.New("the stream ended before the task")

// remote is a server that policy allows.
type remote struct {
	base   *url.URL
	header http.Header
	client *http.Client
	sent   int // requests
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

// post sends a value to a path below the base.
func (r *remote) post(ctx context.Context, path string, value any, accept string) (*http.Response, error) {
	body, err := plainjson.Marshal(value)
	if err != nil {
		return nil, err
	}
	return r.send(ctx, http.MethodPost, path, bytes.NewReader(body), accept)
}

func (r *remote) get(ctx context.Context, path string) (*http.Response, error) {
	return r.send(ctx, http.MethodGet, path, http.NoBody, acceptJSON)
}

func (r *remote) send(ctx context.Context, method, path string, body io.Reader, accept string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.base.JoinPath(path).String(), body)
	if err != nil {
		return nil, err
	}
	r.sent++
	request.Header = r.header.Clone()
	request.Header.Set("Accept", accept)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	return r.client.Do(request)
}

func succeeded(response *http.Response) bool {
	return response.StatusCode >= 200 && response.StatusCode <= 299
}

// status reads and closes a response, and returns the error of its status and
// the text that it holds.
func (r *remote) status(response *http.Response) (*executors.Error, []byte) {
	defer response.Body.Close()
	said, _ := web.ReadBody(response, maxError)
	return web.StatusError(response.StatusCode, response.Header, r.base.Host+" returned "+response.Status+": "+web.Excerpt(string(said.Data))), said.Data
}

// body reads and closes a response.
func body(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	got, err := web.ReadBody(response, maxAnswer)
	switch {
	case err != nil:
		return nil, err
	case got.Cut:
		return nil, executors.Errorf(executors.ExecutionError, "the server's response is longer than %d bytes", maxAnswer)
	}
	return got.Data, nil
}

// mend prepares a result for strict readers: not too deep, no duplicate keys.
func mend(result []byte) ([]byte, error) {
	mended := strictjson.Mend(result)
	if err := strictjson.Check(mended); err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the server's result is invalid: %w", err)
	}
	return mended, nil
}

// event is an event of a stream. An event without a type is the response.
type event struct {
	Type     string  `json:"type"`
	Progress float64 `json:"progress"`
	Message  string  `json:"message"`
	Status   string  `json:"status"`
	Final    bool    `json:"final"`
	Error    any     `json:"error"`
	Result   []byte  `json:"-"`
}

func (e event) report(call *executors.Call) {
	message := e.Message
	if message == "" {
		message = e.Status
	}
	if message != "" {
		call.Progress(executors.Progress{Done: e.Progress, Total: 1, Message: message})
	}
}

// isStream reports whether the server streams its response.
func isStream(response *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return kind == "text/event-stream"
}

// events reads and closes a stream, and passes the name and the data of its
// events on, until give returns io.EOF. If the stream ends before, it returns
// errCut.
func events(response *http.Response, give func(name string, data []byte) error) error {
	defer response.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(response.Body, maxStream))
	lines.Buffer(nil, maxEvent)
	var data []byte
	var name string
	for lines.Scan() {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			data = append(append(data, strings.TrimPrefix(text, " ")...), '\n')
			if len(data) > maxEvent {
				return executors.Errorf(executors.ExecutionError, "the server sent an event longer than %d bytes", maxEvent)
			}
			continue
		}
		if text, ok := strings.CutPrefix(line, "event:"); ok {
			name = strings.TrimSpace(text)
		}
		if line != "" || len(data) == 0 {
			continue // a comment, a name or an ID
		}
		if err := give(name, data); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		data, name = nil, ""
	}
	if err := lines.Err(); err != nil {
		return errors.Join(errCut, err)
	}
	return errors.Join(errCut, io.ErrUnexpectedEOF)
}
