package tools_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// envelope is a reply as a client reads it.
type envelope struct {
	Status     string          `json:"status"`
	Result     json.RawMessage `json:"result"`
	Error      string          `json:"error"`
	ErrorType  string          `json:"error_type"`
	ErrorCode  string          `json:"error_code"`
	Field      string          `json:"field"`
	Hint       string          `json:"hint"`
	RunID      string          `json:"run_id"`
	DurationMS float64         `json:"duration_ms"`
	Truncated  bool            `json:"truncated"`
	Preview    string          `json:"preview"`
	Warnings   []string        `json:"warnings"`
	Next       *tools.Next     `json:"next"`

	isError bool
}

func (e envelope) get(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(e.Result, into); err != nil {
		t.Fatalf("%v in %s", err, e.Result)
	}
}

// call calls a tool, and checks the reply with the tool's output schema.
func call(t *testing.T, set *tools.Set, name, arguments string) envelope {
	t.Helper()
	return callAs(t, t.Context(), set, name, &tools.Request{Arguments: json.RawMessage(arguments)})
}

func callAs(t *testing.T, ctx context.Context, set *tools.Set, name string, req *tools.Request) envelope {
	t.Helper()
	tool, ok := set.Lookup(name)
	if !ok {
		t.Fatalf("%s is not published", name)
	}
	return checked(t, tool, started(t, ctx, set, name, req, nil))
}

// person answers questions; nil means that no person can be asked.
type person func(context.Context, *tools.Question) (tools.Decision, error)

// started prepares a call, asks the person if necessary, and starts it.
func started(t *testing.T, ctx context.Context, set *tools.Set, name string, req *tools.Request, ask person) *tools.Result {
	t.Helper()
	pending, ok := set.Prepare(ctx, name, req)
	if !ok {
		t.Fatalf("%s is not there for this caller", name)
	}
	if pending.Question != nil {
		if ask == nil {
			ask = func(context.Context, *tools.Question) (tools.Decision, error) {
				return "", &tools.CannotAskError{Reason: "a test"}
			}
		}
		if refusal := pending.Ask(ctx, time.Minute, ask); refusal != nil {
			return refusal
		}
	}
	return pending.Start(ctx)
}

// checked checks a reply with the tool's output schema.
func checked(t *testing.T, tool tools.Tool, res *tools.Result) envelope {
	t.Helper()
	name, raw := tool.Name, res.Encode()
	if len(raw) > tools.MaxResult {
		t.Errorf("%s answered with %d bytes", name, len(raw))
	}
	published := tool.Output
	if published == nil { // any result
		published = json.RawMessage(`{}`)
	}
	schema, err := executors.CompileSchema(name, published)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s answered with %v: %s", name, err, raw)
	}
	for _, v := range schema.Validate(value) {
		t.Errorf("the answer of %s does not fit its output schema: %s %s\n%s", name, v.Path, v.Message, raw)
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	e.isError = res.IsError()
	return e
}

// The envelope has the outcome of each call.
func TestDirectCalls(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	for name, c := range map[string]struct {
		tool, arguments string
		status, kind    string
		error, field    string
		result          string
	}{
		"success":               {"test_echo", `{"text":"<x>&"}`, "completed", "", "", "", `{"text":"<x>&"}`},
		"failure":               {"test_fail", `{"how":"error"}`, "failed", "network_error", "nothing answers", "", ""},
		"failure with output":   {"test_fail", `{"how":"with_output"}`, "failed", "execution_error", "failed after some work", "", `{"kept":"this"}`},
		"a panic":               {"test_fail", `{"how":"panic"}`, "failed", "execution_error", "", "", ""},
		"nothing given":         {"test_echo", ``, "failed", "validation_error", "text is required", "text", ""},
		"a wrong type":          {"test_echo", `{"text":7}`, "failed", "validation_error", "7", "text", ""},
		"an unknown argument":   {"test_echo", `{"text":"x","texd":1}`, "failed", "validation_error", "texd", "texd", ""},
		"not allowed":           {"test_fail", `{"how":"otherwise"}`, "failed", "validation_error", `"otherwise"`, "how", ""},
		"not an object":         {"test_echo", `[1]`, "failed", "validation_error", "object", "", ""},
		"not JSON":              {"test_echo", `{"text":`, "failed", "validation_error", "", "", ""},
		"a key twice":           {"test_echo", `{"text":"a","text":"b"}`, "failed", "validation_error", "text", "", ""},
		"a reference, literal":  {"test_echo", `{"text":"${{ 1+1 }}"}`, "completed", "", "", "", `{"text":"${{ 1+1 }}"}`},
		"a huge exponent":       {"test_steps", `{"steps":1e10000000}`, "failed", "validation_error", "", "", ""},
		"out of range":          {"test_steps", `{"steps":0}`, "failed", "validation_error", "0", "steps", ""},
		"a tool's own argument": {"get_run", `{"run":"x"}`, "failed", "validation_error", "run_id", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := call(t, set, c.tool, c.arguments)
			if e.Status != c.status || e.ErrorType != c.kind {
				t.Errorf("got %s, %s: %s", e.Status, e.ErrorType, e.Error)
			}
			if e.isError != (c.status == "failed") {
				t.Errorf("isError is %v", e.isError)
			}
			if !strings.Contains(e.Error, c.error) || (c.kind != "" && e.Error == "") {
				t.Errorf("got the error %q, want %q in it", e.Error, c.error)
			}
			if c.field != "" && e.Field != c.field {
				t.Errorf("got the field %q, want %q", e.Field, c.field)
			}
			if c.result != "" && string(e.Result) != c.result {
				t.Errorf("got %s, want %s", e.Result, c.result)
			}
			if strings.Contains(e.Error+e.Hint+e.Preview, "never reach") {
				t.Errorf("a panic's text reached the caller: %s", e.Error)
			}
			if strings.Contains(e.Error, "\n") {
				t.Errorf("more than one line: %q", e.Error)
			}
		})
	}
}

