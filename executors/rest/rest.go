// Package rest implements rest_executor. It is not a stable API.
// The executor sends one HTTP request, or collects the pages of a list. It does
// not retry; it marks retryable errors for the runner.
package rest

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

//go:embed definition.yaml
var files embed.FS

// Definition returns the definition of rest_executor.
var Definition = sync.OnceValue(func() *executors.Definition {
	def := executors.MustLoad(files)
	def.BuiltIn = true // before anyone shares it
	return def
})

// New returns rest_executor. Connections are pooled by the policy's transports.
func New() executors.Executor {
	return executors.New(Definition(), execute, check)
}

// check returns the errors in literal expect_status and paginate.
func check(inputs map[string]any) []*executors.Error {
	var found []*executors.Error
	if given, ok := inputs["expect_status"].([]any); ok && executors.Known(given) {
		if _, err := readStatuses(given); err != nil {
			found = append(found, executors.AsError(err))
		}
	}
	var p paginate
	given, ok := inputs["paginate"].(map[string]any)
	if method, known := inputs["method"].(string); ok && known && executors.Known(given) && bind.Into(&p, given) == nil {
		if _, err := newPager(&request{method: method, url: &url.URL{}}, p); err != nil {
			found = append(found, executors.AsError(err))
		}
	}
	return found
}

type input struct {
	URL             string              `json:"url"`
	Method          string              `json:"method"`
	Headers         map[string]any      `json:"headers"`
	Params          map[string]any      `json:"params"`
	JSON            any                 `json:"json"`
	Data            map[string]any      `json:"data"`
	Body            string              `json:"body"`
	Files           map[string]any      `json:"files"`
	Auth            *auth               `json:"auth"`
	Idempotency     bool                `json:"idempotency"`
	Timeout         float64             `json:"timeout"` // applied by the registry
	Verify          bool                `json:"verify"`
	FollowRedirects bool                `json:"follow_redirects"`
	ExpectStatus    []any               `json:"expect_status"`
	MaxBytes        int64               `json:"max_bytes"`
	Paginate        *paginate           `json:"paginate"`
	CSV             *delimited.Settings `json:"csv"`
}

// output is one response. At most one of JSON, Text and File is set, except
// after failed pagination: then JSON is the items so far and Text the failed
// page.
type output struct {
	Success    bool              `json:"success"`
	StatusCode int               `json:"status_code"`
	URL        string            `json:"url"`
	Method     string            `json:"method"`
	Headers    map[string]string `json:"headers"`
	JSON       json.RawMessage   `json:"json,omitempty"`
	Text       *string           `json:"text,omitempty"`
	File       *file             `json:"file,omitempty"`
	Size       int64             `json:"size"`
	Truncated  bool              `json:"truncated,omitempty"`
	Warning    string            `json:"warning,omitempty"`
	Redirects  []string          `json:"redirects,omitempty"`
	Pages      int               `json:"pages,omitempty"`
	NextPage   string            `json:"next_page,omitempty"`
	Columns    []string          `json:"columns,omitempty"`
	DurationMS float64           `json:"duration_ms"`
}

// file is a body that is neither JSON nor text.
type file struct {
	ContentBase64 []byte `json:"content_base64"`
	ContentType   string `json:"content_type"`
	Size          int64  `json:"size"`
}

// client sends the requests of one call.
type client struct {
	call      *executors.Call
	policy    *policy.Policy
	trusted   *Endpoint // nil: none
	transport http.RoundTripper
	follow    bool
	maxBytes  int64
	room      int // bytes for the body in the output
	expect    statuses
}

func execute(ctx context.Context, call *executors.Call, in input) (*output, error) {
	return perform(ctx, call, in, nil)
}

// perform sends the request. After an error, the output is the failed
// response, if there was one.
func perform(ctx context.Context, call *executors.Call, in input, trusted *Endpoint) (*output, error) {
	expect, err := readStatuses(in.ExpectStatus)
	if err != nil {
		return nil, err
	}
	if err := checkCSV(&in); err != nil {
		return nil, err
	}
	req, err := newRequest(call, in, trusted)
	if err != nil {
		return nil, err
	}
	c := &client{
		call:      call,
		policy:    call.Policy,
		trusted:   trusted,
		transport: trusted.transport(call.Policy.Transport(policy.TransportOptions{InsecureSkipVerify: !in.Verify})),
		follow:    in.FollowRedirects,
		room:      web.OutputRoom(call.Policy.Limits(), "rest_executor"),
		expect:    expect,
	}
	c.maxBytes = min(in.MaxBytes, int64(c.room))
	started := time.Now()
	var out *output
	if in.Paginate != nil {
		out, err = c.pages(ctx, call, req, *in.Paginate)
	} else {
		var reply hops
		reply, out, err = c.exchange(ctx, req)
		if err == nil {
			out.onePage(req, reply)
		}
		if err == nil && in.CSV != nil {
			err = out.setRows(in.CSV, c.room)
		}
	}
	if out != nil {
		out.DurationMS = float64(time.Since(started).Microseconds()) / 1000
	}
	return out, err
}

// exchange sends a request, follows redirects and reads the response. The
// output is nil only if there was no response.
func (c *client) exchange(ctx context.Context, req *request) (hops, *output, error) {
	reply, err := c.send(ctx, req)
	if reply.Response == nil {
		return reply, nil, web.Failure(ctx, reply.last.name(), err)
	}
	defer reply.Body.Close()
	web.Followed(reply.Response, c.call)
	body, readErr := readBody(reply, c.maxBytes, c.room)
	if err == nil {
		err = readErr
	}
	out := &output{
		StatusCode: reply.StatusCode,
		URL:        reply.last.shown(),
		Method:     reply.last.method,
		Redirects:  reply.visited,
	}
	var cut bool
	if out.Headers, cut = web.Flatten(reply.Header); cut {
		out.warn("some headers are omitted: there are too many")
	}
	body.decodeInto(out, reply.Header.Get("Content-Type"))
	if err != nil {
		return reply, out, web.Failure(ctx, reply.last.name(), err)
	}
	return reply, out, c.checkStatus(reply, out)
}
