package tasktree_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, tasktree.New(tasktree.Options{Registry: executortest.Registry(t, nil)}))
}

// with returns a registry with the built-in executors and the generator.
func with(t *testing.T, change ...func(*tasktree.Options)) (*executors.Registry, *tasktree.Generator) {
	t.Helper()
	reg := executortest.Registry(t, nil, builtin.All()...)
	opts := tasktree.Options{Registry: reg}
	for _, each := range change {
		each(&opts)
	}
	g := tasktree.New(opts)
	if err := reg.Register(g); err != nil {
		t.Fatal(err)
	}
	return reg, g
}

func inFolder(folder string) func(*tasktree.Options) {
	return func(o *tasktree.Options) { o.Trees = folder }
}

func running(t *testing.T) func(*tasktree.Options) {
	return func(o *tasktree.Options) {
		kept := memory.Open(memory.Options{})
		o.Runner = engine.New(engine.Options{Registry: o.Registry, Store: kept, Log: zerolog.Nop()})
		t.Cleanup(func() {
			if err := o.Runner.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if err := kept.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func call(t *testing.T, reg *executors.Registry, in map[string]any) (tasktree.Output, *executors.Error) {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := executortest.Call(t, reg, tasktree.ID, string(raw))
	var got tasktree.Output
	if out.Result != nil {
		if err := json.Unmarshal(out.Result, &got); err != nil {
			t.Fatalf("%v: %s", err, out.Result)
		}
	}
	return got, out.Err
}

func valid(t *testing.T, reg *executors.Registry, out tasktree.Output) *chain.Tree {
	t.Helper()
	raw, err := json.Marshal(out) // the result itself is a tree
	if err != nil {
		t.Fatal(err)
	}
	tree, report := parse.Parse(raw, reg, parse.Options{})
	if !report.Valid() {
		t.Fatalf("the tree is not valid: %v", report.Problems)
	}
	return tree
}

const machine = "Measure CPU and memory in parallel and write a report"

func TestBuiltin(t *testing.T) {
	t.Parallel()
	reg, _ := with(t)
	out, err := call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "user_id": "u1"})
	if err != nil {
		t.Fatal(err)
	}
	tree := valid(t, reg, out)
	if out.Status != "completed" || out.Provider != "builtin" || out.Count != 3 || len(tree.Tasks) != 3 || out.Attempts != 1 || tree.Tasks[0].UserID != "u1" {
		t.Errorf("%+v", out)
	}
	if len(out.Warnings) == 0 || !strings.Contains(out.Warnings[0], "without a language model") {
		t.Errorf("it does not say that it is a draft: %q", out.Warnings)
	}
	for _, want := range []string{"flowchart LR\n", "n0 --> n2", "n1 --> n2", "system_info_executor"} {
		if !strings.Contains(out.Diagram, want) {
			t.Errorf("the diagram has no %q:\n%s", want, out.Diagram)
		}
	}
	_, err = call(t, reg, map[string]any{"requirement": "Create a workflow", "llm_provider": "builtin"})
	if err == nil || err.Type != executors.ValidationError || err.Field != "requirement" {
		t.Errorf("a vague requirement: %v", err)
	}
	_, err = call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "allowed_executors": []string{"system_inf_executor"}})
	if err == nil || err.Field != "allowed_executors" || !strings.Contains(err.Hint, "system_info_executor") {
		t.Errorf("an unknown executor: %v", err)
	}
}

