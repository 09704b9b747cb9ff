package nested_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	trees "github.com/chainwright/chainwright/chain/saved"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// newSaved returns a bench with saved trees.
func newSaved(t *testing.T, texts map[string]string) *bench {
	t.Helper()
	return newSavedLimited(t, policy.Config{}, texts)
}

func newSavedLimited(t *testing.T, cfg policy.Config, texts map[string]string) *bench {
	t.Helper()
	b := newBench(t, t.TempDir(), cfg)
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	b.registry.SetTrees(trees.Folder{FS: files, Log: zerolog.Nop()})
	return b
}

func (b *bench) parse(text string) (*chain.Tree, chain.Report) {
	return parse.Parse([]byte(text), b.registry, parse.Options{})
}

// run runs a tree to its end.
func (b *bench) run(text string, inputs map[string]any) *chain.RunView {
	b.t.Helper()
	tree, report := b.parse(text)
	if tree == nil {
		b.t.Fatal(report.Problems)
	}
	run, err := chain.Start(b.t.Context(), b.runner, tree, chain.RunOptions{Principal: "somebody", Inputs: inputs})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.end(run.ID)
}

func (b *bench) end(id string) *chain.RunView {
	b.t.Helper()
	view, err := b.runner.Wait(b.t.Context(), id, "somebody")
	if err != nil {
		b.t.Fatal(err)
	}
	return view
}

