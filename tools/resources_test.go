package tools_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
)

// Prompts are filled in with the arguments and the server's variables. Invalid
// arguments are errors that name the argument.
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

// The beginnings of values are completed with existing values.
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
}
