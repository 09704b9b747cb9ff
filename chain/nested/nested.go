// Package nested runs task trees from inside of executors: a saved tree that
// is an executor of its own. What it starts ends with the call.
package nested

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Trees is what executors/external runs trees with.
type Trees struct {
	runner   *chain.Runner
	registry *executors.Registry
	grace    time.Duration
}

var _ external.Trees = (*Trees)(nil)

// New makes it. The grace period is how long a run that is cancelled may take
// to stop.
func New(runner *chain.Runner, registry *executors.Registry, grace time.Duration) *Trees {
	return &Trees{runner: runner, registry: registry, grace: grace}
}

// Check validates a tree, and names the executors that it uses.
func (t *Trees) Check(run external.TreeRun) (uses []string, err error) {
	parsed, err := t.parse(run.Tree, run.Schema)
	if err != nil {
		return nil, err
	}
	if _, ok := parsed.Index(run.Result); run.Result != "" && !ok {
		return nil, fmt.Errorf("there is no task %q, whose result is wanted", run.Result)
	}
	named := map[string]bool{}
	for i := range parsed.Tasks {
		named[parsed.Tasks[i].Executor] = true
	}
	return slices.Sorted(maps.Keys(named)), nil
}

// parse reads a tree anew each time: the executors that it uses may have
// changed. The inputs of its runs are those that the executor takes.
func (t *Trees) parse(source json.RawMessage, inputs *executors.Schema) (*chain.Tree, error) {
	value, err := strictjson.Decode(source)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{"tasks": value}
	}
	if inputs != nil {
		if object["inputs"], err = strictjson.Decode(inputs.JSON()); err != nil {
			return nil, fmt.Errorf("the schema of the inputs: %w", err)
		}
	}
	parsed, report := chain.ParseValue(object, t.registry)
	problems := report.Problems
	for _, warning := range report.Warnings {
		if warning.Code == chain.CodeUndeclaredInput { // no call could ever give it
			problems = append(problems, warning)
		}
	}
	if len(problems) > 0 {
		return nil, told(problems)
	}
	return parsed, nil
}

// told makes an error of what is wrong with a tree.
func told(problems []chain.Problem) error {
	const most = 10
	lines := make([]string, 0, most+1)
	for _, each := range problems[:min(len(problems), most)] {
		line := strings.TrimSpace(each.Path + " " + each.Message)
		if each.Hint != "" {
			line += " (" + each.Hint + ")"
		}
		lines = append(lines, line)
	}
	if more := len(problems) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more problems", more))
	}
	return errors.New(strings.Join(lines, "; "))
}

// Run runs a tree to its end.
func (t *Trees) Run(ctx context.Context, call *executors.Call, run external.TreeRun) (any, error) {
	tree, err := t.parse(run.Tree, run.Schema)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the tree is not valid any more: %w", err).
			WithHint("an executor that it uses has changed or is gone")
	}
	started, err := t.runner.Start(ctx, tree, chain.RunOptions{
		Inputs: call.Inputs, MaxParallel: run.MaxParallel, OnFailure: run.OnFailure, Principal: call.Principal,
	})
	if err != nil {
		return nil, err
	}
	view, err := t.await(ctx, call, started.ID)
	if err != nil {
		return nil, err
	}
	wanted := -1
	if run.Result != "" {
		wanted, _ = tree.Index(run.Result) // Check has seen it
	}
	return outcome(view, wanted)
}

// await waits for the end of a run and passes its progress on. When the call
// ends first the run is cancelled with it, and has a little time to stop.
func (t *Trees) await(ctx context.Context, call *executors.Call, id string) (*chain.RunView, error) {
	view, err := Follow(ctx, t.runner, id, call)
	if ctx.Err() == nil || err == nil && view.Status.Ended() {
		return view, err
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.grace+time.Second)
	defer cancel()
	if _, err := t.runner.Wait(ending, id, call.Principal); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return nil, ctx.Err()
}

// Output is what a tree gives where no task is named as its result.
type Output struct {
	RunID   string                     `json:"run_id"`
	Status  chain.State                `json:"status"`
	Counts  chain.Counts               `json:"counts"`
	Results map[string]json.RawMessage `json:"results"`
}

// outcome is what a run gave: the result of the task that is wanted, or all.
func outcome(view *chain.RunView, wanted int) (any, error) {
	all := &Output{RunID: view.RunID, Status: view.Status, Counts: view.Counts, Results: map[string]json.RawMessage{}}
	for i := range view.Tasks {
		if task := &view.Tasks[i]; len(task.Result) > 0 {
			all.Results[task.ID] = task.Result
		}
	}
	switch {
	case view.Status != chain.Completed:
		return all, failure(view)
	case wanted < 0:
		return all, nil
	}
	task := &view.Tasks[wanted]
	if task.Status != chain.Completed {
		return all, executors.Errorf(executors.ExecutionError, "task %s, whose result is wanted, is %s", task.ID, task.Status)
	}
	return task.Result, nil
}

// failure is the first task's that failed, or the run's own.
func failure(view *chain.RunView) *executors.Error {
	for i := range view.Tasks {
		task := &view.Tasks[i]
		if task.Status != chain.Failed {
			continue
		}
		failed := executors.Errorf(task.ErrorType, "task %s (%s) failed: %s", task.ID, task.Executor, task.Error).
			WithCode(task.ErrorCode).WithHint(task.Hint)
		failed.Retryable = task.Retryable
		return failed
	}
	kind := view.ErrorType
	switch {
	case kind != "":
	case view.Status == chain.Cancelled:
		kind = executors.Cancelled
	default:
		kind = executors.ExecutionError
	}
	message := view.Error
	if message == "" {
		message = fmt.Sprintf("the run %s ended as %s", view.RunID, view.Status)
	}
	return executors.Errorf(kind, "%s", message).WithHint(view.Hint)
}
