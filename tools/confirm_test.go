package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// asking is a set of tools with policy.confirm on, and a person with the
// answers of the test.
type asking struct {
	*toolstest.Stack
	t      *testing.T
	wiper  *toolstest.Wiper
	caller tools.Caller
	ask    person // nil: no person can be asked

	mu    sync.Mutex
	heard []string
}

func newAsking(t *testing.T, confirm string, opts ...toolstest.Option) *asking {
	t.Helper()
	a := &asking{t: t, wiper: toolstest.NewWiper()}
	a.Stack = stack(t, append([]toolstest.Option{
		toolstest.WithPolicy(policy.Config{Confirm: confirm}), toolstest.WithExecutors(a.wiper),
	}, opts...)...)
	return a
}

// says answers every question in the same way.
func (a *asking) says(decision tools.Decision) *asking {
	return a.answers(func(context.Context) (tools.Decision, error) { return decision, nil })
}

func (a *asking) answers(answer func(context.Context) (tools.Decision, error)) *asking {
	a.ask = func(ctx context.Context, q *tools.Question) (tools.Decision, error) {
		a.mu.Lock()
		a.heard = append(a.heard, q.Message)
		a.mu.Unlock()
		return answer(ctx)
	}
	return a
}

// call calls a tool, and asks the person within the call.
func (a *asking) call(name, arguments string) envelope {
	a.t.Helper()
	return a.callIn(a.t.Context(), name, arguments)
}

func (a *asking) callIn(ctx context.Context, name, arguments string) envelope {
	a.t.Helper()
	tool, _ := a.Set.Lookup(name)
	ctx = tools.WithCaller(ctx, &a.caller)
	return checked(a.t, tool, started(a.t, ctx, a.Set, name, &tools.Request{Arguments: json.RawMessage(arguments)}, a.ask))
}

// untouched checks that nothing was started or recorded.
func (a *asking) untouched(name string) {
	a.t.Helper()
	list, _, err := a.Runner.List(a.t.Context(), chain.ListOptions{Limit: 10, Principal: a.caller.Principal})
	if err != nil {
		a.t.Fatal(err)
	}
	if wiped := a.wiper.Wiped(); len(wiped) > 0 || len(list) > 0 {
		a.t.Errorf("%s: %v were wiped, and %d runs recorded", name, wiped, len(list))
	}
}

const wipeTree = `{"wait_seconds":10,"tasks":[
	{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}},
	{"id":"look","schemas":{"method":"test_wipe"},"inputs":{"what":"a","mode":"look"},"dependencies":["a"]},
	{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"b"},"dependencies":["a"]},
	{"id":"c","schemas":{"method":"test_wipe"},"inputs":{"what":"c"},"dependencies":["b"]}]}`

// The person's answer decides, and there is one question for everything that a
// call would destroy.
func TestPersonDecides(t *testing.T) {
	t.Parallel()
	for tool, c := range map[string]struct {
		arguments string
		question  []string
		wiped     []string
	}{
		"test_wipe": {`{"what":"a"}`, []string{"Run test_wipe?", `{"what":"a"}`}, []string{"a"}},
		"run_task_tree": {wipeTree, []string{
			"Run a task tree? 3 tasks", `- a, test_wipe: {"what":"a"}`, `- b, test_wipe: {"what":"b"}`, `- c, test_wipe: {"what":"c"}`,
		}, []string{"a", "b", "c"}},
	} {
		for _, decision := range []tools.Decision{tools.Accepted, tools.Declined, tools.Dismissed} {
			a := newAsking(t, policy.ConfirmDestructive).says(decision)
			e := a.call(tool, c.arguments)
			if len(a.heard) != 1 {
				t.Fatalf("%s: %d questions: %q", tool, len(a.heard), a.heard)
			}
			for _, part := range c.question {
				if !strings.Contains(a.heard[0], part) {
					t.Errorf("%s: %q is not in the question %q", tool, part, a.heard[0])
				}
			}
			if strings.Contains(a.heard[0], "look") {
				t.Errorf("%s asks about what changes nothing: %q", tool, a.heard[0])
			}
			if decision == tools.Accepted {
				if e.Status != "completed" || !slices.Equal(a.wiper.Wiped(), c.wiped) {
					t.Errorf("%s: %+v, and %v wiped", tool, e, a.wiper.Wiped())
				}
				continue
			}
			if e.Status != "failed" || e.ErrorType != "permission_denied" || !strings.Contains(e.Error, "the person who was asked") || e.RunID != "" {
				t.Errorf("%s, %s: %+v", tool, decision, e)
			}
			a.untouched(tool + " " + string(decision))
		}
	}
}

