package tools_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

func names(set *tools.Set) string {
	var list []string
	for _, tool := range set.Tools() {
		list = append(list, tool.Name)
	}
	return strings.Join(list, " ")
}

const (
	runTools  = "cancel_run get_run list_runs retry_run run_task_tree"
	allTools  = "cancel_run describe_executor get_run list_runs retry_run run_task_tree"
	testTools = "test_big test_echo test_fail test_steps"
)

// The selected tools are published, sorted by name.
func TestSelection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tools.Options)
		want   string
	}{
		"all":                    {func(*tools.Options) {}, allTools + " " + testTools + " validate_task_tree"},
		"a toolset":              {func(o *tools.Options) { o.Toolsets = []string{"test"} }, testTools},
		"two toolsets":           {func(o *tools.Options) { o.Toolsets = []string{"test", "runs"} }, runTools + " " + testTools + " validate_task_tree"},
		"tools":                  {func(o *tools.Options) { o.Tools = []string{"test_echo", "get_run"} }, "get_run test_echo"},
		"a toolset and a tool":   {func(o *tools.Options) { o.Toolsets, o.Tools = []string{"test"}, []string{"get_run"} }, "get_run " + testTools},
		"an exclusion":           {func(o *tools.Options) { o.Toolsets, o.Exclude = []string{"test"}, []string{"test_big"} }, "test_echo test_fail test_steps"},
		"an exclusion wins":      {func(o *tools.Options) { o.Tools, o.Exclude = []string{"test_echo"}, []string{"test_echo"} }, ""},
		"everything by name":     {func(o *tools.Options) { o.Toolsets = []string{"all"} }, allTools + " " + testTools + " validate_task_tree"},
		"reading":                {func(o *tools.Options) { o.ReadOnly = true }, "describe_executor get_run list_runs " + testTools + " validate_task_tree"},
		"what describes":         {func(o *tools.Options) { o.Toolsets = []string{"discovery"} }, "describe_executor"},
		"without what describes": {func(o *tools.Options) { o.Exclude = []string{"describe_executor"} }, runTools + " " + testTools + " validate_task_tree"},
		"discovery":              {func(o *tools.Options) { o.Discovery = true }, "cancel_run describe_executor find_executor get_run list_runs retry_run run_executor run_task_tree validate_task_tree"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := names(stack(t, toolstest.WithTools(c.change)).Set); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A selection with an unknown name is refused, and the error suggests the
// nearest name.
func TestSelectionOfNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tools.Options)
		want   string
	}{
		"a tool":        {func(o *tools.Options) { o.Tools = []string{"test_eco"} }, `did you mean "test_echo"`},
		"a toolset":     {func(o *tools.Options) { o.Toolsets = []string{"tests"} }, `did you mean "test"`},
		"an exclusion":  {func(o *tools.Options) { o.Exclude = []string{"get_rnu"} }, `did you mean "get_run"`},
		"nothing known": {func(o *tools.Options) { o.Tools = []string{"zzzzzz"} }, "the known names are"},
	} {
		_, err := toolstest.New(toolstest.WithTools(c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

// The tool of a closed executor is not published and can't be selected.
func TestClosedExecutors(t *testing.T) {
	t.Parallel()
	closed := set(t, policy.Config{}, nil)
	for _, name := range []string{"command_executor", "file_reader", "file_writer", "db_query", "aggregate_results_executor"} {
		if _, ok := closed.Lookup(name); ok {
			t.Errorf("%s is published", name)
		}
	}
	for _, name := range []string{"rest_executor", "data_processor", "system_info_executor"} {
		if _, ok := closed.Lookup(name); !ok {
			t.Errorf("%s is not published", name)
		}
	}
	open := set(t, opened(t), nil)
	if _, ok := open.Lookup("command_executor"); !ok {
		t.Error("command_executor is not published where it is open")
	}
	if _, ok := open.Lookup("aggregate_results_executor"); ok {
		t.Error("aggregate_results_executor is published, and is of no use outside of trees")
	}
}

// With the three tools of discovery, a client gets from words to a result.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	set := stack(t, toolstest.WithTools(func(o *tools.Options) {
		o.Discovery, o.Exclude = true, []string{"test_big"}
	})).Set
	var found struct {
		Executors []struct{ ID, Description string }
		More      int
	}
	call(t, set, "find_executor", `{"query":"echo a text"}`).get(t, &found)
	if len(found.Executors) == 0 || found.Executors[0].ID != "test_echo" {
		t.Fatalf("found %+v", found)
	}
	found.Executors = nil
	call(t, set, "find_executor", `{"limit":2}`).get(t, &found)
	if len(found.Executors) != 2 || found.More != 1 {
		t.Errorf("listed %d, and %d more", len(found.Executors), found.More)
	}
	var described struct {
		ID    string
		Input json.RawMessage `json:"input_schema"`
	}
	call(t, set, "describe_executor", `{"executor":"test_echo"}`).get(t, &described)
	if described.ID != "test_echo" || !strings.Contains(string(described.Input), `"text"`) {
		t.Errorf("described %+v", described)
	}
	if e := call(t, set, "run_executor", `{"executor":"test_echo","inputs":{"text":"x"}}`); string(e.Result) != `{"text":"x"}` || e.RunID == "" {
		t.Errorf("running it gave %+v", e)
	}
	if e := call(t, set, "run_executor", `{"executor":"test_echo","inputs":{"text":7}}`); e.ErrorType != "validation_error" || e.Hint == "" {
		t.Errorf("wrong inputs gave %+v", e)
	}
	for id, kind := range map[string]string{"test_big": "not_found", "test_eco": "not_found"} {
		if e := call(t, set, "run_executor", `{"executor":"`+id+`"}`); e.ErrorType != kind || e.Hint == "" {
			t.Errorf("%s gave %+v", id, e)
		}
	}
	reading := tools.WithCaller(t.Context(), &tools.Caller{Narrow: &tools.Selection{ReadOnly: true}})
	for how, kind := range map[string]string{"error": "network_error", "with_output": "permission_denied"} {
		e := callAs(t, reading, set, "run_executor", &tools.Request{Arguments: json.RawMessage(`{"executor":"test_fail","inputs":{"how":"` + how + `"}}`)})
		if e.ErrorType != kind {
			t.Errorf("reading only, %s gave %s", how, e.ErrorType)
		}
	}
}

