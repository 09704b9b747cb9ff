package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

const (
	twoTasks = `[{"id":"a","schemas":{"method":"test_echo"},"inputs":{"text":"x"}},
		{"id":"b","schemas":{"method":"test_echo"},"inputs":{"text":"${{ tasks.a.result.text }}y"}}]`
	failing = `[{"id":"a","schemas":{"method":"test_fail"},"inputs":{"how":"error"},"retry":{"max_attempts":1}},
		{"id":"b","schemas":{"method":"test_echo"},"inputs":{"text":"x"},"dependencies":["a"]},
		{"id":"c","schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`
	holding = `[{"id":"a","schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]`
)

type run struct {
	RunID  string         `json:"run_id"`
	Status string         `json:"status"`
	Counts map[string]int `json:"counts"`
	Tasks  []struct {
		ID, Status, Error string
		Result            json.RawMessage
		BlockedBy         []string `json:"blocked_by"`
	} `json:"tasks"`
}

// Running a tree returns the finished run.
func TestRunTaskTree(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	e := call(t, set, "run_task_tree", `{"tasks":`+twoTasks+`}`)
	var r run
	e.get(t, &r)
	if e.Status != "completed" || e.isError || r.Status != "completed" || e.RunID != r.RunID || e.Next != nil {
		t.Fatalf("got %+v", e)
	}
	if len(r.Tasks) != 2 || string(r.Tasks[1].Result) != `{"text":"xy"}` || r.Counts["completed"] != 2 {
		t.Errorf("got %s", e.Result)
	}
	again := call(t, set, "get_run", `{"run_id":"`+r.RunID+`"}`)
	var read run
	again.get(t, &read)
	if read.RunID != r.RunID || len(read.Tasks) != 2 || string(read.Tasks[1].Result) != `{"text":"xy"}` {
		t.Errorf("get_run gave %s", again.Result)
	}
	task := call(t, set, "get_run", `{"run_id":"`+r.RunID+`","task":"b"}`)
	if !strings.Contains(string(task.Result), `"result":{"text":"xy"}`) {
		t.Errorf("get_run with a task gave %s", task.Result)
	}
}

// If a tree fails, the call fails. Reading the run afterwards does not fail.
func TestRunThatFails(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	e := call(t, set, "run_task_tree", `{"tasks":`+failing+`}`)
	var r run
	e.get(t, &r)
	if e.Status != "failed" || !e.isError || e.ErrorType != "network_error" || !strings.Contains(e.Error, "nothing answers") || e.Hint == "" {
		t.Errorf("got %+v", e)
	}
	if r.Counts["failed"] != 1 || r.Counts["skipped"] != 1 || r.Counts["completed"] != 1 {
		t.Errorf("got %v", r.Counts)
	}
	read := call(t, set, "get_run", `{"run_id":"`+r.RunID+`"}`)
	if read.isError || read.Status != "failed" || read.Error == "" || read.Result == nil {
		t.Errorf("reading it gave %+v", read)
	}
	again := call(t, set, "retry_run", `{"run_id":"`+r.RunID+`"}`)
	if again.Status != "failed" || !again.isError || again.RunID != r.RunID {
		t.Errorf("retrying it gave %+v", again)
	}
	listed := call(t, set, "list_runs", `{"status":"failed"}`)
	if !strings.Contains(string(listed.Result), r.RunID) {
		t.Errorf("it is not among %s", listed.Result)
	}
}