// If no person can be asked, the policy decides, and the reply says so.
func TestNoPersonToAsk(t *testing.T) {
	t.Parallel()
	for confirm, allowed := range map[string]bool{policy.ConfirmDestructive: false, policy.ConfirmWherePossible: true} {
		for name, ask := range map[string]func(context.Context) (tools.Decision, error){
			"no way to ask": nil,
			"not declared":  func(context.Context) (tools.Decision, error) { return "", &tools.CannotAskError{Reason: "no"} },
		} {
			a := newAsking(t, confirm)
			if ask != nil {
				a.answers(ask)
			}
			e := a.call("run_task_tree", wipeTree)
			if allowed {
				if e.Status != "completed" || len(e.Warnings) == 0 || !strings.Contains(strings.Join(e.Warnings, " "), "no person was asked") || len(a.wiper.Wiped()) != 3 {
					t.Errorf("%s, %s: %+v", confirm, name, e)
				}
				continue
			}
			if e.ErrorType != "permission_denied" || !strings.Contains(e.Hint, "policy.confirm") || !strings.Contains(e.Hint, "elicitation") {
				t.Errorf("%s, %s: %+v", confirm, name, e)
			}
			a.untouched(name)
		}
		// A declined or unanswered question never counts as a client that can't
		// ask.
		for name, answer := range map[string]func(context.Context) (tools.Decision, error){
			"declined": func(context.Context) (tools.Decision, error) { return tools.Declined, nil },
			"an error": func(context.Context) (tools.Decision, error) { return "", tools.NotConfirmed("the client said no") },
		} {
			a := newAsking(t, confirm).answers(answer)
			if e := a.call("test_wipe", `{"what":"a"}`); e.ErrorType != "permission_denied" {
				t.Errorf("%s, %s: %+v", confirm, name, e)
			}
			a.untouched(name)
		}
	}
}

// There is no question for calls that destroy nothing, for calls that are not
// valid, and if policy does not require it.
func TestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive, toolstest.WithTools(func(o *tools.Options) { o.Discovery = true })).says(tools.Declined)
	for _, c := range [][2]string{
		{"run_executor", `{"executor":"test_wipe","inputs":{"what":"a","mode":"look"}}`},
		{"run_executor", `{"executor":"test_echo","inputs":{"text":"a"}}`},
		{"run_task_tree", `{"wait_seconds":10,"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"a"}}]}`},
		{"validate_task_tree", `{"tasks":[{"schemas":{"method":"test_wipe"},"inputs":{"what":"a"}}]}`},
		{"list_runs", `{}`},
		{"describe_executor", `{"executor":"test_wipe"}`},
	} {
		if e := a.call(c[0], c[1]); e.Status != "completed" {
			t.Errorf("%s: %+v", c, e)
		}
	}
	for _, c := range [][2]string{
		{"run_executor", `{"executor":"test_wipe","inputs":{"what":7}}`},
		{"run_executor", `{"executor":"test_wipe"}`},
		{"run_task_tree", `{"tasks":[{"schemas":{"method":"test_wipe"},"inputs":{}}]}`},
		{"run_task_tree", `{"tasks":[{"schemas":{"method":"test_wipe"},"inputs":{"what":"${{ inputs.what }}"}}]}`},
		{"retry_run", `{"run_id":"none"}`},
	} {
		if e := a.call(c[0], c[1]); e.ErrorType != "validation_error" && e.ErrorType != "not_found" {
			t.Errorf("%s: %+v", c, e)
		}
	}
	never := newAsking(t, "").says(tools.Declined)
	if e := never.call("test_wipe", `{"what":"a"}`); e.Status != "completed" || never.Set.Confirms() {
		t.Errorf("%+v", e)
	}
	if len(a.heard)+len(never.heard) > 0 {
		t.Errorf("a person was asked: %q %q", a.heard, never.heard)
	}
}

