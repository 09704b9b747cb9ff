package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// keptBytes is how long a result may be to stay in memory beside the store
// while others may still read it.
const keptBytes = 256 << 10

// env is what the references of a unit read.
func (x *run) env(u unit) *expr.Env {
	return &expr.Env{Task: x.read, Inputs: x.inputs, Item: u.item, Index: max(u.elem, 0)}
}

// read gives a task as references see it. Tasks that are read have ended.
func (x *run) read(ref expr.Ref) (map[string]any, error) {
	task, ok := x.tree.Index(ref.Task)
	if !ok {
		return nil, fmt.Errorf("there is no task %q", ref.Task)
	}
	at := &x.tasks[task]
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.view != nil && (at.viewAll || ref.StatusOnly) {
		return at.view, nil
	}
	view := map[string]any{"status": string(states[x.shown[task].Load()]), "result": nil, "error": nil, "error_type": nil}
	raw, err := x.load(task, ref.StatusOnly)
	if err != nil {
		return nil, err
	}
	if at.err != nil {
		view["error"], view["error_type"] = at.err.Message, string(at.err.Type)
	}
	if len(raw) > 0 {
		if view["result"], err = decode(raw); err != nil {
			return nil, fmt.Errorf("reading the result of %s: %w", x.tree.Tasks[task].ID, err)
		}
	}
	at.view, at.viewAll = view, !ref.StatusOnly
	return view, nil
}

// load gives a task's result, from the store where it is not in memory. The
// task's lock is held.
func (x *run) load(task int, statusOnly bool) (json.RawMessage, error) {
	at := &x.tasks[task]
	switch {
	case statusOnly && (at.loaded || at.err != nil || states[x.shown[task].Load()] == Completed):
		return nil, nil
	case at.loaded:
		return at.result, nil
	}
	last, err := x.runner.opts.Store.Last(context.WithoutCancel(x.base), x.row.ID, task)
	if err != nil {
		return nil, fmt.Errorf("reading the result of %s: %w", x.tree.Tasks[task].ID, err)
	}
	if last == nil {
		return nil, nil
	}
	if at.err == nil {
		at.err = errorOf(last.Problem)
	}
	if statusOnly {
		return nil, nil
	}
	return last.Result, nil
}

// decode decodes a stored result, numbers as they are written.
func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return v, d.Decode(&v)
}

// dependencies are the results that a task's executor is given.
func (x *run) dependencies(t *Task) (map[string]executors.Dependency, error) {
	all := make(map[string]executors.Dependency, len(t.Dependencies))
	for _, d := range t.Dependencies {
		at := &x.tasks[d.Task]
		at.mu.Lock()
		raw, err := x.load(d.Task, false)
		failure := at.err
		at.mu.Unlock()
		if err != nil {
			return nil, err
		}
		dep := executors.Dependency{Status: string(states[x.shown[d.Task].Load()]), Result: raw}
		if failure != nil {
			dep.Error = failure.Message
		}
		all[x.tree.Tasks[d.Task].ID] = dep
	}
	return all, nil
}

// keep holds a result for those that follow.
func (x *run) keep(task int, out executors.Outcome) {
	at := &x.tasks[task]
	at.mu.Lock()
	at.err = out.Err
	if at.readers > 0 && len(out.Result) <= keptBytes {
		at.result, at.loaded = out.Result, true
	}
	at.mu.Unlock()
}

// forget lets go of results that nobody reads any more, now that a task has
// ended.
func (x *run) forget(task int) {
	for _, d := range x.tree.Tasks[task].Dependencies {
		at := &x.tasks[d.Task]
		at.mu.Lock()
		if at.readers--; at.readers <= 0 {
			at.result, at.view, at.loaded, at.viewAll = nil, nil, false, false
		}
		at.mu.Unlock()
	}
}
