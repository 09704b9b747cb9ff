package llm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// together sends n requests at one time.
func together(ctx context.Context, client *llm.Client, n int, req llm.Request) (replies []llm.Reply, errs []error) {
	replies, errs = make([]llm.Reply, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { replies[i], errs[i] = client.Complete(ctx, req) })
	}
	all.Wait()
	return replies, errs
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Delay: 20 * time.Millisecond}})
	client := server.Client(llm.Settings{MaxConcurrent: 3, Model: "m"})
	_, errs := together(t.Context(), client, 12, ask("hello"))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if server.Peak() != 3 {
		t.Errorf("%d requests were in flight at one time, and 3 may be", server.Peak())
	}
}

// An endpoint that fails every time gets no requests for a while.
func TestBreaker(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Status: 503, Message: "down"}})
	client := server.Client(llm.Settings{Model: "m"})
	var failed *executors.Error
	for range 30 {
		_, err := client.Complete(t.Context(), ask("hello"))
		failed = executors.AsError(err)
	}
	if failed.Code != "breaker_open" || !failed.Retryable || failed.RetryAfter <= 0 || server.Count() != 20 {
		t.Errorf("after %d requests: %v", server.Count(), failed)
	}
	// A rate limit or an invalid request does not open the circuit breaker.
	for _, status := range []int{429, 400} {
		server = llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Status: status, Message: "no"}})
		client = server.Client(llm.Settings{Model: "m"})
		for range 30 {
			client.Complete(t.Context(), ask("hello")) // fails
		}
		if server.Count() != 30 {
			t.Errorf("%d: %d of 30 requests were sent", status, server.Count())
		}
	}
}

func TestCeilings(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Usage: &llmtest.Usage{Input: 100, Output: 50}}})
	prices := map[string]llm.Price{"m": {Input: 1000, Output: 2000}} // 0.2 dollars a request
	cases := []struct {
		name    string
		ceiling llm.Ceiling
		sent    int
	}{
		{"none", llm.Ceiling{}, 6},
		{"tokens", llm.Ceiling{Tokens: 301}, 3},
		{"cost", llm.Ceiling{CostUSD: 0.5}, 3},
	}
	for _, c := range cases {
		client := server.Client(llm.Settings{Model: "m", Prices: prices})
		req := ask("hello")
		above := llm.NewMeter(llm.Ceiling{}, nil)
		req.Meter = llm.NewMeter(c.ceiling, above)
		before := server.Count()
		var err error
		for range 6 {
			if _, each := client.Complete(t.Context(), req); each != nil {
				err = each
			}
		}
		if sent := server.Count() - before; sent != c.sent || req.Meter.Used().Requests != sent || above.Used() != req.Meter.Used() {
			t.Errorf("%s: %d requests were sent, and counted %+v, %+v", c.name, sent, req.Meter.Used(), above.Used())
		}
		if c.sent < 6 && !errors.Is(err, llm.ErrCeiling) || c.sent == 6 && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if failed := executors.AsError(err); err != nil && (failed.Code != "ceiling" || failed.Retryable) {
			t.Errorf("%s: %v", c.name, failed)
		}
	}
	// With an unknown price a cost limit can't be checked, so nothing is sent.
	before := server.Count()
	req := ask("hello")
	req.Meter = llm.NewMeter(llm.Ceiling{CostUSD: 1}, nil)
	_, err := server.Client(llm.Settings{Model: "unheard-of"}).Complete(t.Context(), req)
	if failed := executors.AsError(err); failed == nil || failed.Type != executors.ValidationError || server.Count() != before {
		t.Errorf("%v", err)
	}
}

// The operator's limit applies to each run.
func TestRunsHaveTheirOwnMeter(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Text("hi"))
	client := server.Client(llm.Settings{Model: "m", MaxTokensTotal: 5})
	for _, run := range []string{"a", "b", "", ""} {
		req := ask("hello")
		req.Meter = client.Meter(run)
		if _, err := client.Complete(t.Context(), req); err != nil {
			t.Errorf("the first of run %q: %v", run, err)
		}
		if run != "" {
			req.Meter = client.Meter(run)
			if _, err := client.Complete(t.Context(), req); !errors.Is(err, llm.ErrCeiling) {
				t.Errorf("the second of run %q: %v", run, err)
			}
		}
	}
}

// If an endpoint reports no usage, it is estimated.
func TestUsageIsEstimated(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "twelve chars", Usage: &llmtest.Usage{}}})
	reply, err := server.Client(llm.Settings{Model: "m"}).Complete(t.Context(), ask("hello"))
	if err != nil || reply.Usage.OutputTokens != 3 || reply.Usage.InputTokens == 0 {
		t.Errorf("%+v, %v", reply.Usage, err)
	}
}

func TestWholeCallTakesAtMost(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Delay: time.Minute}})
	_, err := server.Client(llm.Settings{Model: "m", Timeout: 50 * time.Millisecond}).Complete(t.Context(), ask("hello"))
	if failed := executors.AsError(err); failed == nil || failed.Type != executors.TimeoutError || !failed.Retryable {
		t.Errorf("%v", err)
	}
	req := ask("hello")
	req.OnText = func(string) {}
	_, err = server.Client(llm.Settings{Model: "m", FirstToken: 50 * time.Millisecond}).Complete(t.Context(), req)
	if failed := executors.AsError(err); failed == nil || failed.Code != "stalled" || !failed.Retryable {
		t.Errorf("%v", err)
	}
}