// children returns the runs that tasks of a run started.
func (b *bench) children(of string) (list []*chain.RunView) {
	b.t.Helper()
	runs, _, err := b.runner.List(b.t.Context(), chain.ListOptions{Principal: "somebody", Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, each := range runs {
		if view := b.end(each.RunID); view.ParentRun == of {
			list = append(list, view)
		}
	}
	return list
}

const doubled = `
inputs: {type: object, required: [n], additionalProperties: false, properties: {n: {type: number}}}
outputs: {twice: "${{ tasks.a.result.result }}"}
tasks: [{id: a, executor: data_processor, inputs: {data: "${{ inputs.n }}", operation: jq, program: ". * 2"}}]`

func TestSavedTreeAsTask(t *testing.T) {
	t.Parallel()
	b := newSaved(t, map[string]string{
		"doubled": doubled,
		"fourfold": `
outputs: {all: "${{ tasks.y.result.twice }}"}
tasks: [{id: x, executor: tree/doubled, inputs: {n: "${{ inputs.n }}"}}, {id: y, executor: tree/doubled, inputs: {n: "${{ tasks.x.result.twice }}"}}]`,
		"plain": `[{id: one, executor: data_processor, inputs: {data: [1], operation: count}}]`,
	})
	view := b.run(`
outputs: {one: "${{ tasks.f.result.all }}", each: "${{ [tasks.each.result[].twice] }}", plain: "${{ tasks.p.result.results.one.result }}"}
tasks:
  - {id: f, executor: tree/fourfold, inputs: {n: 3}}
  - {id: each, for_each: [1, 2, 2], executor: tree/doubled, inputs: {n: "${{ item }}"}}
  - {id: p, schemas: {method: tree/plain}}`, nil)
	raw, _ := json.Marshal(view.Outputs)
	if view.Status != chain.Completed || string(raw) != `{"each":[2,4,4],"one":12,"plain":1}` {
		t.Fatalf("%s, %s, %+v", view.Status, raw, view.Tasks)
	}
	direct := b.children(view.RunID)
	if len(direct) != 5 {
		t.Fatalf("%d runs of it", len(direct))
	}
	for _, child := range direct {
		if child.Tasks[0].ID == "x" && len(b.children(child.RunID)) != 2 {
			t.Error("the second level has other runs")
		}
	}
	if _, err := b.runner.Get(t.Context(), direct[0].RunID, "somebody else"); err == nil {
		t.Error("the run of a saved tree is not its caller's alone")
	}
}

func TestSavedTreesThatAreWrong(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"doubled": doubled, "self": `[{executor: tree/self}]`, "a": `[{executor: tree/b}]`, "b": `[{executor: tree/a}]`,
		"wrong": `[{executor: data_procesor}]`, "text": `[`, "reads": `[{executor: data_processor, inputs: {data: "${{ inputs.day }}"}}]`,
		"thousand": "[" + strings.Repeat("{executor: data_processor, inputs: {data: []}},", 1000) + "]",
		"many":     "[" + strings.Repeat("{executor: tree/thousand},", 8) + "]",
	}
	for n := range 17 {
		texts[fmt.Sprintf("deep_%d", n)] = fmt.Sprintf(`[{executor: tree/deep_%d}]`, n+1)
	}
	texts["deep_17"] = `[{executor: data_processor, inputs: {data: []}}]`
	b := newSaved(t, texts)
	for name, c := range map[string]struct{ tree, code, path, want string }{
		"unknown":            {`[{executor: tree/doubld, inputs: {n: 1}}]`, chain.CodeUnknownExecutor, "tasks[0].executor", `there is no saved tree "doubld"`},
		"no name":            {`[{executor: tree/}]`, chain.CodeUnknownExecutor, "tasks[0].executor", `there is no saved tree ""`},
		"another dir":        {`[{executor: tree/../x}]`, chain.CodeUnknownExecutor, "tasks[0].executor", `there is no saved tree "../x"`},
		"itself":             {`[{executor: tree/self}]`, chain.CodeCycle, "tasks[0].executor", "tree/self → tree/self"},
		"circle":             {`[{executor: tree/a}]`, chain.CodeCycle, "tasks[0].executor", "tree/a → tree/b → tree/a"},
		"not valid":          {`[{executor: tree/wrong}]`, chain.CodeInvalidTree, "tasks[0].executor", `there is no executor "data_procesor"`},
		"not a tree":         {`[{executor: tree/text}]`, chain.CodeInvalidTree, "tasks[0].executor", `the saved tree "text" can't be read`},
		"too deep":           {`[{executor: tree/deep_0}]`, chain.CodeTooLarge, "tasks[0].executor", "more than 16 deep"},
		"known and too deep": {`[{executor: tree/deep_2}, {executor: tree/deep_1}]`, chain.CodeTooLarge, "tasks[1].executor", "more than 16 deep"},
		"too many":           {`[{executor: tree/many}, {executor: tree/many}]`, chain.CodeTooLarge, "tasks", "there are 16018 tasks"},
		"no input":           {`[{executor: tree/doubled}]`, chain.CodeInvalidInput, "tasks[0].inputs.n", "is required"},
		"input type":         {`[{executor: tree/doubled, inputs: {n: x}}]`, chain.CodeInvalidInput, "tasks[0].inputs.n", "must be"},
		"other input":        {`[{executor: tree/doubled, inputs: {n: 1, m: 2}}]`, chain.CodeInvalidInput, "tasks[0].inputs.m", ""},
		"read input":         {`[{executor: tree/reads}]`, chain.CodeInvalidInput, "tasks[0].inputs.day", "is required: tree/reads reads it"},
		"output":             {`[{id: d, executor: tree/doubled, inputs: {n: 1}}, {id: e, executor: data_processor, inputs: {data: "${{ tasks.d.result.twize }}"}}]`, chain.CodeUnknownResult, "tasks[1].inputs.data", `the result of tree/doubled has no field "twize"`},
	} {
		_, report := b.parse(c.tree)
		if len(report.Problems) != 1 || report.Problems[0].Code != c.code || report.Problems[0].Path != c.path || !strings.Contains(report.Problems[0].Message, c.want) {
			t.Errorf("%s: %+v", name, report.Problems)
		}
	}
	_, report := b.parse(`[{executor: tree/doubld, inputs: {n: 1}}]`)
	if hint := report.Problems[0].Hint; !strings.Contains(hint, `did you mean "doubled"?`) || !strings.Contains(hint, "saved are a, b, deep_0") {
		t.Error(hint)
	}
	if _, report := b.parse(`[{executor: tree/deep_2}, {executor: tree/deep_10}]`); !report.Valid() {
		t.Errorf("16 levels: %+v", report.Problems)
	}
	if out := b.call("tree/doubled", `{"n": 1}`); out.Err == nil || out.Err.Type != executors.NotFound {
		t.Errorf("a direct call: %+v", out)
	}
}

// A retry goes on with the run of the saved tree: what completed there is not run
// again. A completed task that is named starts a new one.
func TestRetryGoesOnInside(t *testing.T) {
	t.Parallel()
	b := newSaved(t, map[string]string{
		"half": `
outputs: {sum: "${{ tasks.good.result.result }}"}
tasks:
  - {id: good, executor: data_processor, inputs: {data: [1, 2], operation: sum}}
  - {id: bad, executor: data_processor, inputs: {data: 1, operation: jq, program: 'error("no")'}}`,
		"fine": `[{id: one, executor: data_processor, inputs: {data: [1], operation: count}}]`,
	})
	view := b.run(`[{id: f, executor: tree/fine}, {id: h, executor: tree/half}]`, nil)
	if view.Status != chain.Failed || !strings.HasPrefix(view.Tasks[1].Error, "task bad (data_processor) failed: ") || string(view.Tasks[1].Result) != `{"sum":3}` {
		t.Fatalf("%+v", view)
	}
	if _, err := chain.Retry(t.Context(), b.runner, view.RunID, nil, "somebody"); err != nil {
		t.Fatal(err)
	}
	b.end(view.RunID)
	children := b.children(view.RunID)
	if len(children) != 2 {
		t.Fatalf("%d runs of saved trees", len(children))
	}
	for _, child := range children {
		if child.Tasks[0].Attempts != 1 || len(child.Tasks) == 2 && child.Tasks[1].Attempts != 2 {
			t.Errorf("%+v", child.Tasks)
		}
	}
	if _, err := chain.Retry(t.Context(), b.runner, view.RunID, []string{"f"}, "somebody"); err != nil {
		t.Fatal(err)
	}
	b.end(view.RunID)
	if n := len(b.children(view.RunID)); n != 3 {
		t.Errorf("%d runs of saved trees after a completed task was run again", n)
	}
}

// A task whose tree waits for a person holds no permits meanwhile. Afterwards the
// limits hold as before.
func TestWaitingTreeHoldsNoPermits(t *testing.T) {
	t.Parallel()
	const asks = `
outputs: {said: "${{ tasks.after.result.result }}"}
tasks:
  - {id: before, executor: data_processor, inputs: {data: [1], operation: count}}
  - {id: ask, approval: {message: "go on?"}, dependencies: [before]}
  - {id: after, executor: data_processor, inputs: {data: "${{ tasks.ask.result.approved }}", operation: jq, program: "."}}`
	for name, limits := range map[string]policy.Limits{
		"process":   {MaxParallel: 1},
		"principal": {Principal: policy.PrincipalLimits{MaxParallel: 1}},
		"executor":  {Executors: map[string]policy.ExecutorLimits{"data_processor": {MaxParallel: 1}, "tree/asks": {MaxParallel: 1}, "tree/outer": {MaxParallel: 1}}},
		"run":       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newSavedLimited(t, policy.Config{Limits: limits}, map[string]string{"asks": asks, "outer": `
outputs: {said: "${{ tasks.inner.result.said }}"}
tasks: [{id: inner, executor: tree/asks}]`})
			var runs []string
			for _, each := range []string{"asks", "outer"} { // the second has a run between
				tree, report := b.parse(fmt.Sprintf(`[{"id":"x","executor":"tree/%s"},{"id":"other","executor":"data_processor","inputs":{"data":[1],"operation":"count"},"priority":3}]`, each))
				if tree == nil {
					t.Fatal(report.Problems)
				}
				run, err := chain.Start(t.Context(), b.runner, tree, chain.RunOptions{Principal: "somebody", MaxParallel: 1})
				if err != nil {
					t.Fatal(err)
				}
				runs = append(runs, run.ID)
			}
			var waiting []chain.WaitingTask
			for end := time.Now().Add(executortest.Patience); len(waiting) < 2; time.Sleep(10 * time.Millisecond) {
				var err error
				if waiting, err = b.runner.Approvals(t.Context(), chain.ApprovalOptions{Principal: "somebody"}); err != nil || time.Now().After(end) {
					t.Fatal(waiting, err)
				}
			}
			// Everything else runs, in the same runs, in others and as calls.
			if v := b.run(`[{"id":"a","for_each":[1,2,3],"executor":"data_processor","inputs":{"data":[1],"operation":"count"}}]`, nil); v.Status != chain.Completed {
				t.Errorf("another run is %+v", v)
			}
			if r := b.call("data_processor", `{"data":[1],"operation":"count"}`); r.Err != nil {
				t.Error(r.Err)
			}
			for _, each := range waiting {
				if _, err := b.runner.Answer(t.Context(), each.RunID, each.Task, chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal}); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range runs {
				if v := b.end(id); v.Status != chain.Completed || len(v.Tasks) != 2 {
					t.Errorf("the run is %+v", v)
				}
			}
			if name == "run" {
				return
			}
			// A permit that was returned twice would let two tasks run at once.
			var many []string
			for i := range 50 {
				many = append(many, fmt.Sprintf(`{"id":"t%d","executor":"data_processor","inputs":{"data":[1],"operation":"count"}}`, i))
			}
			v := b.run("["+strings.Join(many, ",")+"]", nil)
			slices.SortFunc(v.Tasks, func(x, y chain.TaskView) int { return x.StartedAt.Compare(*y.StartedAt) })
			for i := 1; i < len(v.Tasks); i++ {
				if v.Tasks[i].StartedAt.Before(*v.Tasks[i-1].CompletedAt) {
					t.Fatalf("two tasks ran at once: %+v, %+v", v.Tasks[i-1], v.Tasks[i])
				}
			}
		})
	}
}
