package nested_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a folder of executors with a registry and an engine.
type bench struct {
	t        *testing.T
	dir      string
	registry *executors.Registry
	runner   chain.Engine
	folder   *external.Folder
}

func newBench(t *testing.T, dir string, cfg policy.Config) *bench {
	t.Helper()
	pol := executortest.Policy(t, cfg)
	b := &bench{t: t, dir: dir, registry: executortest.Registry(t, pol, builtin.All()...)}
	kept := memory.Open(memory.Options{})
	b.runner = engine.New(engine.Options{Registry: b.registry, Store: kept, Log: zerolog.Nop(), Grace: executortest.Patience})
	b.folder = external.Open(external.Options{
		Dir: dir, Registry: b.registry, Log: zerolog.New(zerolog.NewTestWriter(t)), Trees: nested.New(b.runner, b.registry, executortest.Patience),
	})
	t.Cleanup(func() {
		if err := b.folder.Close(); err != nil {
			t.Error(err)
		}
		if err := b.runner.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) call(id, inputs string) chain.CallResult {
	b.t.Helper()
	return chain.Call(b.t.Context(), b.runner, id, json.RawMessage(inputs), chain.CallOptions{Principal: "somebody"})
}

func (b *bench) problems() string {
	var list []string
	for _, each := range b.folder.Problems() {
		list = append(list, each.Err.Error())
	}
	return strings.Join(list, "\n")
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// saved returns the definition of a tree with one input.
func saved(id, run string) string {
	return fmt.Sprintf(`id: %s
title: A saved tree
description: A tree.
toolset: tests
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 20, ceiling: 60}
input_schema: {type: object, additionalProperties: false, properties: {n: {type: integer, default: 7}}}
output_schema: {type: object, properties: {}}
run: %s
`, id, run)
}

const (
	doubles = `{kind: tree, result: twice, tree: {tasks: [{id: twice, name: data_processor, inputs: {data: "${{ inputs.n }}", operation: jq, program: ". * 2"}}]}}`
	fails   = `{kind: tree, tree: [{id: ok, name: data_processor, inputs: {data: [1]}}, {id: bad, name: data_processor, inputs: {data: 1, operation: jq, program: 'error("no")'}}]}`
)

func TestTreesAreExecutors(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	b.write("a_uses_b.yaml", saved("a", `{kind: tree, tree: uses.json}`)) // loaded before the executor that it uses
	b.write("uses.json", `[{"id": "x", "name": "b", "inputs": {"n": "${{ inputs.n }}"}}, {"id": "y", "name": "b", "dependencies": ["x"], "inputs": {"n": "${{ tasks.x.result.result }}"}}]`)
	b.write("b.yaml", saved("b", doubles))
	b.write("c.yaml", saved("c", fails))
	b.folder.Reload()
	if b.problems() != "" {
		t.Fatal(b.problems())
	}
	if out := b.call("b", `{}`); out.Err != nil || !strings.Contains(string(out.Result), `"result":14`) {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	out := b.call("a", `{"n": 1}`)
	var all nested.Output
	if out.Err != nil || json.Unmarshal(out.Result, &all) != nil || all.RunID == "" || all.Counts[chain.Completed] != 2 ||
		!strings.Contains(string(all.Results["y"]), `"result":4`) {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	if _, err := b.runner.Get(t.Context(), all.RunID, "somebody else"); err == nil {
		t.Error("the nested run is not its caller's alone")
	}
	if view, err := b.runner.Get(t.Context(), all.RunID, "somebody"); err != nil || view.Status != chain.Completed {
		t.Errorf("%v, %v", view, err)
	}
	out = b.call("c", `{}`)
	if out.Err == nil || out.Err.Type != executors.ValidationError || !strings.HasPrefix(out.Err.Message, "task bad (data_processor) failed: ") ||
		!strings.Contains(string(out.Result), `"ok":{`) {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	if out := b.call("b", `{"n": "x"}`); out.Err == nil || out.Err.Type != executors.ValidationError || out.Err.Field != "n" {
		t.Errorf("%v", out.Err)
	}
	// A change of the tree's own file reloads the executor.
	b.write("uses.json", `[{"id": "z", "name": "c"}]`)
	b.folder.Reload()
	if out := b.call("a", `{}`); out.Err == nil || !strings.Contains(out.Err.Message, "task z (c) failed: task bad") {
		t.Errorf("%v", out.Err)
	}
}

// A tree with outputs returns them.
func TestOutputsAreTheResult(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	const doubled = `tasks: [{id: a, name: data_processor, inputs: {data: "${{ inputs.n }}", operation: jq, program: ". * 2"}}]`
	b.write("given.yaml", saved("given", `{kind: tree, tree: {outputs: {twice: "${{ tasks.a.result.result }}", of: "${{ inputs.n }}"}, `+doubled+`}}`))
	b.write("wrong.yaml", saved("wrong", `{kind: tree, tree: {outputs: {twice: "${{ tasks.a.result.result }}", keys: "${{ tasks.a.result.result | keys }}"}, `+doubled+`}}`))
	b.write("unknown.yaml", saved("unknown", `{kind: tree, tree: {outputs: {x: "${{ tasks.b.result }}"}, `+doubled+`}}`))
	b.write("input.yaml", saved("input", `{kind: tree, tree: {outputs: {x: "${{ inputs.m }}"}, `+doubled+`}}`))
	b.folder.Reload()
	if got := b.problems(); !strings.Contains(got, `outputs.x there is no task "b"`) || !strings.Contains(got, `outputs.x the tree's inputs have no "m"`) {
		t.Error(got)
	}
	if out := b.call("given", `{"n": 4}`); out.Err != nil || string(out.Result) != `{"of":4,"twice":8}` {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	out := b.call("wrong", `{}`)
	if out.Err == nil || !strings.HasPrefix(out.Err.Message, "the output keys could not be evaluated: ") || string(out.Result) != `{"twice":14}` {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

func TestTreesThatAreWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	for name, c := range map[string]struct{ run, want string }{
		"unknown":  {`{kind: tree, tree: [{name: data_procesor}]}`, `unknown.yaml:9: run.tree: tasks[0]`},
		"input":    {`{kind: tree, tree: [{name: data_processor, inputs: {data: "${{ inputs.m }}"}}]}`, `input.yaml:9: run.tree: tasks[0]`},
		"result":   {`{kind: tree, result: none, tree: [{name: data_processor, inputs: {data: []}}]}`, `result.yaml:9: run.tree: result names the task "none"`},
		"itself":   {`{kind: tree, tree: [{name: itself}]}`, `itself.yaml:9: run.tree: tasks[0]`},
		"no_file":  {`{kind: tree, tree: none.yaml}`, `none.yaml: stat: no such file`},
		"a_number": {`{kind: tree, tree: 3}`, `a_number.yaml:9: run.tree `},
	} {
		b.write(name+".yaml", saved(name, c.run))
		b.folder.Reload()
		if !strings.Contains(b.problems(), c.want) {
			t.Errorf("%s: %s", name, b.problems())
		}
	}
}

// Trees that would call each other in a cycle are refused, in any order of
// loading.
func TestCircles(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	use := func(id string) string { return `{kind: tree, tree: [{name: ` + id + `}]}` }
	b.write("one.yaml", saved("one", doubles))
	b.folder.Reload()
	b.write("two.yaml", saved("two", use("one")))
	b.folder.Reload()
	b.write("one.yaml", saved("one", use("two"))+"\n")
	b.folder.Reload()
	if !strings.Contains(b.problems(), "one.yaml:1: the tree of one would run itself") {
		t.Error(b.problems())
	}
	if out := b.call("two", `{}`); out.Err != nil {
		t.Errorf("the last good version: %v", out.Err)
	}
}

// A tree can't use an executor that policy closes.
func TestNeedsAreInherited(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	b.write("a.yaml", saved("a", `{kind: tree, tree: [{name: command_executor, inputs: {command: [git, status]}}]}`))
	b.folder.Reload()
	if _, closed := b.registry.Closed("a"); !closed {
		t.Errorf("open; %s", b.problems())
	}
	if out := b.call("a", `{}`); out.Err == nil || out.Err.Type != executors.PermissionDenied {
		t.Errorf("%v", out.Err)
	}
}

// If a call is cancelled while a task of its tree waits, the nested run ends.
func TestCancelEndsTheNestedRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	var started, stopped sync.WaitGroup
	started.Add(1)
	stopped.Add(1)
	def, err := executors.ParseDefinition("waits.yaml", []byte(strings.Split(saved("waits", "{}"), "run:")[0]))
	if err != nil {
		t.Fatal(err)
	}
	type none struct{}
	waits := executors.New(def, func(ctx context.Context, _ *executors.Call, _ none) (map[string]any, error) {
		started.Done()
		<-ctx.Done()
		stopped.Done()
		return nil, ctx.Err()
	})
	if err := b.registry.Register(waits); err != nil {
		t.Fatal(err)
	}
	b.write("a.yaml", saved("a", `{kind: tree, tree: [{name: waits}]}`))
	b.folder.Reload()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { started.Wait(); cancel() }()
	out := chain.Call(ctx, b.runner, "a", nil, chain.CallOptions{})
	if out.Err == nil || out.Err.Type != executors.Cancelled {
		t.Errorf("%v; %s", out.Err, b.problems())
	}
	stopped.Wait()
}

// Another attempt of the same call goes on with the run of before; other inputs
// or another call are other work.
func TestAttemptsShareARun(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir(), policy.Config{})
	b.write("b.yaml", saved("b", doubles))
	b.write("c.yaml", saved("c", fails))
	b.folder.Reload()
	runs := func(id, key, inputs string) int {
		var given map[string]any
		if err := json.Unmarshal([]byte(inputs), &given); err != nil {
			t.Fatal(err)
		}
		b.registry.Invoke(t.Context(), id, &executors.Call{Inputs: given, IdempotencyKey: key, RunID: "r", TaskID: "t", Principal: "somebody"}, executortest.Patience)
		list, _, err := b.runner.List(t.Context(), chain.ListOptions{Limit: 100, Principal: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for i, c := range []struct {
		id, key, inputs string
		want            int
	}{
		{"b", "k1", `{"n": 1}`, 1}, {"b", "k1", `{"n": 1}`, 1}, {"b", "k2", `{"n": 1}`, 2}, {"b", "k1", `{"n": 2}`, 3},
		{"c", "k1", `{"n": 1}`, 4}, {"c", "k1", `{"n": 1}`, 4}, {"b", "", `{"n": 1}`, 5}, {"b", "", `{"n": 1}`, 6},
	} {
		if got := runs(c.id, c.key, c.inputs); got != c.want {
			t.Errorf("after call %d there are %d runs, not %d", i, got, c.want)
		}
	}
}