// If a result is too long, the reply names the call that reads it in pages, and
// the pages together are the result, byte for byte.
func TestPages(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	for _, limit := range []int{0, 1, 100, 30000} {
		size := 100_000
		if limit == 1 {
			size = 40_000
		}
		e := call(t, set, "test_big", `{"bytes":`+itoa(size)+`}`)
		if !e.Truncated || e.Result != nil || e.Next == nil || e.Next.Tool != tools.GetRun || e.Preview == "" {
			t.Fatalf("got %+v", e)
		}
		if limit == 1 {
			continue // pages of one byte would take too long; the first ones are enough
		}
		whole := follow(t, set, e.Next, limit)
		var result struct{ Text string }
		if err := json.Unmarshal([]byte(whole), &result); err != nil {
			t.Fatal(err)
		}
		want := call(t, set, "test_big", `{"bytes":900}`)
		var unit struct{ Text string }
		want.get(t, &unit)
		if !strings.HasPrefix(result.Text, unit.Text) || len(result.Text) < size-10 {
			t.Errorf("limit %d: %d bytes of text", limit, len(result.Text))
		}
	}
}

func itoa(n int) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

// follow reads all pages, starting with a call.
func follow(t *testing.T, set *tools.Set, next *tools.Next, limit int) string {
	t.Helper()
	var whole strings.Builder
	for next != nil {
		if limit > 0 {
			next.Arguments["limit"] = limit
		}
		arguments, err := json.Marshal(next.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		e := call(t, set, next.Tool, string(arguments))
		if e.isError {
			t.Fatalf("reading on with %s: %s", arguments, e.Error)
		}
		var page struct {
			Text   string
			Offset int
			Total  int `json:"total_bytes"`
			Next   int `json:"next_offset"`
		}
		e.get(t, &page)
		if page.Offset != whole.Len() || (limit > 0 && len(page.Text) > limit) || page.Text == "" {
			t.Fatalf("the page at %d has %d bytes, and %d came before", page.Offset, len(page.Text), whole.Len())
		}
		if (page.Next == 0) != (e.Next == nil) {
			t.Fatalf("next_offset is %d, and next is %v", page.Next, e.Next)
		}
		whole.WriteString(page.Text)
		next = e.Next
	}
	return whole.String()
}

// With a limit smaller than a character, the pages still advance.
func TestTinyPages(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	e := call(t, set, "test_big", `{"bytes":40000}`)
	next, text := e.Next, ""
	for range 60 {
		next.Arguments["limit"] = 1
		arguments, err := json.Marshal(next.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		page := call(t, set, next.Tool, string(arguments))
		var part struct{ Text string }
		page.get(t, &part)
		text, next = text+part.Text, page.Next
	}
	if !strings.HasPrefix(e.Preview, text) {
		t.Errorf("read %q of %q", text, e.Preview[:80])
	}
}

// The caller of a call receives its progress.
func TestProgressReachesTheCaller(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	var mu sync.Mutex
	var heard []float64
	e := callAs(t, t.Context(), set, "test_steps", &tools.Request{
		Arguments: json.RawMessage(`{"steps":5}`),
		OnProgress: func(p executors.Progress) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, p.Done)
		},
	})
	if e.Status != "completed" || len(heard) != 5 || heard[4] != 5 {
		t.Errorf("%s, heard %v", e.Status, heard)
	}
}

// A call ends if its caller has disconnected.
func TestCallEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	made := stack(t)
	ctx, cancel := context.WithCancel(t.Context())
	e := callAs(t, ctx, made.Set, "test_steps", &tools.Request{
		Arguments:  json.RawMessage(`{"steps":1,"hold":true}`),
		OnProgress: func(executors.Progress) { cancel() },
	})
	if e.Status != "cancelled" || e.ErrorType != "cancelled" || !e.isError || made.Running.Load() != 0 {
		t.Errorf("got %s, %s, and %d go on", e.Status, e.ErrorType, made.Running.Load())
	}
}

// If policy allows only calls that change nothing, tools are published in their
// read-only form.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	set := stack(t, toolstest.WithPolicy(policy.Config{ReadOnly: true}), toolstest.WithTools(func(o *tools.Options) { o.ReadOnly = true })).Set
	for _, tool := range set.Tools() {
		if !tool.Annotations.ReadOnly || tool.Annotations.Destructive {
			t.Errorf("%s is published, and changes something", tool.Name)
		}
	}
	tool, ok := set.Lookup("test_fail")
	if !ok || strings.Contains(string(tool.Input), "panic") || !strings.Contains(string(tool.Input), "error") {
		t.Errorf("test_fail is published with %s", tool.Input)
	}
	if e := call(t, set, "test_fail", `{"how":"error"}`); e.ErrorType != "network_error" {
		t.Errorf("reading was refused: %s", e.Error)
	}
	if e := call(t, set, "test_fail", `{"how":"with_output"}`); e.ErrorType != "permission_denied" {
		t.Errorf("a change was let through: %s", e.ErrorType)
	}
	tree := `{"tasks":[{"id":"a","schemas":{"method":"test_fail"},"inputs":{"how":"with_output"}}]}`
	if e := call(t, set, "run_task_tree", tree); e.ErrorType != "permission_denied" {
		t.Errorf("a change was let through in a tree: %s %s", e.Status, e.ErrorType)
	}
}
