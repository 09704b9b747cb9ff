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

// local is the policy that lets tests reach their own servers.
var local = policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}

// door is rest_executor behind a policy, as the runner calls it.
type door struct {
	tb       testing.TB
	registry *executors.Registry
	timeout  time.Duration
}

func newDoor(tb testing.TB, cfg policy.Config) *door {
	tb.Helper()
	registry := executortest.Registry(tb, executortest.Policy(tb, cfg), New())
	return &door{tb: tb, registry: registry, timeout: 20 * time.Second}
}

// call sends inputs through validation and the door. The output must fit its
// schema; it is nil where there is none.
func (d *door) call(inputs string) (*output, *executors.Error) {
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

// get is call with only a URL, which must succeed.
func (d *door) get(url string) *output {
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

// received is what the echo server says it got.
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
