package external_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestProgramInput(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"echo/definition.yaml": runs(t, "echo", "echo")})
	inputs, refused := b.registry.ResolveInputs("echo", []byte(`{"name": "<Zoë> & ${{ x", "n": 1e2}`))
	if refused != nil {
		t.Fatal(refused)
	}
	out := b.registry.Invoke(t.Context(), "echo", &executors.Call{Inputs: inputs, Attempt: 1, IdempotencyKey: "k1"}, 0)
	if out.Err != nil {
		t.Fatal(out.Err, b.problems())
	}
	var got struct {
		Told struct {
			Inputs  json.RawMessage
			Context struct {
				Executor string
				Attempt  int
				Key      string  `json:"idempotency_key"`
				Seconds  float64 `json:"timeout_seconds"`
			}
		}
		Folder, Home string
	}
	if err := json.Unmarshal(out.Result, &got); err != nil {
		t.Fatal(err)
	}
	if want := `{"n":1e2,"name":"<Zoë> & ${{ x"}`; string(got.Told.Inputs) != want {
		t.Errorf("told %s", got.Told.Inputs)
	}
	if c := got.Told.Context; c.Executor != "echo" || c.Attempt != 1 || c.Key != "k1" || c.Seconds <= 0 || c.Seconds > 30 {
		t.Errorf("the context is %+v", c)
	}
	if real, _ := filepath.EvalSymlinks(b.path("echo")); filepath.Base(got.Folder) != "echo" || real == "" || got.Home != "own" {
		t.Errorf("it ran in %s with %q", got.Folder, got.Home)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"say.yaml": runs(t, "say", "say")})
	for _, c := range []struct {
		name, answer, note string
		code               int
		result             string
		kind               executors.ErrorType
		message, errorCode string
	}{
		{"an object", `{"b": 1, "a": 2.50}`, "", 0, `{"b": 1, "a": 2.50}`, "", "", ""},
		{"an array", ` [1, "x"] `, "", 0, `[1, "x"]`, "", "", ""},
		{"an unknown status", `{"status": "shipped"}`, "", 0, `{"status": "shipped"}`, "", "", ""},
		{"completed", `{"status": "completed", "result": "Processed: x"}`, "", 0, `{"result":"Processed: x"}`, "", "", ""},
		{"completed with nothing else", `{"status": "completed"}`, "", 0, `{}`, "", "", ""},
		{"failed with a known error type", `{"status": "failed", "error": "no url", "error_type": "validation_error", "field": "url"}`, "", 0, ``, executors.ValidationError, "no url", ""},
		{"failed with an unknown error type", `{"status": "failed", "error": "gone", "error_type": "file_not_found", "file": "a"}`, "", 0, `{"file":"a"}`, executors.ExecutionError, "gone", "file_not_found"},
		{"failed with an object", `{"status": "failed", "error": {"a": 1}}`, "", 0, ``, executors.ExecutionError, `{"a":1}`, ""},
		{"failed without an error", `{"status": "failed"}`, "", 0, ``, executors.ExecutionError, "say failed without an error message", ""},
		{"failed, with an exit code too", `{"status": "failed", "error": "gone", "error_type": "not_found"}`, "", 1, ``, executors.NotFound, "gone", ""},
		{"cancelled", `{"status": "cancelled", "message": "enough", "progress": 4}`, "", 0, `{"message":"enough","progress":4}`, executors.Cancelled, "enough", ""},
		{"an exit code", `{"a": 1}`, "first\nlast words\n", 3, `{"a": 1}`, executors.ExecutionError, "say failed: its program ended with exit code 3: last words", "3"},
		{"an exit code and no answer", ``, "", 3, ``, executors.ExecutionError, "say failed: its program ended with exit code 3", "3"},
		{"completed, with an exit code", `{"status": "completed", "a": 1}`, "", 9, `{"a":1}`, executors.ExecutionError, "say failed: its program ended with exit code 9", "9"},
		{"no answer", ``, "", 0, ``, executors.ExecutionError, "say returned nothing: its program wrote no JSON to standard output", ""},
		{"words", `hello`, "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"words before JSON", "loading…\n{}", "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"two values", `{} {}`, "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"a key twice", `{"a": 1, "a": 2}`, "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"no number", `{"a": NaN}`, "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), "", 0, ``, executors.ExecutionError, "the output of say is not valid JSON: ", ""},
		{"a byte order mark", "\ufeff{}", "", 0, `{}`, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inputs := fmt.Sprintf(`{"answer": %s, "note": %s, "code": %d}`, quoted(c.answer), quoted(c.note), c.code)
			out := b.call("say", inputs)
			if c.kind == "" {
				if out.Err != nil {
					t.Fatal(out.Err)
				}
			} else if out.Err == nil || out.Err.Type != c.kind || !strings.HasPrefix(out.Err.Message, c.message) || out.Err.Code != c.errorCode {
				t.Fatalf("%+v", out.Err)
			}
			if !sameJSON(string(out.Result), c.result) {
				t.Errorf("the result is %s", out.Result)
			}
		})
	}
}