// A call that reaches an executor through another tool is confirmed as well.
func TestOtherDoors(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive, toolstest.WithTools(func(o *tools.Options) {
		o.Discovery = true
		o.Trees = fstest.MapFS{"clean.yaml": {Data: []byte("name: cleaning\ntasks:\n- {id: a, schemas: {method: test_wipe}, inputs: {what: \"${{ inputs.what }}\", mode: \"${{ inputs.mode }}\"}}\n")}}
	})).says(tools.Declined)
	for _, c := range []struct{ tool, arguments, asked string }{
		{"run_executor", `{"executor":"test_wipe","inputs":{"what":"a"}}`, `Run test_wipe?`},
		{"run_task_tree", `{"tree":"clean","inputs":{"what":"a","mode":"look"}}`, `Run a task tree (cleaning)? One task`},
		{"run_task_tree", `{"tree":"clean","inputs":{"what":"a","mode":"look"}}`, `Inputs of the run: {"mode":"look","what":"a"}`},
		{"run_task_tree", `{"tasks":[{"id":"x","for_each":[1,2],"schemas":{"method":"test_wipe"},"inputs":{"what":"a"}}]}`, `- x, test_wipe, for each element of a list: `},
	} {
		a.heard = nil
		if e := a.call(c.tool, c.arguments); e.ErrorType != "permission_denied" || len(a.heard) != 1 || !strings.Contains(a.heard[0], c.asked) {
			t.Errorf("%s %s: %+v\nafter %q", c.tool, c.arguments, e, a.heard)
		}
	}
	a.untouched("all of them")
}

// The inputs of a generator decide whether it asks: for a plan that is run, and
// for a chain with other executors than prompts.
func TestGeneratorsAsk(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	published := set(t, policy.Config{Confirm: policy.ConfirmDestructive, Command: policy.Command{Programs: []policy.Program{{Path: program}}}}, nil)
	const prompts = `{"input":"x","steps":["List the facts.","Write a summary."],"timeout":0.2}`
	const deletes = `{"input":"x","steps":["Name one.",{"name":"gone","executor":"rest_executor","inputs":{"url":"https://example.com/1","method":"DELETE"}}]}`
	for _, c := range []struct{ tool, arguments, asked string }{
		{"task_tree_generator", `{"requirement":"show the host","llm_provider":"builtin"}`, ""},
		{"task_tree_generator", `{"requirement":"show the host","llm_provider":"builtin","mode":"run"}`, "Run task_tree_generator?"},
		{"prompt_chain", prompts, ""},
		{"prompt_chain", deletes, `- gone, rest_executor: `},
		{"run_task_tree", `{"wait_seconds":0,"tasks":[{"id":"c","schemas":{"method":"prompt_chain"},"inputs":` + prompts + `}]}`, ""},
		{"run_task_tree", `{"tasks":[{"id":"c","schemas":{"method":"prompt_chain"},"inputs":` + deletes + `}]}`, `- c, prompt_chain: `},
		{"run_task_tree", `{"tasks":[{"id":"c","schemas":{"method":"prompt_chain"},"inputs":{"input":"x","steps":"${{ inputs.steps }}"}}],"inputs":{"steps":["a"]}}`, `- c, prompt_chain: `},
	} {
		asked := ""
		tool, _ := published.Lookup(c.tool)
		e := checked(t, tool, started(t, t.Context(), published, c.tool, &tools.Request{Arguments: json.RawMessage(c.arguments)},
			func(_ context.Context, q *tools.Question) (tools.Decision, error) {
				asked = q.Message
				return tools.Declined, nil
			}))
		if !strings.Contains(asked, c.asked) || (c.asked == "") != (asked == "") || (e.ErrorType == "permission_denied") != (c.asked != "") {
			t.Errorf("%s %s: %+v\nafter %q", c.tool, c.arguments, e, asked)
		}
	}
}

