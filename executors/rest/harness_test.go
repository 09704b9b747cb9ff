package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

// local is a policy that allows the tests' own servers.
var local = policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}

// caller calls rest_executor through a registry with a policy.
type caller struct {
	tb       testing.TB
	registry *executors.Registry
	timeout  time.Duration
}

func newCaller(tb testing.TB, cfg policy.Config) *caller {
	tb.Helper()
	registry := executortest.Registry(tb, executortest.Policy(tb, cfg), New())
	return &caller{tb: tb, registry: registry, timeout: 20 * time.Second}
}

// call validates the inputs and calls the executor. It checks the output
// against the output schema and returns nil if there is none.
func (d *caller) call(inputs string) (*output, *executors.Error) {
	d.tb.Helper()
	resolved, refused := d.registry.ResolveInputs("rest_executor", json.RawMessage(inputs))
	if refused != nil {
		return nil, refused
	}
	outcome := d.registry.Invoke(d.tb.Context(), "rest_executor", &executors.Call{Inputs: resolved, Attempt: 1}, d.timeout)
	if len(outcome.Result) == 0 || string(outcome.Result) == "null" {
		return nil, outcome.Err
	}
	value, err := strictjson.Decode(outcome.Result)
	if err != nil {
		d.tb.Fatalf("the result: %v", err)
	}
	for _, violation := range New().Definition().Output.Validate(value) {
		d.tb.Errorf("the result's %s %s", violation.Path, violation.Message)
	}
	var out output
	if err := json.Unmarshal(outcome.Result, &out); err != nil {
		d.tb.Fatalf("the result: %v", err)
	}
	return &out, outcome.Err
}

// get calls the executor with a URL only; the call must succeed.
func (d *caller) get(url string) *output {
	d.tb.Helper()
	out, failure := d.call(fmt.Sprintf(`{"url": %q}`, url))
	if failure != nil {
		d.tb.Fatalf("GET %s: %v", url, failure)
	}
	return out
}

func serve(tb testing.TB, handler http.HandlerFunc) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server
}

// received is the request as the echo server received it.
type received struct {
	Method, URI, Body string
	Headers           http.Header
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(received{r.Method, r.URL.RequestURI(), string(body), r.Header})
}

func echoed(tb testing.TB, out *output, failure *executors.Error) received {
	tb.Helper()
	if failure != nil {
		tb.Fatalf("failed: %+v", failure)
	}
	var got received
	if err := json.Unmarshal(out.JSON, &got); err != nil {
		tb.Fatalf("the echo %s: %v", out.JSON, err)
	}
	return got
}
