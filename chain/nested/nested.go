// Package nested runs saved task trees as executors. It is not a stable API.
// A run ends with the call that started it.
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
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Trees runs trees for executors/external.
type Trees struct {
	runner   chain.Engine
	registry *executors.Registry
	grace    time.Duration
}

var _ external.Trees = (*Trees)(nil)

// New returns a Trees. grace is how long a cancelled run may take to stop.
func New(runner chain.Engine, registry *executors.Registry, grace time.Duration) *Trees {
	return &Trees{runner: runner, registry: registry, grace: grace}
}

// Check validates a tree and returns the ids of the executors that it uses.
func (t *Trees) Check(run external.TreeRun) (uses []string, err error) {
	parsed, err := t.parse(run.Tree, run.Schema)
	if err != nil {
		return nil, err
	}
	if i, ok := parsed.Index(run.Result); run.Result != "" && !ok {
		return nil, fmt.Errorf("result names the task %q, which does not exist", run.Result)
	} else if ok && parsed.Tasks[i].Handler != "" {
		return nil, fmt.Errorf("result names %q, which is a handler: it has no result when the outputs are read", run.Result)
	}
	named := map[string]bool{}
	if err := asks(parsed); err != nil {
		return nil, err
	}
	for task := range parsed.Every() {
		if task.Tree == nil {
			named[task.Executor] = true
		}
	}
	return slices.Sorted(maps.Keys(named)), nil
}

// asks refuses a tree that asks a person: a call of an executor can't wait for
// days.
func asks(tree *chain.Tree) error {
	for task := range tree.Every() {
		if task.Approval != nil {
			return fmt.Errorf("task %s asks a person (approval), so the tree can't be published as an executor: run it as a tree", task.ID)
		}
	}
	return nil
}

// parse parses a tree for each call, because the executors that it uses may have
// changed. The schema of the run's inputs is that of the executor.
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
	parsed, report := parse.Value(object, t.registry)
	problems := report.Problems
	for _, warning := range report.Warnings {
		if warning.Code == chain.CodeUndeclaredInput { // no call can set it
			problems = append(problems, warning)
		}
	}
	if len(problems) > 0 {
		return nil, invalid(problems)
	}
	return parsed, nil
}

// invalid returns the error of a tree that is not valid.
func invalid(problems []chain.Problem) error {
	const most = 10
	return errors.New(shorten.List(problems, most, func(each chain.Problem) string {
		line := strings.TrimSpace(each.Path + " " + each.Message)
		if each.Hint != "" {
			line += " (" + each.Hint + ")"
		}
		return line
	}))
}

// Run runs a tree to its end. If an earlier attempt of the same call has started
// it, that run goes on.
func (t *Trees) Run(ctx context.Context, call *executors.Call, run external.TreeRun) (any, error) {
	tree, err := t.parse(run.Tree, run.Schema)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the tree is no longer valid: %w", err).
			WithHint("an executor that it uses has changed or is gone")
	}
	key, err := workKey(call, tree)
	if err != nil {
		return nil, err
	}
	return (&child{runner: t.runner, tree: tree, grace: t.grace}).run(ctx, call, run.Result, chain.RunOptions{
		Inputs: call.Inputs, MaxParallel: run.MaxParallel, OnFailure: run.OnFailure, Principal: call.Principal, Parent: call.RunID, IdempotencyKey: key,
	})
}

// Output is the result of a tree that has no outputs and names no task as its
// result.
type Output struct {
	RunID   string                     `json:"run_id"`
	Status  chain.State                `json:"status"`
	Counts  chain.Counts               `json:"counts"`
	Results map[string]json.RawMessage `json:"results"`
}

// resultsOf returns the results of all tasks.
func resultsOf(view *chain.RunView) (any, error) {
	all := &Output{RunID: view.RunID, Status: view.Status, Counts: view.Counts, Results: map[string]json.RawMessage{}}
	for i := range view.Tasks {
		if task := &view.Tasks[i]; len(task.Result) > 0 {
			all.Results[task.ID] = task.Result
		}
	}
	if view.Status != chain.Completed {
		return all, failure(view)
	}
	return all, nil
}

// resultOf returns the result of one task.
func resultOf(view *chain.RunView, wanted int) (any, error) {
	all, err := resultsOf(view)
	if err != nil {
		return all, err
	}
	task := &view.Tasks[wanted]
	if task.Status != chain.Completed {
		return all, executors.Errorf(executors.ExecutionError, "task %s, whose result is the output, is %s", task.ID, task.Status)
	}
	return task.Result, nil
}

// outputsOf returns the outputs of the tree: of a run that failed, those that
// could be evaluated.
func outputsOf(view *chain.RunView) (any, error) {
	switch {
	case view.Status == chain.Completed:
		return view.Outputs, nil
	case len(view.Outputs) == 0:
		return nil, failure(view)
	}
	return view.Outputs, failure(view)
}

// failure returns the error of the first task that failed, or of the run.
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