// A retry asks about the tasks that it would run again, and only about those.
func TestRetryAsks(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive).says(tools.Accepted)
	e := a.call("run_task_tree", `{"wait_seconds":10,"on_failure":"continue","tasks":[
		{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}},
		{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"b","fail":true}},
		{"id":"c","schemas":{"method":"test_fail"},"inputs":{"how":"error"}}]}`)
	if e.Status != "failed" || e.RunID == "" || len(a.wiper.Wiped()) != 2 {
		t.Fatalf("%+v", e)
	}
	before, err := a.Runner.Get(t.Context(), e.RunID, "")
	if err != nil {
		t.Fatal(err)
	}
	a.heard = nil
	a.says(tools.Declined)
	if e := a.call("retry_run", `{"run_id":"`+e.RunID+`"}`); e.ErrorType != "permission_denied" {
		t.Errorf("%+v", e)
	}
	if len(a.heard) != 1 || !strings.Contains(a.heard[0], "Run tasks again? One task") || !strings.Contains(a.heard[0], "- b, ") {
		t.Errorf("asked %q", a.heard)
	}
	if after, err := a.Runner.Get(t.Context(), e.RunID, ""); err != nil || after.Status != before.Status || after.Counts[chain.Failed] != 2 || len(a.wiper.Wiped()) != 2 {
		t.Errorf("the run was touched: %+v, %v", after, err)
	}
	a.heard = nil
	if e := a.call("retry_run", `{"run_id":"`+e.RunID+`","tasks":["c"],"wait_seconds":10}`); e.ErrorType != "network_error" && e.ErrorType != "execution_error" || len(a.heard) > 0 {
		t.Errorf("%+v after %q", e, a.heard)
	}
	a.says(tools.Accepted)
	if e := a.call("retry_run", `{"run_id":"`+e.RunID+`","wait_seconds":10}`); e.RunID == "" || !slices.Equal(a.wiper.Wiped(), []string{"a", "b", "b"}) && !slices.Equal(a.wiper.Wiped(), []string{"b", "a", "b"}) {
		t.Errorf("%+v, %v wiped", e, a.wiper.Wiped())
	}
}

// If the person does not answer, the call ends after the time limit or with its
// caller, and nothing was started.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	wait := func(ctx context.Context) (tools.Decision, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	a := newAsking(t, policy.ConfirmDestructive)
	pending, _ := a.Set.Prepare(t.Context(), "test_wipe", &tools.Request{Arguments: json.RawMessage(`{"what":"a"}`)})
	res := pending.Ask(t.Context(), 10*time.Millisecond, func(ctx context.Context, _ *tools.Question) (tools.Decision, error) { return wait(ctx) })
	if res == nil || res.Err.Type != executors.PermissionDenied || !strings.Contains(res.Err.Message, "did not answer within 10ms") {
		t.Errorf("%+v", res)
	}
	if res := pending.Start(t.Context()); res.Err == nil || res.Err.Type != executors.PermissionDenied {
		t.Errorf("it was started all the same: %+v", res)
	}
	a.untouched("timeout")
	b := newAsking(t, policy.ConfirmDestructive)
	ctx, cancel := context.WithCancel(t.Context())
	b.answers(func(waiting context.Context) (tools.Decision, error) {
		cancel()
		return wait(waiting)
	})
	e := b.callIn(ctx, "run_task_tree", wipeTree)
	if e.ErrorType != string(executors.Cancelled) || e.Status != "cancelled" {
		t.Errorf("%+v", e)
	}
	b.untouched("cancel")
}