// If a run takes longer than the caller waits, the reply has the call that
// waits for its end.
func TestHandle(t *testing.T) {
	t.Parallel()
	made := stack(t)
	e := call(t, made.Set, "run_task_tree", `{"tasks":`+holding+`,"wait_seconds":0}`)
	if e.isError || e.RunID == "" || e.Next == nil || e.Next.Tool != tools.GetRun || (e.Status != "in_progress" && e.Status != "pending") {
		t.Fatalf("got %+v", e)
	}
	ended := make(chan envelope, 1)
	go func() {
		ended <- call(t, made.Set, "get_run", `{"run_id":"`+e.RunID+`","wait_seconds":60}`)
	}()
	cancelled := call(t, made.Set, "cancel_run", `{"run_id":"`+e.RunID+`"}`)
	if cancelled.isError || cancelled.Status != "cancelled" {
		t.Errorf("cancelling gave %+v", cancelled)
	}
	if last := <-ended; last.Status != "cancelled" || last.isError {
		t.Errorf("waiting for the end gave %+v", last)
	}
	if n := made.Running.Load(); n != 0 {
		t.Errorf("%d go on", n)
	}
}

// If the caller's connection breaks, only the wait ends. If the caller cancels
// the call by its request id, the run is cancelled.
func TestWhoLeavesAndWhoCancels(t *testing.T) {
	t.Parallel()
	for name, byName := range map[string]bool{"connection": false, "name": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := stack(t, toolstest.WithGrace(100*time.Millisecond))
			stream, breaks := context.WithCancel(context.Background())
			defer breaks()
			ctx, cancel := context.WithCancel(tools.WithCaller(stream, &tools.Caller{Stream: stream}))
			defer cancel()
			e := callAs(t, ctx, made.Set, "run_task_tree", &tools.Request{
				Arguments: json.RawMessage(`{"tasks":` + holding + `,"wait_seconds":60}`),
				OnProgress: func(executors.Progress) {
					if byName {
						cancel()
					} else {
						breaks()
					}
				},
			})
			read := call(t, made.Set, "get_run", `{"run_id":"`+e.RunID+`"}`)
			if byName && read.Status != "cancelled" {
				t.Errorf("the run is %s", read.Status)
			}
			if !byName && read.Status != "in_progress" {
				t.Errorf("the run is %s", read.Status)
			}
		})
	}
}

// Over the limit of waiting calls, a further call returns at once with the id
// of its run.
func TestWaitingCallsAreBounded(t *testing.T) {
	t.Parallel()
	made := stack(t, toolstest.WithGrace(100*time.Millisecond), toolstest.WithTools(func(o *tools.Options) { o.MaxWaiting = 3 }))
	e := call(t, made.Set, "run_task_tree", `{"tasks":`+holding+`,"wait_seconds":0}`)
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waits := make(chan struct{}, 3)
	for range 3 {
		waiting.Go(func() {
			var once sync.Once
			started(t, ctx, made.Set, "get_run", &tools.Request{
				Arguments:  json.RawMessage(`{"run_id":"` + e.RunID + `","wait_seconds":600}`),
				OnProgress: func(executors.Progress) { once.Do(func() { waits <- struct{}{} }) },
			}, nil)
		})
	}
	for range 3 {
		<-waits
	}
	var further envelope
	executortest.Ends(t, "a call over the number that may wait", func() {
		further = call(t, made.Set, "get_run", `{"run_id":"`+e.RunID+`","wait_seconds":600}`)
	})
	if further.Status != "in_progress" || len(further.Warnings) == 0 || further.Next == nil {
		t.Errorf("got %+v", further)
	}
	leave()
	waiting.Wait()
}

