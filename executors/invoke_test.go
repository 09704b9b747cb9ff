package executors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

type result struct {
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitempty"`
}

// Each row is one attempt, and the outcome that the caller sees.
func TestInvoke(t *testing.T) {
	t.Parallel()
	shared := executors.Errorf(executors.NetworkError, "refused: %w", errors.New("s3cr3t")).WithCode("503").Retry(time.Second)
	for name, c := range map[string]struct {
		work func(context.Context, *executors.Call) (any, error)
		want string
	}{
		"a value is success": {
			func(context.Context, *executors.Call) (any, error) { return result{Text: "<a> & é"}, nil },
			`{"text":"<a> & é"}`,
		},
		"no value is null": {
			func(context.Context, *executors.Call) (any, error) { return nil, nil },
			`null`,
		},
		"bytes that are no text become marks": {
			func(context.Context, *executors.Call) (any, error) { return result{Text: "a\xffb"}, nil },
			"{\"text\":\"a\\ufffdb\"}",
		},
		"nor what is JSON already": {
			func(context.Context, *executors.Call) (any, error) {
				return json.RawMessage("{\"a\": \"x\xffy\"}"), nil
			},
			"{\"a\":\"x\uFFFDy\"}",
		},
		"an error is a failure": {
			func(context.Context, *executors.Call) (any, error) { return nil, errors.New("no luck") },
			`execution_error: no luck`,
		},
		"its output is kept": {
			func(context.Context, *executors.Call) (any, error) { return result{Text: "so far"}, shared },
			`network_error: refused: s3cr3t retryable with {"text":"so far"}`,
		},
		"a nil pointer is no output": {
			func(context.Context, *executors.Call) (any, error) { return (*result)(nil), errors.New("no luck") },
			`execution_error: no luck`,
		},
		"a refusal of the policy": {
			func(context.Context, *executors.Call) (any, error) {
				return nil, fmt.Errorf("opening: %w", &policy.Denied{Field: "path", Message: "not here", Hint: "open it"})
			},
			`permission_denied: not here [path] (open it)`,
		},
		"a panic does not show its text": {
			func(context.Context, *executors.Call) (any, error) { panic("TOKEN is s3cr3t") },
			`execution_error: act failed because of a defect in it (the server's log says where)`,
		},
		"a value that is no JSON": {
			func(context.Context, *executors.Call) (any, error) { return math.Inf(1), nil },
			`execution_error: act returned a result that can't be encoded as JSON`,
		},
		"nor beside an error": {
			func(context.Context, *executors.Call) (any, error) { return math.Inf(1), errors.New("no luck") },
			`execution_error: no luck`,
		},
		"an error's text is text": {
			func(context.Context, *executors.Call) (any, error) { return nil, errors.New("a\xff\xfeb") },
			"execution_error: a\uFFFDb",
		},
		"a policy and an attempt are there": {
			func(_ context.Context, call *executors.Call) (any, error) {
				return []any{call.Policy != nil, call.Attempt, call.RunID}, nil
			},
			`[true,2,"run"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := newRegistry(t, policy.Config{}, nil, newAct(t, "act", c.work))
			call := &executors.Call{RunID: "run", Attempt: 2}
			if got := describe(registry.Invoke(t.Context(), "act", call, 0)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if call.Policy != nil {
				t.Error("the call was changed")
			}
		})
	}
}

func TestInvokeLongTexts(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, policy.Config{}, nil, newAct(t, "act", func(context.Context, *executors.Call) (any, error) {
		return nil, errors.New(strings.Repeat("é", 1_000_000))
	}))
	out := registry.Invoke(t.Context(), "act", &executors.Call{}, 0)
	if len(out.Err.Message) > 5000 || !strings.HasSuffix(out.Err.Message, "é…") {
		t.Errorf("%d bytes of message", len(out.Err.Message))
	}
}

func TestInvokeUnknown(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, policy.Config{}, nil, newAct(t, "rest_executor", nil))
	const want = `not_found: there is no executor "rest_exectuor" (did you mean rest_executor?)`
	if got := describe(registry.Invoke(t.Context(), "rest_exectuor", &executors.Call{}, 0)); got != want {
		t.Error(got)
	}
	if _, err := registry.ResolveInputs("rest_exectuor", nil); describe(executors.Outcome{Err: err}) != want {
		t.Error(err)
	}
}

// If a context ends, callers see that end, whatever the executor returns.
func TestInvokeEnds(t *testing.T) {
	t.Parallel()
	waiting := func(ctx context.Context, _ *executors.Call) (any, error) {
		<-ctx.Done()
		return result{Text: "so far"}, executors.Errorf(executors.NetworkError, "dialling: %w", ctx.Err())
	}
	for name, c := range map[string]struct {
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		work    func(context.Context, *executors.Call) (any, error)
		timeout time.Duration
		want    string
	}{
		"its timeout": {
			nil, waiting, time.Second,
			`timeout_error: act took longer than its timeout of 1s (give it more time: at most 5m0s) retryable with {"text":"so far"}`,
		},
		"the default timeout": {
			nil, waiting, 0,
			`timeout_error: act took longer than its timeout of 30s (give it more time: at most 5m0s) retryable with {"text":"so far"}`,
		},
		"the ceiling": {
			nil, waiting, 5 * time.Minute,
			`timeout_error: act took longer than its timeout of 5m0s retryable with {"text":"so far"}`,
		},
		"a caller who cancels": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
			waiting, time.Minute,
			`cancelled: cancelled by the caller with {"text":"so far"}`,
		},
		"a caller whose time runs out": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
			waiting, time.Minute,
			`timeout_error: the caller's time ran out retryable with {"text":"so far"}`,
		},
		"a cause of the caller's own": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Second, func() { cancel(executors.Errorf(executors.Interrupted, "the server stops")) })
				return ctx, func() { cancel(nil) }
			},
			waiting, time.Minute,
			`interrupted: the server stops with {"text":"so far"}`,
		},
		"a refusal stays one": {
			nil,
			func(ctx context.Context, _ *executors.Call) (any, error) {
				<-ctx.Done()
				return nil, executors.Errorf(executors.ValidationError, "no")
			},
			time.Second, `validation_error: no`,
		},
		"who is done all the same has succeeded": {
			nil,
			func(ctx context.Context, _ *executors.Call) (any, error) {
				<-ctx.Done()
				return result{Text: "done"}, nil
			},
			time.Second, `{"text":"done"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := newRegistry(t, policy.Config{}, nil, newAct(t, "act", c.work))
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				if c.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = c.ctx(ctx)
					defer cancel()
				}
				if got := describe(registry.Invoke(ctx, "act", &executors.Call{}, c.timeout)); got != c.want {
					t.Errorf("got %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

func TestInvokeAsksThePolicy(t *testing.T) {
	t.Parallel()
	done := func(context.Context, *executors.Call) (any, error) { return "done", nil }
	needy := newAct(t, "needy", done, "destination: url", "needs: [command]")
	plain := newAct(t, "plain", done)
	open := policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: "/bin/true"}}}}
	for _, c := range []struct {
		cfg    policy.Config
		id     string
		inputs map[string]any
		want   string
	}{
		{policy.Config{}, "needy", nil, `permission_denied: needy is closed by policy (the operator opens it with policy.command.programs: [{path: /usr/bin/git}])`},
		{open, "needy", nil, `"done"`},
		{policy.Config{ReadOnly: true}, "plain", map[string]any{"method": "POST"}, `permission_denied: plain would change something, and the server is read-only (the operator turns this off with policy.read_only: false)`},
		{policy.Config{ReadOnly: true}, "plain", map[string]any{"method": "GET"}, `"done"`},
	} {
		registry := newRegistry(t, c.cfg, nil, needy, plain)
		if got := describe(registry.Invoke(t.Context(), c.id, &executors.Call{Inputs: c.inputs}, 0)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.id, got, c.want)
		}
	}
	registry := newRegistry(t, policy.Config{}, nil, needy, plain)
	if setting, closed := registry.Closed("needy"); !closed || !strings.HasPrefix(setting, "policy.command.programs") {
		t.Errorf("needy: %s, %v", setting, closed)
	}
	if _, closed := registry.Closed("plain"); closed {
		t.Error("plain is closed")
	}
}

// A result over the limit loses the ends of its longest texts, and nothing
// else.
func TestInvokeCaps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01é", 40_000) // each \x01 takes six characters in JSON
	for name, c := range map[string]struct {
		value any
		want  string // "" if it must be shortened
	}{
		"what fits stays":            {map[string]any{"text": "short", "n": 1}, `{"n":1,"text":"short"}`},
		"the longest text is cut":    {map[string]any{"text": long, "n": 1, "truncated": false}, ""},
		"so is the next one":         {map[string]any{"a": long, "b": long, "c": long}, ""},
		"a list can't be cut":        {map[string]any{"list": strings.Split(strings.Repeat("x,", 100_000), ",")}, `execution_error: the result is 0.4 MiB long; at most 0.1 MiB are kept (ask for less: a filter, a limit, or fewer fields)`},
		"nor what is no object":      {long, `execution_error: the result is 0.3 MiB long; at most 0.1 MiB are kept (ask for less: a filter, a limit, or fewer fields)`},
		"the rest is kept as it was": {map[string]any{"text": long, "z": []int{1, 2}}, ""},
	} {
		const most = 100_000
		registry := newRegistry(t, policy.Config{Limits: policy.Limits{OutputBytes: most}}, nil,
			newAct(t, "act", func(context.Context, *executors.Call) (any, error) { return c.value, nil }))
		out := registry.Invoke(t.Context(), "act", &executors.Call{}, 0)
		if c.want != "" {
			if got := describe(out); got != c.want {
				t.Errorf("%s: got %.200s, want %s", name, got, c.want)
			}
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(out.Result, &got); err != nil || out.Err != nil {
			t.Fatalf("%s: %v, %v", name, err, out.Err)
		}
		if len(out.Result) > most || len(out.Result) < most/2 || got["truncated"] != true {
			t.Errorf("%s: %d bytes, truncated %v", name, len(out.Result), got["truncated"])
		}
		if z, ok := c.value.(map[string]any)["z"]; ok && fmt.Sprint(got["z"]) != fmt.Sprint(z) {
			t.Errorf("%s: z is %v", name, got["z"])
		}
	}
}

func TestInvokeLogsPanicsWithoutSecrets(t *testing.T) {
	t.Parallel()
	var log logged
	registry := newRegistry(t, secretConfig(), &log, newAct(t, "act", func(_ context.Context, call *executors.Call) (any, error) {
		panic("it was " + call.Inputs["json"].(string))
	}))
	inputs := map[string]any{"url": "https://api.example.com/", "json": "${{ secrets.TOKEN }}"}
	registry.Invoke(t.Context(), "act", &executors.Call{Inputs: inputs, RunID: "run-1"}, 0)
	text := log.String()
	if !strings.Contains(text, `"panic":"it was [secret]"`) || !strings.Contains(text, "invoke_test.go") || !strings.Contains(text, "run-1") || strings.Contains(text, "s3cr3t-value-1") {
		t.Errorf("the log says %s", text)
	}
}

func TestInvokeWritesTheAuditLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	cfg := secretConfig()
	cfg.Audit = policy.Audit{Path: path}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(string) (string, bool) { return "s3cr3t-value-1", true }))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := executors.NewRegistry(pol, zerologNop(), newAct(t, "act", func(_ context.Context, call *executors.Call) (any, error) {
		if call.Inputs["method"] == "PUT" {
			return nil, executors.Errorf(executors.NotFound, "gone")
		}
		return "done", nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, inputs := range []map[string]any{
		{"url": "http://user:pass@api.example.com:8080/path?token=x", "method": "GET"},
		{"url": "https://api.example.com/", "method": "PUT", "json": "${{ secrets.TOKEN }}"},
	} {
		registry.Invoke(t.Context(), "act", &executors.Call{Inputs: inputs, RunID: "r1", TaskID: "t1", Attempt: 1, Principal: "ada"}, 0)
	}
	if err := pol.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), raw)
	}
	for i, want := range []string{
		`{"principal":"ada","executor":"act","run_id":"r1","task_id":"t1","attempt":1,"target":"api.example.com:8080","effect":"read_only","status":"completed"}`,
		`{"principal":"ada","executor":"act","run_id":"r1","task_id":"t1","attempt":1,"target":"api.example.com","effect":"write","status":"failed","error_type":"not_found","secrets":["TOKEN"]}`,
	} {
		var got, expected map[string]any
		if err := errors.Join(json.Unmarshal([]byte(lines[i]), &got), json.Unmarshal([]byte(want), &expected)); err != nil {
			t.Fatal(err)
		}
		delete(got, "time")
		delete(got, "duration_ms")
		if fmt.Sprint(got) != fmt.Sprint(expected) {
			t.Errorf("line %d is %s, want %s", i, lines[i], want)
		}
	}
}