// Without a model the calling assistant plans.
func TestHandOff(t *testing.T) {
	t.Parallel()
	reg, g := with(t)
	for _, provider := range []string{"", "auto", "none", "caller"} {
		in := map[string]any{"requirement": machine, "context": "The machine is called atlas."}
		if provider != "" {
			in["llm_provider"] = provider
		}
		out, err := call(t, reg, in)
		if err != nil {
			t.Fatalf("%s: %v", provider, err)
		}
		if out.Status != "handed_off" || out.Provider != "caller" || out.Tasks == nil || out.Count != 0 {
			t.Errorf("%s: %+v", provider, out)
		}
		for _, want := range []string{machine, "called atlas", "### system_info_executor", "${{ EXPR }}"} {
			if !strings.Contains(out.Brief, want) {
				t.Errorf("%s: the brief has no %q", provider, want)
			}
		}
		for _, want := range []string{"validate_task_tree", "run_task_tree"} {
			if !strings.Contains(out.Next, want) {
				t.Errorf("%s: what to do next has no %s", provider, want)
			}
		}
		if !json.Valid(out.ReplySchema) || len(out.ReplySchema) < 100 {
			t.Errorf("%s: the reply's schema is %s", provider, out.ReplySchema)
		}
		if strings.Contains(out.Brief, "### "+tasktree.ID) {
			t.Error("the generator is in its own brief")
		}
	}
	size := brief.Tokens(g.Brief(tasktree.Input{Requirement: machine, MaxTasks: 50}).Text())
	if size > brief.Budget || size < 1000 {
		t.Errorf("the brief has %d tokens", size)
	}
}

func scripted(t *testing.T, script llmtest.Script) (*executors.Registry, *llmtest.Server) {
	t.Helper()
	server := llmtest.New(t, script)
	reg, g := with(t)
	client := server.Client(llm.Settings{Model: "scripted"})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	llm.Connect(client, g)
	return reg, server
}

func TestModelMendsWhatIsWrong(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/model.yaml")
	if err != nil {
		t.Fatal(err)
	}
	script, err := llmtest.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	reg, server := scripted(t, script)
	out, failed := call(t, reg, map[string]any{"requirement": "Sum up the orders and report", "user_id": "u7"})
	if failed != nil {
		t.Fatal(failed)
	}
	tree := valid(t, reg, out)
	if len(tree.Tasks) != 3 || out.Attempts != 2 || out.Provider != "openai" || out.Usage == nil || out.Usage.Requests != 2 || tree.Tasks[1].UserID != "u7" {
		t.Errorf("%+v", out)
	}
	requests := server.Requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	if first := requests[0]; !strings.Contains(first.Messages[0].Content, "### data_processor") || !strings.Contains(first.Last(), "Sum up the orders") {
		t.Error("the model was not briefed")
	}
	// All three problems are reported, each with its path; the unknown executor
	// has a hint.
	for _, want := range []string{
		`tasks[0].schemas.method: there is no executor "http_executor"`, "did you mean",
		"tasks[1].inputs.data: is required", "report → sum",
	} {
		if !strings.Contains(requests[1].Last(), want) {
			t.Errorf("the model was not told %q:\n%s", want, requests[1].Last())
		}
	}
	if got := requests[0].Field("temperature"); got != 0.7 {
		t.Errorf("temperature is %v", got)
	}
}

const small = `{"tasks": [{"id": "cpu", "schemas": {"method": "system_info_executor"}, "inputs": {"resource": "cpu"}}]}`

// A reply that was cut off is requested again with a higher limit. A bare array
// is a tree, and a code fence around it is accepted.
func TestModelForms(t *testing.T) {
	t.Parallel()
	array := strings.TrimSuffix(strings.TrimPrefix(small, `{"tasks": `), "}")
	for name, script := range map[string]llmtest.Script{
		"cut":    {Steps: []llmtest.Step{{Text: small[:60], Finish: "length"}, {Text: small}}},
		"fenced": {Steps: []llmtest.Step{{Text: "```json\n" + small + "\n```"}}},
		"array":  {Steps: []llmtest.Step{{Text: array}}},
		"empty":  {Steps: []llmtest.Step{{Text: " "}, {Text: small}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, _ := scripted(t, script)
			out, err := call(t, reg, map[string]any{"requirement": "How busy is the CPU?"})
			if err != nil {
				t.Fatal(err)
			}
			if tree := valid(t, reg, out); len(tree.Tasks) != 1 || out.Attempts != len(script.Steps) {
				t.Errorf("%+v", out)
			}
		})
	}
}

