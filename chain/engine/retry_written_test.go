package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
)

// A retry that is written is obeyed, by the table in docs/task-tree.md. Each
// server fails once or always, in its own way.
func TestWrittenRetry(t *testing.T) {
	t.Parallel()
	const quick = `"initial_seconds":0.001`
	for _, c := range []struct {
		name, method, retry, timeout string
		status                       int
		retryAfter                   string
		fails                        int64 // answers that fail; 0: all
		requests                     int64
		waits                        float64 // retry_after of the error
	}{
		{name: "a GET after 500", method: "GET", retry: `{"max_attempts":3,` + quick + `}`, status: 500, fails: 2, requests: 3},
		{name: "a GET after 501", method: "GET", retry: `{"max_attempts":2,` + quick + `}`, status: 501, requests: 2},
		{name: "a GET after 425", method: "GET", retry: `{"max_attempts":2,` + quick + `}`, status: 425, fails: 1, requests: 2},
		{name: "a GET after 408", method: "GET", retry: `{"max_attempts":2,` + quick + `}`, status: 408, fails: 1, requests: 2},
		{name: "a GET after 404", method: "GET", retry: `{"max_attempts":3,` + quick + `}`, status: 404, requests: 1},
		{name: "a GET after 404 that is named", method: "GET", retry: `{"max_attempts":3,"on":404,` + quick + `}`, status: 404, fails: 1, requests: 2},
		{name: "a GET after 409 of 4xx", method: "GET", retry: `{"max_attempts":3,"on":["4xx"],` + quick + `}`, status: 409, fails: 1, requests: 2},
		{name: "a GET after 500 that is not named", method: "GET", retry: `{"max_attempts":3,"on":["network",503],` + quick + `}`, status: 500, requests: 1},
		{name: "a GET after an error type", method: "GET", retry: `{"max_attempts":2,"on":"not_found",` + quick + `}`, status: 404, fails: 1, requests: 2},
		{name: "a PUT after 502", method: "PUT", retry: `{"max_attempts":2,` + quick + `}`, status: 502, fails: 1, requests: 2},
		{name: "nothing is written", method: "GET", status: 500, requests: 1},
		{name: "a POST after 429", method: "POST", retry: `{"max_attempts":10,` + quick + `}`, status: 429, retryAfter: "0", fails: 4, requests: 5},
		{name: "a POST after 429 without a time", method: "POST", retry: `{"max_attempts":2,` + quick + `}`, status: 429, fails: 1, requests: 2},
		{name: "a POST after 503 with a time", method: "POST", retry: `{"max_attempts":2,` + quick + `}`, status: 503, retryAfter: "0", fails: 1, requests: 2},
		{name: "a POST after 503 without a time", method: "POST", retry: `{"max_attempts":2,` + quick + `}`, status: 503, requests: 1},
		{name: "a POST after 500", method: "POST", retry: `{"max_attempts":3,"on":["5xx"],` + quick + `}`, status: 500, requests: 1},
		{name: "a POST after 429 that is not named", method: "POST", retry: `{"max_attempts":3,"on":["network"],` + quick + `}`, status: 429, requests: 1},
		{name: "an unsafe POST after 500", method: "POST", retry: `{"max_attempts":3,"unsafe":true,` + quick + `}`, status: 500, fails: 2, requests: 3},
		{name: "an unsafe POST after 404", method: "POST", retry: `{"max_attempts":3,"unsafe":true,` + quick + `}`, status: 404, requests: 1},
		{name: "an unsafe POST after 500 that is not named", method: "POST", retry: `{"max_attempts":3,"unsafe":true,"on":"network",` + quick + `}`, status: 500, requests: 1},
		{name: "a POST, and nothing is written", method: "POST", status: 429, requests: 1},
		{name: "asked for more than max_seconds", method: "GET", retry: `{"max_attempts":3,"max_seconds":1}`, status: 503, retryAfter: "12", requests: 1, waits: 12},
		{name: "asked for more than the task's time", method: "GET", retry: `{"max_attempts":3,"max_seconds":60}`, timeout: `2`, status: 503, retryAfter: "12", requests: 1, waits: 12},
		{name: "asked for more than the definition's time", method: "GET", status: 503, retryAfter: "31", requests: 1, waits: 31},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n := requests.Add(1); c.fails == 0 || n <= c.fails {
					if c.retryAfter != "" {
						w.Header().Set("Retry-After", c.retryAfter)
					}
					w.WriteHeader(c.status)
				}
			}))
			defer server.Close()
			b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{RetryUnsafe: true, Network: policy.Network{Allow: []string{"127.0.0.1"}}})
			if err := b.Registry.Register(rest.New()); err != nil {
				t.Fatal(err)
			}
			more := ""
			if c.retry != "" {
				more += `,"retry":` + c.retry
			}
			if c.timeout != "" {
				more += `,"timeout":` + c.timeout
			}
			v := b.RunTree(t, `[{"id":"a","name":"rest_executor","inputs":{"url":"${{ inputs.url }}","method":"`+c.method+`"}`+more+`}]`,
				chain.RunOptions{Inputs: map[string]any{"url": server.URL}})
			task := v.Tasks[0]
			if requests.Load() != c.requests || task.Attempts != int(c.requests) {
				t.Errorf("%d requests, %d attempts: %+v", requests.Load(), task.Attempts, task)
			}
			if completed := c.fails > 0; (task.Status == chain.Completed) != completed || !completed && task.ErrorCode != strconv.Itoa(c.status) {
				t.Errorf("%s, %s", task.Status, task.ErrorCode)
			}
			if task.RetryAfter != c.waits {
				t.Errorf("retry_after is %v", task.RetryAfter)
			}
		})
	}
}

