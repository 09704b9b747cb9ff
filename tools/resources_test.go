package tools_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
)

// Given resources of every kind, they are listed, and read as what they are.
func TestResources(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := tools.NewServer(made.Set, tools.ServerOptions{})
	var listed struct {
		Resources []struct{ URI, Name, Description string }
	}
	unmarshal(t, ask(t, srv, "resources/list", ""), &listed)
	if len(listed.Resources) != 4 || listed.Resources[0].URI != "executor://test_big" || listed.Resources[0].Description == "" {
		t.Errorf("listed %+v", listed)
	}
	var templates struct {
		Templates []struct {
			URI string `json:"uriTemplate"`
		} `json:"resourceTemplates"`
	}
	unmarshal(t, ask(t, srv, "resources/templates/list", ""), &templates)
	if len(templates.Templates) != 3 {
		t.Errorf("listed %+v", templates)
	}
	e := call(t, made.Set, "run_task_tree", `{"tasks":[{"id":"big one","schemas":{"method":"test_big"},"inputs":{"bytes":90000}}]}`)
	for uri, want := range map[string]string{
		"executor://test_echo":                         `"input_schema"`,
		"run://" + e.RunID:                             `"status":"completed"`,
		"run://" + e.RunID + "/tasks/big%20one/result": `{"text":`,
		"run://" + e.RunID + "/tasks/task_1/result":    `{"text":`,
	} {
		var read struct {
			Contents []struct{ URI, Text, MimeType string }
			TTL      *int   `json:"ttlMs"`
			Scope    string `json:"cacheScope"`
		}
		unmarshal(t, ask(t, srv, "resources/read", `{"uri":"`+uri+`"}`), &read)
		if len(read.Contents) != 1 || !strings.Contains(read.Contents[0].Text, want) || read.Contents[0].URI != uri || !json.Valid([]byte(read.Contents[0].Text)) {
			t.Errorf("%s gave %.300v", uri, read)
		}
		if read.TTL == nil || *read.TTL != 0 || read.Scope != "private" {
			t.Errorf("%s may be kept: %v, %s", uri, read.TTL, read.Scope)
		}
	}
	for _, uri := range []string{"run://x", "executor://none", "run://" + e.RunID + "/tasks/none/result"} {
		reply, err := json.Marshal(srv.HandleMessage(t.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uri+`"}}`)))
		if err != nil || !strings.Contains(string(reply), `"error"`) {
			t.Errorf("%s gave %s", uri, reply)
		}
	}
	yours := tools.WithCaller(t.Context(), &tools.Caller{Principal: "you"})
	if _, err := made.Set.ReadRun(yours, e.RunID); err == nil || err.Type != "not_found" {
		t.Errorf("another principal's run gave %v", err)
	}
	if _, err := made.Set.ReadResult(yours, e.RunID, "task_1"); err == nil || err.Type != "not_found" {
		t.Errorf("another principal's result gave %v", err)
	}
}

func unmarshal(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

// Given the prompts, they are filled in with what is given and what the
// server knows, and wrong arguments are named.
func TestPrompts(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	failed := call(t, set, "run_task_tree", `{"tasks":`+failing+`}`)
	for name, c := range map[string]struct {
		prompt string
		args   map[string]string
		want   []string
		err    string
	}{
		"plan":            {"plan_task_tree", map[string]string{"requirement": "count <stars>"}, []string{"count <stars>", "`test_echo`", "${{ tasks."}, ""},
		"plan, in detail": {"plan_task_tree", map[string]string{"requirement": "x", "executor": "test_echo", "on_failure": "stop"}, []string{"executor://test_echo", `on_failure: "stop"`}, ""},
		"no requirement":  {"plan_task_tree", nil, nil, "requirement is required"},
		"a wrong value":   {"plan_task_tree", map[string]string{"requirement": "x", "on_failure": "explode"}, nil, "continue, stop"},
		"explain":         {"explain_failed_run", map[string]string{"run_id": failed.RunID, "detail": "brief"}, []string{failed.RunID, "nothing answers", "three sentences"}, ""},
		"an unknown run":  {"explain_failed_run", map[string]string{"run_id": "x"}, nil, "x"},
		"none":            {"none", nil, nil, "no prompt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := set.Prompt(t.Context(), c.prompt, c.args)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Message, c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			if strings.Contains(strings.ReplaceAll(text, "${{ ", ""), "{{") {
				t.Errorf("a place is not filled in:\n%s", text)
			}
		})
	}
}

// Given the beginnings of values, they are completed with what there is.
func TestCompletion(t *testing.T) {
	t.Parallel()
	set := stack(t).Set
	run := call(t, set, "run_task_tree", `{"tasks":`+twoTasks+`}`).RunID
	ctx := t.Context()
	for name, c := range map[string]struct{ got, want []string }{
		"executors":          {set.CompletePrompt(ctx, "plan_task_tree", "executor", "TEST_E"), []string{"test_echo"}},
		"values":             {set.CompletePrompt(ctx, "plan_task_tree", "on_failure", ""), []string{"continue", "stop"}},
		"a value":            {set.CompletePrompt(ctx, "plan_task_tree", "on_failure", "s"), []string{"stop"}},
		"runs":               {set.CompletePrompt(ctx, "explain_failed_run", "run_id", run[:8]), []string{run}},
		"free text":          {set.CompletePrompt(ctx, "plan_task_tree", "requirement", "x"), []string{}},
		"no such prompt":     {set.CompletePrompt(ctx, "none", "x", ""), nil},
		"a resource's id":    {set.CompleteResource(ctx, tools.ExecutorResource, "id", "test_s", nil), []string{"test_steps"}},
		"a run's id":         {set.CompleteResource(ctx, tools.RunResource, "id", "", nil), []string{run}},
		"a task":             {set.CompleteResource(ctx, tools.ResultResource, "task", "", map[string]string{"id": run}), []string{"a", "b"}},
		"a task of no run":   {set.CompleteResource(ctx, tools.ResultResource, "task", "", nil), nil},
		"no such place":      {set.CompleteResource(ctx, tools.RunResource, "x", "", nil), nil},
		"another's run's id": {set.CompleteResource(tools.WithCaller(ctx, &tools.Caller{Principal: "you"}), tools.RunResource, "id", "", nil), nil},
	} {
		if len(c.got) != len(c.want) || !slices.Equal(c.got, c.want) && len(c.want) > 0 {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
	srv := tools.NewServer(set, tools.ServerOptions{})
	var answer struct {
		Completion struct {
			Values []string
			Total  int
		}
	}
	unmarshal(t, askAs(t, context.WithoutCancel(ctx), srv, "completion/complete",
		`{"ref":{"type":"ref/prompt","name":"plan_task_tree"},"argument":{"name":"executor","value":"test_"}}`), &answer)
	if len(answer.Completion.Values) != 4 || answer.Completion.Total != 4 {
		t.Errorf("got %+v", answer)
	}
}