// A tree that can't be run is refused with one error that has the reason, and
// nothing starts.
func TestRefusedTrees(t *testing.T) {
	t.Parallel()
	set := stack(t, toolstest.WithTools(func(o *tools.Options) {
		o.Exclude = []string{"test_big"}
		o.Trees = fstest.MapFS{"nightly.yaml": {Data: []byte("- schemas: {method: test_echo}\n  inputs: {text: saved}\n")}}
	})).Set
	for name, c := range map[string]struct{ arguments, kind, text string }{
		"nothing":              {`{}`, "validation_error", "tasks is required"},
		"both":                 {`{"tasks":[],"tree":"nightly"}`, "validation_error", "only one"},
		"empty":                {`{"tasks":[]}`, "validation_error", ""},
		"tasks as a text":      {`{"tasks":"x"}`, "validation_error", ""},
		"unknown executor":     {`{"tasks":[{"schemas":{"method":"test_eco"},"inputs":{}}]}`, "validation_error", "test_eco"},
		"unknown saved tree":   {`{"tree":"nightli"}`, "not_found", "nightli"},
		"a path for a tree":    {`{"tree":"../secret"}`, "not_found", ""},
		"excluded":             {`{"tasks":[{"schemas":{"method":"test_big"},"inputs":{"bytes":1}}]}`, "permission_denied", "test_big"},
		"inputs not an object": {`{"tasks":` + twoTasks + `,"inputs":[1]}`, "validation_error", "inputs"},
		"a missing input":      {`{"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"${{ inputs.city }}"}}]}`, "validation_error", "city"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := call(t, set, "run_task_tree", c.arguments)
			if !e.isError || e.ErrorType != c.kind || !strings.Contains(e.Error, c.text) || e.RunID != "" {
				t.Errorf("got %s %q, want %s with %q", e.ErrorType, e.Error, c.kind, c.text)
			}
		})
	}
	if e := call(t, set, "run_task_tree", `{"tree":"nightly"}`); e.Status != "completed" {
		t.Errorf("the saved tree: %+v", e)
	}
}

// A closed executor in a tree is a warning of the validation. Running the tree
// is refused before the first task.
func TestClosedExecutorInATree(t *testing.T) {
	t.Parallel()
	set := set(t, policy.Config{}, nil)
	tree := `{"tasks":[{"schemas":{"method":"command_executor"},"inputs":{"command":["true"]}}]}`
	var report struct {
		Valid    bool
		Problems []any
		Warnings []struct{ Code, Hint string }
	}
	call(t, set, "validate_task_tree", tree).get(t, &report)
	if !report.Valid || len(report.Warnings) == 0 || report.Warnings[0].Code != "not_allowed" {
		t.Errorf("got %+v", report)
	}
	if e := call(t, set, "run_task_tree", tree); e.ErrorType != "permission_denied" || e.Hint == "" {
		t.Errorf("got %s: %s (%s)", e.ErrorType, e.Error, e.Hint)
	}
}

// A report with thousands of problems fits into a reply and has their total.
func TestLongReport(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	var tasks []string
	for i := range 5000 {
		tasks = append(tasks, fmt.Sprintf(`{"schemas":{"method":"none_%d"},"inputs":{}}`, i))
	}
	e := call(t, set, "validate_task_tree", `{"tasks":[`+strings.Join(tasks, ",")+`]}`)
	var report struct {
		Valid    bool
		Problems []any
		Count    int `json:"problem_count"`
	}
	e.get(t, &report)
	if report.Valid || report.Count != 5000 || len(report.Problems) < 50 || e.Truncated {
		t.Errorf("%d of %d problems", len(report.Problems), report.Count)
	}
}