// Without policy.retry_unsafe, a tree that asks for it is not run.
func TestUnsafeRetryNeedsPolicy(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
	if err := b.Registry.Register(rest.New()); err != nil {
		t.Fatal(err)
	}
	tree := b.Tree(t, `[{"name":"rest_executor","retry":{"max_attempts":2,"unsafe":true},"inputs":{"url":"http://example.com","method":"POST"}}]`)
	_, err := b.PrepareRun(tree, chain.RunOptions{})
	if refused := executors.AsError(err); refused == nil || refused.Type != executors.PermissionDenied || !strings.Contains(refused.Hint, "policy.retry_unsafe: true") {
		t.Errorf("%v", err)
	}
}

// Where both a task and its inputs have a timeout, the smaller one holds. The
// default of the inputs does not count.
func TestSmallerTimeoutHolds(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}})
	if err := b.Registry.Register(rest.New()); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(stop)
	for _, c := range []struct{ timeout, inputs, says string }{
		{`5`, `,"timeout":0.02`, "timeout of 20ms"},
		{`0.02`, `,"timeout":5`, "timeout of 20ms"},
		{`5`, `,"timeout":"${{ 0.02 }}"`, "timeout of 20ms"},
		{`0.02`, ``, "timeout of 20ms"},
		{`"20ms"`, ``, "timeout of 20ms"},
	} {
		v := b.RunTree(t, `[{"name":"rest_executor","timeout":`+c.timeout+`,"retry":{"max_attempts":1},"inputs":{"url":"`+server.URL+`"`+c.inputs+`}}]`, chain.RunOptions{})
		if v.Tasks[0].ErrorType != "timeout_error" || !strings.Contains(v.Tasks[0].Error, c.says) {
			t.Errorf("%s and %s: %+v", c.timeout, c.inputs, v.Tasks[0])
		}
	}
	for i, task := range b.Tree(t, `[{"name":"rest_executor","timeout":60,"inputs":{"url":"`+server.URL+`"}}]`).Tasks {
		if task.Inputs.Has("timeout") || !task.Inputs.Has("url") {
			t.Errorf("%d: %+v", i, task)
		}
	}
}
