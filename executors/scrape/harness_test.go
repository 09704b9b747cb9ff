package scrape

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

// local is a policy that allows the tests' own servers.
var local = policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}

// serve starts a server that always returns the same body.
func serve(tb testing.TB, kind string, body []byte) (address string) {
	tb.Helper()
	return handle(tb, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	})
}

func handle(tb testing.TB, handler http.HandlerFunc) (address string) {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server.URL
}

// read scrapes a URL, with additional inputs as JSON members.
func read(tb testing.TB, cfg policy.Config, address, more string) (*output, *executors.Error) {
	tb.Helper()
	outcome := executortest.Run(tb, New(), fmt.Sprintf(`{"url": %q%s}`, address, more), executortest.Policy(tb, cfg))
	if len(outcome.Result) == 0 {
		return nil, outcome.Err
	}
	var out output
	if err := json.Unmarshal(outcome.Result, &out); err != nil {
		tb.Fatalf("the result: %v", err)
	}
	return &out, outcome.Err
}

// must scrapes a URL; the call must succeed.
func must(tb testing.TB, address, more string) *output {
	tb.Helper()
	out, failure := read(tb, local, address, more)
	if failure != nil {
		tb.Fatalf("%s: %+v", address, failure)
	}
	return out
}