// If the results of a run are too long, the reply has previews, and the pages
// have the complete run.
func TestLongRun(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	e := call(t, set, "run_task_tree", `{"tasks":[{"id":"big","schemas":{"method":"test_big"},"inputs":{"bytes":90000}}]}`)
	if !e.Truncated || e.Next == nil || !strings.Contains(string(e.Result), `"truncated":true,"total_bytes":102867,"preview":"{\"text\"`) {
		t.Fatalf("got %s, %+v", e.Result, e)
	}
	var r run
	if err := json.Unmarshal([]byte(follow(t, set, e.Next, 0)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Tasks) != 1 || len(r.Tasks[0].Result) < 90000 {
		t.Errorf("the pages hold %d tasks", len(r.Tasks))
	}
	task := call(t, set, "get_run", `{"run_id":"`+e.RunID+`","task":"big"}`)
	if !task.Truncated || task.Next == nil {
		t.Fatalf("got %+v", task)
	}
	if whole := follow(t, set, task.Next, 0); whole != string(r.Tasks[0].Result) {
		t.Errorf("the task's pages hold %d bytes, the run's %d", len(whole), len(r.Tasks[0].Result))
	}
}

// Outputs that are too long for a reply are in the pages of the run.
func TestLongOutputs(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	const tree = `{"tasks":{"outputs":{%q: "${{ tasks.big.result.text %s }}"},"tasks":[{"id":"big","executor":"test_big","inputs":{"bytes":90000}}]}}`
	e := call(t, set, "run_task_tree", fmt.Sprintf(tree, "short", "[:9]"))
	if e.Truncated || !strings.Contains(string(e.Result), `"outputs":{"short":"`) || !strings.Contains(string(e.Result), `"total_bytes":102867`) {
		t.Errorf("got %s, %+v", e.Result, e)
	}
	e = call(t, set, "run_task_tree", fmt.Sprintf(tree, "long", ""))
	if !e.Truncated || !strings.Contains(string(e.Result), `"truncated_outputs":{"long":{"truncated":true,"total_bytes":`) {
		t.Fatalf("got %s, %+v", e.Result, e)
	}
	var r struct{ Outputs map[string]string }
	if err := json.Unmarshal([]byte(follow(t, set, e.Next, 0)), &r); err != nil || len(r.Outputs["long"]) < 80000 {
		t.Errorf("the pages hold %d bytes, %v", len(r.Outputs["long"]), err)
	}
}

// With an idempotency key, sending the same tree again returns the same run.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	first := call(t, set, "run_task_tree", `{"idempotency_key":"k","tasks":`+twoTasks+`}`)
	second := call(t, set, "run_task_tree", `{"idempotency_key":"k","tasks":`+twoTasks+`}`)
	if first.RunID == "" || first.RunID != second.RunID {
		t.Errorf("got %q and %q", first.RunID, second.RunID)
	}
	if other := call(t, set, "run_task_tree", `{"idempotency_key":"k","tasks":`+failing+`}`); other.ErrorType != "validation_error" {
		t.Errorf("another tree with the key: %+v", other)
	}
}

// A run of another principal can't be read.
func TestRunsBelongToWhoStartedThem(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	mine := callAs(t, as(t, "me"), set, "run_task_tree", &tools.Request{Arguments: json.RawMessage(`{"tasks":` + twoTasks + `}`)})
	arguments := json.RawMessage(`{"run_id":"` + mine.RunID + `"}`)
	for _, name := range []string{"get_run", "cancel_run", "retry_run"} {
		if e := callAs(t, as(t, "you"), set, name, &tools.Request{Arguments: arguments}); e.ErrorType != "not_found" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := callAs(t, as(t, "you"), set, "list_runs", &tools.Request{}); strings.Contains(string(e.Result), mine.RunID) {
		t.Error("it is listed")
	}
}

// The cursor leads through all pages, and each run is in one of them.
func TestListPages(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	for range 7 {
		call(t, set, "run_task_tree", `{"tasks":`+twoTasks+`}`)
	}
	seen := map[string]bool{}
	arguments := `{"limit":3}`
	for pages := 1; ; pages++ {
		e := call(t, set, "list_runs", arguments)
		var page struct {
			Runs []struct {
				RunID string `json:"run_id"`
			}
		}
		e.get(t, &page)
		for _, each := range page.Runs {
			if seen[each.RunID] {
				t.Errorf("%s is listed twice", each.RunID)
			}
			seen[each.RunID] = true
		}
		if e.Next == nil {
			if pages != 3 || len(seen) != 7 {
				t.Errorf("%d runs on %d pages", len(seen), pages)
			}
			return
		}
		raw, err := json.Marshal(e.Next.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		arguments = string(raw)
	}
}

func as(t *testing.T, principal string) context.Context {
	return tools.WithCaller(t.Context(), &tools.Caller{Principal: principal})
}
