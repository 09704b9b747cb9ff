package sequential

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestRefusingEndpoints checks that a batch stops with the reason after a few rows
// that fail in the same way, continues when the endpoint answers, and does not
// stop for rows that fail among others.
func TestRefusingEndpoints(t *testing.T) {
	t.Parallel()
	number := func(r llmtest.Request) (i int) { fmt.Sscanf(asked(r), "task %d", &i); return i }
	for name, c := range map[string]struct {
		answer      func(r llmtest.Request) llmtest.Step
		says        string
		most        int // requests
		ok, notLess int // rows that are answered, and that are not reached at the least
	}{
		"unavailable": {func(llmtest.Request) llmtest.Step { return llmtest.Step{Status: 503, Message: "in maintenance"} }, "in maintenance", 20, 0, 50},
		"no such field": {func(llmtest.Request) llmtest.Step {
			return llmtest.Step{Status: 400, Code: "unsupported_parameter", Message: "no seed, please"}
		}, "no seed, please", 40, 0, 45},
		"from then on": {func(r llmtest.Request) llmtest.Step {
			if number(r) >= 20 {
				return llmtest.Step{Status: 500, Message: "out of memory"}
			}
			return good(asked(r))
		}, "out of memory", 45, 20, 30},
		"refused rows": {func(r llmtest.Request) llmtest.Step {
			if number(r) >= 20 {
				return llmtest.Step{Status: 400, Code: "content_filter", Message: "flagged"}
			}
			return good(asked(r))
		}, "", 60, 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Script{Answer: c.answer})
			opts := options(t, lines(0, 60))
			opts.Workers = 2
			opts.Retry = executors.Retry{MaxAttempts: 3, Backoff: executors.Exponential, Initial: time.Millisecond, Max: 2 * time.Millisecond}
			report, err := runTable(t.Context(), client(server, 2), opts)
			failed := executors.AsError(err)
			if c.says == "" && failed != nil || c.says != "" && (failed == nil || !strings.Contains(failed.Message, c.says) || !strings.Contains(failed.Hint, "again")) {
				t.Fatalf("got %+v, %+v; want %q", report, failed, c.says)
			}
			if server.Count() > c.most || report.Counts.OK != c.ok || report.Counts.Unreached < c.notLess {
				t.Errorf("got %v after %d requests", report.Counts, server.Count())
			}
			healed := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
			opts.RetryFailed, opts.Meter = true, llm.NewMeter(llm.Ceiling{}, nil)
			if report, err := runTable(t.Context(), client(healed, 2), opts); err != nil || report.Counts.OK != 60 {
				t.Errorf("then %+v, %v", report, err)
			}
		})
	}
}
