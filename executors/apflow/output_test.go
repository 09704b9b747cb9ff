package apflow

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestOutputs covers endless responses and responses that are not UTF-8.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	var sent atomic.Int64
	text := strings.Repeat("x", 10_000)
	answer := func(result string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"result": `+result+`}`) }
	}
	events := func(piece string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"result": {"success": true, "task_id": "x", "status": "started"}}`+"\n\n")
			executortest.Pour(w, []byte(piece), &sent)
		}
	}
	for name, c := range map[string]struct {
		pour   func(http.ResponseWriter)
		stream bool
		kind   executors.ErrorType
		says   string
	}{
		"a result without end":  {func(w http.ResponseWriter) { executortest.Pour(w, []byte(`{"result": "`+text), &sent) }, false, executors.ExecutionError, "longer than"},
		"an event without end":  {events("data: " + text + "\n"), true, executors.ExecutionError, "longer than"},
		"a line without end":    {events(text + text + text + text + text + text + text + text), true, executors.ExecutionError, "longer than"},
		"events without end":    {events(`data: {"type": "progress", "progress": 0.5, "message": "` + text + `"}` + "\n\n"), true, executors.ExecutionError, "longer than"},
		"comments without end":  {events(": " + text + "\n\n"), true, executors.ExecutionError, "longer than"},
		"no UTF-8":              {answer("\"a\xff\xfeb\""), false, "", ""},
		"half of a character":   {answer(`"\ud83d"`), false, "", ""},
		"deep":                  {answer(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), false, executors.ExecutionError, "is invalid"},
		"a number that is huge": {answer("1e999999999"), false, executors.ExecutionError, "is invalid"},
		"a key twice":           {answer(`{"a": 1, "a": 2}`), false, executors.ExecutionError, "is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			stopped := make(chan struct{}, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				defer func() { stopped <- struct{}{} }()
				c.pour(w)
			}))
			defer server.Close()
			d := newCaller(t, policy.Config{})
			more := `"method": "tasks.get", "params": {"task_id": "x"}`
			if c.stream {
				more = `"method": "tasks.execute", "use_streaming": true, "params": {"task_id": "x"}`
			}
			var out output
			var failed *executors.Error
			begin := time.Now()
			spent := executortest.Spent(func() {
				out, failed = d.call(t.Context(), t, server.URL, more+`, "timeout": 30, "poll_interval": 0.05`)
			})
			if c.kind == "" && failed != nil || c.kind != "" && (failed == nil || failed.Type != c.kind || !strings.Contains(failed.Message, c.says)) || !utf8.Valid(out.Result) {
				t.Errorf("%s, %+v", fmt.Sprintf("%.300s", out.Result), failed)
			}
			<-stopped
			if spent > 600<<20 || sent.Load() > 160<<20 {
				t.Errorf("it took %d MiB of %d that were sent", spent>>20, sent.Load()>>20)
			}
			t.Logf("%d MiB of %d, %s: %+v", spent>>20, sent.Load()>>20, time.Since(begin), failed)
		})
	}
}