func sameJSON(a, b string) bool {
	compact := func(text string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(text) }
	return compact(a) == compact(b)
}

// TestOutputLimits covers output that is not UTF-8 and endless output.
func TestOutputLimits(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"endless": {OutputBytes: 1 << 20}}}}
	b := newBenchWith(t, cfg, map[string]string{
		"binary.yaml": runs(t, "binary", "binary"), "endless.yaml": runs(t, "endless", "endless"), "talkative.yaml": runs(t, "talkative", "talkative"),
	})
	if out := b.call("binary", `{}`); out.Err == nil || !strings.Contains(out.Err.Message, "not valid JSON") || len(out.Result) > 0 {
		t.Errorf("bytes that are no text: %s, %v", out.Result, out.Err)
	}
	var out executors.Outcome
	executortest.Ends(t, "a call of a program whose output is endless", func() { out = b.call("endless", `{}`) })
	if out.Err == nil || out.Err.Type != executors.ExecutionError || !strings.Contains(out.Err.Message, "more than 1048576 bytes") {
		t.Errorf("an answer without end: %v", out.Err)
	}
	var heard string
	call := &executors.Call{Inputs: map[string]any{}, OnProgress: func(p executors.Progress) { heard = p.Message }}
	var logs executortest.Logs
	call.Logs = &logs
	if out := b.registry.Invoke(t.Context(), "talkative", call, 0); out.Err != nil || heard != "still heard" {
		t.Errorf("notes without end: %v, heard %q", out.Err, heard)
	}
	if text := logs.Text(); !strings.HasSuffix(text, "\nstill heard\n") || len(text) < 64<<10 {
		t.Errorf("the log has %d bytes, and ends in %q", len(text), text[max(0, len(text)-40):])
	}
}

// TestCancelAsksFirst checks that a program is asked to stop before it is
// killed, and that its answer is kept.
func TestCancelAsksFirst(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("programs can't be asked to stop on Windows")
	}
	b := newBench(t, map[string]string{"polite.yaml": runs(t, "polite", "polite")})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var logs executortest.Logs
	call := &executors.Call{Inputs: map[string]any{}, Logs: &logs, OnProgress: func(p executors.Progress) {
		if p.Done != 3 || p.Total != 100 || p.Message != "at work" {
			t.Errorf("progress %+v", p)
		}
		cancel()
	}}
	out := b.registry.Invoke(ctx, "polite", call, 0)
	if out.Err == nil || out.Err.Type != executors.Cancelled || !sameJSON(string(out.Result), `{"message":"as you wish","progress":3}`) {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	if !strings.HasPrefix(logs.Text(), "at work\n") {
		t.Errorf("the log: %q", logs.Text())
	}
}

// TestCancelKillsProcessTree checks that a program that ignores SIGTERM is
// killed together with its children.
func TestCancelKillsProcessTree(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the job object ends them, and there is no signal to see it by")
	}
	b := newBench(t, map[string]string{"family.yaml": runs(t, "family", "family")})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var members []int
	call := &executors.Call{Inputs: map[string]any{}, OnProgress: func(p executors.Progress) {
		members = numbers(p.Message)
		cancel()
	}}
	out := b.registry.Invoke(ctx, "family", call, 0)
	if out.Err == nil || out.Err.Type != executors.Cancelled || len(members) != 2 {
		t.Fatalf("%v, %v", out.Err, members)
	}
	for _, pid := range members {
		gone := false
		for deadline := time.Now().Add(executortest.Patience); !gone && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			gone = !alive(pid)
		}
		if !gone {
			t.Errorf("process %d is still there", pid)
		}
	}
}

func TestTimeOut(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"polite.yaml": runs(t, "polite", "polite")})
	out := b.registry.Invoke(t.Context(), "polite", &executors.Call{Inputs: map[string]any{}}, 300*time.Millisecond)
	if out.Err == nil || out.Err.Type != executors.TimeoutError {
		t.Errorf("%v", out.Err)
	}
}
