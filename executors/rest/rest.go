// Package rest is rest_executor: one HTTP request, or the pages of one list.
// It retries nothing itself; what is worth another attempt is marked so for
// the runner.
package rest

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/web"
)

//go:embed definition.yaml
var files embed.FS

// Definition is that of rest_executor.
var Definition = sync.OnceValue(func() *executors.Definition { return executors.MustLoad(files) })

// New makes rest_executor. It holds no connections of its own: they are
// pooled by the policy's transports.
func New() executors.Executor {
	return executors.New(Definition(), execute)
}

type input struct {
	URL             string         `json:"url"`
	Method          string         `json:"method"`
	Headers         map[string]any `json:"headers"`
	Params          map[string]any `json:"params"`
	JSON            any            `json:"json"`
	Data            map[string]any `json:"data"`
	Body            string         `json:"body"`
	Files           map[string]any `json:"files"`
	Auth            *auth          `json:"auth"`
	Timeout         float64        `json:"timeout"` // applied by the door
	Verify          bool           `json:"verify"`
	FollowRedirects bool           `json:"follow_redirects"`
	ExpectStatus    []any          `json:"expect_status"`
	MaxBytes        int64          `json:"max_bytes"`
	Paginate        *paginate      `json:"paginate"`
}

// output is one answer. At most one of JSON, Text and File is there, but for
// pagination that failed: JSON then holds the items so far, and Text the page
// that went wrong.
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
	DurationMS float64           `json:"duration_ms"`
}

// file is a body that is neither JSON nor text.
type file struct {
	ContentBase64 []byte `json:"content_base64"`
	ContentType   string `json:"content_type"`
	Size          int64  `json:"size"`
}

// client does the requests of one call.
type client struct {
	policy    *policy.Policy
	trusted   *Endpoint // nil: there is none
	transport http.RoundTripper
	follow    bool
	maxBytes  int64
	room      int // for the body in the output
	expect    statuses
}

func execute(ctx context.Context, call *executors.Call, in input) (*output, error) {
	return perform(ctx, call, in, nil)
}

// perform has the failed answer's output beside the error, where there was one.
func perform(ctx context.Context, call *executors.Call, in input, trusted *Endpoint) (*output, error) {
	expect, err := readStatuses(in.ExpectStatus)
	if err != nil {
		return nil, err
	}
	req, err := newRequest(call, in, trusted)
	if err != nil {
		return nil, err
	}
	c := &client{
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
		_, out, err = c.exchange(ctx, req)
	}
	if out != nil {
		out.DurationMS = float64(time.Since(started).Microseconds()) / 1000
	}
	return out, err
}

// exchange sends a request, follows where it leads, and reads the answer.
// There is an output wherever there was an answer, failed or not.
func (c *client) exchange(ctx context.Context, req *request) (hops, *output, error) {
	way, err := c.send(ctx, req)
	if way.Response == nil {
		return way, nil, web.Failure(ctx, way.last.name(), err)
	}
	defer way.Body.Close()
	body, readErr := readBody(way, c.maxBytes, c.room)
	if err == nil {
		err = readErr
	}
	out := &output{
		StatusCode: way.StatusCode,
		URL:        way.last.shown(),
		Method:     way.last.method,
		Redirects:  way.visited,
	}
	var cut bool
	if out.Headers, cut = web.Flatten(way.Header); cut {
		out.warn("some headers are left out, there are too many")
	}
	body.decodeInto(out, way.Header.Get("Content-Type"))
	if err != nil {
		return way, out, web.Failure(ctx, way.last.name(), err)
	}
	return way, out, c.judge(way, out)
}