// A text that imitates the server's own words, or hides what follows, is shown
// in quotes and escaped.
func TestQuestionShowsWhatIsThere(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive).says(tools.Declined)
	what := "a\n\nThis is harmless.\u202e\u200b \x1b[2J"
	raw, err := json.Marshal(map[string]string{"what": what})
	if err != nil {
		t.Fatal(err)
	}
	a.call("test_wipe", string(raw))
	if lines := strings.Split(a.heard[0], "\n"); len(lines) != 2 || strings.ContainsAny(a.heard[0], "\u202e\u200b\x1b") || !strings.Contains(lines[1], `\u202e\u200b`) {
		t.Errorf("%q", a.heard[0])
	}
	a.heard = nil
	a.call("test_wipe", `{"what":"begin `+strings.Repeat("é", 10_000)+` end"}`)
	if q := a.heard[0]; len(q) > 3000 || !strings.Contains(q, "begin ") || !strings.Contains(q, ` end"}`) || !strings.Contains(q, "characters more") {
		t.Errorf("%q", q)
	}
	a.heard = nil
	var tasks []string
	for i := range 30 {
		tasks = append(tasks, fmt.Sprintf(`{"id":"t\n%d","name":"x","schemas":{"method":"test_wipe"},"inputs":{"what":"%d"}}`, i, i))
	}
	a.call("run_task_tree", `{"tasks":[`+strings.Join(tasks, ",")+`]}`)
	if len(a.heard) == 0 {
		t.Fatal("no person was asked")
	}
	if q := a.heard[0]; strings.Count(q, "\n") != 21 || !strings.HasSuffix(q, "- and 10 more, of test_wipe") || !strings.Contains(q, "30 tasks") {
		t.Errorf("%q", q)
	}
	a.untouched("all of them")
}

// The question does not show the value of a secret in the inputs.
func TestQuestionHidesSecrets(t *testing.T) {
	t.Parallel()
	a := newAsking(t, policy.ConfirmDestructive).says(tools.Declined)
	a.Policy.Know("KEY", "hunter2hunter2")
	a.call("test_wipe", `{"what":"hunter2hunter2"}`)
	if strings.Contains(a.heard[0], "hunter2") {
		t.Errorf("%q", a.heard[0])
	}
}

// The audit trail has the outcome of each question, before the call.
func TestAnswersAreAudited(t *testing.T) {
	t.Parallel()
	for status, c := range map[string]struct {
		confirm string
		answer  func(context.Context) (tools.Decision, error)
		lines   []string
	}{
		"agreed":  {policy.ConfirmDestructive, func(context.Context) (tools.Decision, error) { return tools.Accepted, nil }, []string{"agreed", "completed"}},
		"refused": {policy.ConfirmDestructive, func(context.Context) (tools.Decision, error) { return tools.Declined, nil }, []string{"refused"}},
		"nobody":  {policy.ConfirmDestructive, func(context.Context) (tools.Decision, error) { return "", &tools.CannotAskError{} }, []string{"refused"}},
		"unasked": {policy.ConfirmWherePossible, func(context.Context) (tools.Decision, error) { return "", &tools.CannotAskError{} }, []string{"unasked", "completed"}},
	} {
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		a := newAsking(t, "", toolstest.WithPolicy(policy.Config{Confirm: c.confirm, Audit: policy.Audit{Path: path}})).answers(c.answer)
		a.caller.Principal = "ann"
		a.call("test_wipe", `{"what":"a"}`)
		if err := a.Policy.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for raw := range strings.Lines(string(text)) {
			var line struct{ Principal, Executor, Effect, Status string }
			if err := json.Unmarshal([]byte(raw), &line); err != nil || line.Principal != "ann" || line.Executor != "test_wipe" || line.Effect != "destructive" {
				t.Errorf("%s: %s, %v", status, raw, err)
			}
			got = append(got, line.Status)
		}
		if !slices.Equal(got, c.lines) {
			t.Errorf("%s: the trail says %v", status, got)
		}
	}
}
