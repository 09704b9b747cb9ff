// Package step does the work of one task. It evaluates the condition, the
// elements and the inputs, and calls the executor, with retries. It keeps
// nothing between calls. Every engine uses it, so that a task means the same in
// each.
package step

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Allowed returns an error if policy closes a part of a tree or an executor is
// gone, so that none of the tree runs.
func Allowed(registry *executors.Registry, tree *chain.Tree) *executors.Error {
	for t := range tree.Every() {
		if t.RetryUnsafe && !registry.Policy().RetryUnsafe() {
			return executors.Errorf(executors.PermissionDenied, "task %s: policy does not allow retry.unsafe, which repeats what is not safe to repeat", t.ID).
				WithHint("open it with policy.retry_unsafe: true")
		}
		if t.Tree != nil || t.Approval != nil {
			continue // its tasks are checked; a question calls nothing
		}
		if _, ok := registry.Lookup(t.Executor); !ok {
			return executors.Errorf(executors.NotFound, "task %s: the executor %s was removed", t.ID, t.Executor)
		}
		if setting, closed := registry.Closed(t.Executor); closed {
			return executors.Errorf(executors.PermissionDenied, "task %s: policy closes the executor %s", t.ID, t.Executor).
				WithHint("open it with " + setting)
		}
		if inputs, static := t.Inputs.Static(); static && registry.Policy().ReadOnly() {
			if filled, bad := t.Definition.Complete(inputs); len(bad) == 0 && !t.Definition.EffectOf(filled).ReadOnly {
				return executors.Errorf(executors.PermissionDenied, "task %s changes something, and policy allows only calls that change nothing", t.ID).
					WithHint("open it with policy.read_only: false")
			}
		}
	}
	return nil
}

// Holds reports whether the condition of a task holds: null and false do not.
// The task must have a condition.
func Holds(ctx context.Context, t *chain.Task, env *expr.Env) (bool, *executors.Error) {
	v, err := t.When.Eval(ctx, env)
	if err != nil {
		return false, within("when", err)
	}
	return v != nil && v != false, nil
}

// Elements returns the elements of a task with for_each. The slice may belong
// to a task's result, so the caller must not change it.
func Elements(ctx context.Context, t *chain.Task, env *expr.Env) ([]any, *executors.Error) {
	v, err := t.ForEach.Eval(ctx, env)
	if err != nil {
		return nil, within("for_each", err)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, executors.Errorf(executors.ValidationError, "for_each must be an array; got %s%s", strictjson.Kind(v), origin(t.ForEach.Expressions, "")).WithField("for_each")
	}
	if len(list) > chain.MaxElements {
		return nil, executors.Errorf(executors.ValidationError, "for_each can have at most %d elements; got %d", chain.MaxElements, len(list)).WithField("for_each")
	}
	return list, nil
}

// Inputs returns the inputs of a task's call: references are evaluated,
// defaults filled in, and the whole is validated.
func Inputs(ctx context.Context, t *chain.Task, env *expr.Env) (map[string]any, *executors.Error) {
	inputs, static := t.Inputs.Static()
	if !static {
		var err *executors.Error
		if inputs, err = t.Inputs.Eval(ctx, env); err != nil {
			return nil, within("inputs", err)
		}
	}
	inputs, violations := t.Definition.Complete(inputs)
	if len(violations) > 0 {
		if !static {
			for i := range violations {
				violations[i].Message += origin(t.Inputs.Expressions, violations[i].Path)
			}
		}
		err := executors.InvalidInputs(t.Definition, violations)
		err.Message = "the inputs are not valid: " + err.Message
		return nil, err
	}
	return inputs, nil
}

// within puts the field of an error below a field of the task.
func within(field string, err *executors.Error) *executors.Error {
	err.Field = chain.Under(field, err.Field)
	return err
}