// When executors are registered or withdrawn, the set changes and calls the
// listeners.
func TestChanges(t *testing.T) {
	t.Parallel()
	made := stack(t)
	told := 0
	made.Set.OnChange(func() { told++ })
	executor, _ := made.Registry.Lookup("test_big")
	made.Registry.Withdraw("test_big")
	if _, ok := made.Set.Lookup("test_big"); ok || told != 1 {
		t.Errorf("published %v, told %d times", ok, told)
	}
	if err := made.Registry.Register(executor); err != nil {
		t.Fatal(err)
	}
	if _, ok := made.Set.Lookup("test_big"); !ok || told != 2 {
		t.Errorf("published %v, told %d times", ok, told)
	}
}

// If get_run is not published, no reply suggests it.
func TestNextIsPublished(t *testing.T) {
	t.Parallel()
	set := stack(t, toolstest.WithTools(func(o *tools.Options) { o.Tools = []string{"test_big"} })).Set
	if e := call(t, set, "test_big", `{"bytes":100000}`); !e.Truncated || e.Next != nil {
		t.Errorf("next is %+v", e.Next)
	}
}

// A tool on request is listed only if the selection names it or its toolset, and
// can be called by name all the same.
func TestOnRequest(t *testing.T) {
	t.Parallel()
	def := executors.MustParse(`
id: rarely
title: Rarely
description: "Does what few people want. Example: {}"
toolset: few
on_request: true
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
timeout: {default: 1, ceiling: 1}
`)
	own := executors.New(def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil })
	for name, c := range map[string]struct {
		change         func(*tools.Options)
		listed, called bool
	}{
		"by default":   {func(*tools.Options) {}, false, true},
		"by its name":  {func(o *tools.Options) { o.Tools = []string{def.ID} }, true, true},
		"by a toolset": {func(o *tools.Options) { o.Toolsets = []string{def.Toolset} }, true, true},
		"all":          {func(o *tools.Options) { o.Toolsets = []string{"all"} }, true, true},
		"excluded":     {func(o *tools.Options) { o.Exclude = []string{def.ID} }, false, false},
		"not selected": {func(o *tools.Options) { o.Tools = []string{"get_run"} }, false, false},
	} {
		set := stack(t, toolstest.Bare(), toolstest.WithExecutors(own), toolstest.WithTools(c.change)).Set
		if got := slices.Contains(strings.Fields(names(set)), def.ID); got != c.listed {
			t.Errorf("%s: listed %v", name, got)
		}
		if _, got := set.Lookup(def.ID); got != c.called {
			t.Errorf("%s: can be called %v", name, got)
		}
	}
}