// A model that answers with an example of the brief is asked again, and told why.
func TestModelCopiesAnExample(t *testing.T) {
	t.Parallel()
	copied := brief.Examples()[0]
	reg, server := scripted(t, llmtest.Script{Steps: []llmtest.Step{{Text: string(copied.Tree)}, {Text: small}}})
	out, err := call(t, reg, map[string]any{"requirement": "How busy is the CPU?"})
	if err != nil || out.Attempts != 2 || out.Count != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if last := server.Requests()[1].Last(); !strings.Contains(last, "an example of the brief ("+copied.Requirement) {
		t.Error(last)
	}
	reg, _ = scripted(t, llmtest.Text(string(copied.Tree)))
	if _, err = call(t, reg, map[string]any{"requirement": "How busy is the CPU?"}); err == nil || !strings.Contains(err.Message, "an example of the brief") {
		t.Errorf("%v", err)
	}
}

// A model that does not repair its tree fails after three rounds, with the
// problems and a hint.
func TestModelGivesUp(t *testing.T) {
	t.Parallel()
	reg, server := scripted(t, llmtest.Text(strings.ReplaceAll(small, "system_info_executor", "task_tree_generator")))
	_, err := call(t, reg, map[string]any{"requirement": "How busy is the CPU?"})
	if err == nil || err.Type != executors.ExecutionError || !strings.Contains(err.Hint, "builtin") {
		t.Fatalf("%v", err)
	}
	if n := len(server.Requests()); n != 4 {
		t.Errorf("%d requests: one and three rounds are right", n)
	}
	reg, _ = scripted(t, llmtest.Text(small))
	_, err = call(t, reg, map[string]any{"requirement": "How busy is the CPU?", "allowed_executors": []string{"data_processor"}})
	if err == nil || !strings.Contains(err.Message, "system_info_executor is not allowed") {
		t.Errorf("an executor that was not allowed: %v", err)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	reg, _ := with(t, running(t))
	out, err := call(t, reg, map[string]any{"requirement": machine, "llm_provider": "builtin", "mode": "run"})
	if err != nil {
		t.Fatal(err)
	}
	if out.Run == nil || out.Run.Status != chain.Completed || out.RunID == "" || len(out.Run.Tasks) != 3 {
		t.Fatalf("%+v", out)
	}
	if report := string(out.Run.Tasks[2].Result); !strings.Contains(report, "CPU: ") {
		t.Errorf("the report is %s", report)
	}
	out, err = call(t, reg, map[string]any{"requirement": "Fetch data from an API and count it", "llm_provider": "builtin", "mode": "run"})
	if err == nil || err.Type != executors.ValidationError || !strings.Contains(err.Hint, "run_task_tree") || out.Count != 2 {
		t.Errorf("a plan that lacks inputs: %v", err)
	}
}

// Trees may use the generator's alias, and the generator can be a task.
func TestInsideTrees(t *testing.T) {
	t.Parallel()
	reg, _ := with(t)
	tree, report := parse.Parse([]byte(`[{"schemas": {"method": "generate_executor"}, "inputs": {"requirement": "x"}}]`), reg, parse.Options{})
	if !report.Valid() || tree.Tasks[0].Executor != tasktree.ID {
		t.Fatalf("%v", report.Problems)
	}
	ids := []string{}
	for _, e := range reg.All() {
		ids = append(ids, e.Definition().ID)
	}
	if slices.Contains(ids, "generate_executor") {
		t.Error("the alias is listed as an executor")
	}
}

func TestMermaidIsPlainText(t *testing.T) {
	t.Parallel()
	reg, _ := with(t)
	tree, report := parse.Parse([]byte(`[
		{"id": "a", "name": "say \"hi\" <b> & `+"`x`"+`", "schemas": {"method": "system_info_executor"}, "for_each": [1]},
		{"id": "b", "schemas": {"method": "system_info_executor"}, "when": true, "dependencies": [{"id": "a", "required": false}]}]`), reg, parse.Options{})
	if !report.Valid() {
		t.Fatal(report.Problems)
	}
	want := "flowchart LR\n  n0[[\"a<br/>say #34;hi#34; #60;b#62; #38; #96;x#96; · system_info_executor\"]]\n  n1{\"b<br/>system_info_executor\"}\n  n0 -.-> n1\n"
	if got := tasktree.Mermaid(tree); got != want {
		t.Errorf("%s", got)
	}
}
