package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// maxKept is the largest result, in bytes, that is kept in memory for the tasks
// that may read it. Larger ones are read from the store.
const maxKept = 256 << 10

// results holds what tasks can read of tasks that have ended. It may be used from
// any goroutine.
type results struct {
	store    store.Store
	runID    string
	tree     *chain.Tree
	inputs   map[string]any
	progress *progress
	tasks    []taskResult
	run      map[string]any // how the tasks ended, for handlers; set before they start
}

// taskResult is the result of one task.
type taskResult struct {
	mu       sync.Mutex
	err      *executors.Error
	elements []store.ElementError // that failed
	readers  int                  // tasks that may still read it
	result   json.RawMessage
	loaded   bool // result is in memory
	view     map[string]any
	viewAll  bool // view has the result
}

func newResults(s store.Store, runID string, tree *chain.Tree, inputs map[string]any, p *progress) results {
	r := results{store: s, runID: runID, tree: tree, inputs: inputs, progress: p, tasks: make([]taskResult, len(tree.Tasks))}
	for i := range tree.Tasks {
		if p.ended(i) {
			continue
		}
		for _, d := range tree.Tasks[i].Dependencies {
			r.tasks[d.Task].readers++
		}
	}
	for _, out := range tree.Outputs {
		for _, ref := range out.Value.Reads().Tasks {
			if task, ok := tree.Index(ref.Task); ok {
				r.tasks[task].readers++ // until the end of the run
			}
		}
	}
	r.keepForHandlers()
	return r
}

// env returns what the references of a unit read.
func (r *results) env(u unit) *expr.Env {
	env := &expr.Env{Task: r.read, Inputs: r.inputs, Item: u.item, Index: max(u.element, 0)}
	if r.tree.Tasks[u.task].Handler != "" {
		env.Run = r.run
	}
	return env
}

// read returns a task as references see it. The task has ended.
func (r *results) read(ref expr.Ref) (map[string]any, error) {
	task, ok := r.tree.Index(ref.Task)
	if !ok {
		return nil, fmt.Errorf("there is no task %q", ref.Task)
	}
	at := &r.tasks[task]
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.view != nil && (at.viewAll || ref.StatusOnly) {
		return at.view, nil
	}
	view := map[string]any{"status": string(r.progress.state(task)), "result": nil, "error": nil, "error_type": nil, "errors": []any{}}
	raw, err := r.load(task, ref.StatusOnly)
	if err != nil {
		return nil, err
	}
	if at.err != nil {
		view["error"], view["error_type"], view["errors"] = at.err.Message, string(at.err.Type), errorsOf(at.elements)
	}
	if len(raw) > 0 {
		if view["result"], err = decode(raw); err != nil {
			return nil, fmt.Errorf("reading the result of %s: %w", r.tree.Tasks[task].ID, err)
		}
	}
	at.view, at.viewAll = view, !ref.StatusOnly
	return view, nil
}

// load returns a task's result, from the store if it is not in memory. The task's
// lock is held.
func (r *results) load(task int, statusOnly bool) (json.RawMessage, error) {
	at := &r.tasks[task]
	switch {
	case statusOnly && (at.loaded || at.err != nil || r.progress.state(task) == chain.Completed):
		return nil, nil
	case at.loaded:
		return at.result, nil
	}
	last, err := r.store.Last(context.Background(), r.runID, task)
	if err != nil {
		return nil, fmt.Errorf("reading the result of %s: %w", r.tree.Tasks[task].ID, err)
	}
	if last == nil {
		return nil, nil
	}
	if at.err == nil {
		if at.err = errorOf(last.Problem); at.err != nil {
			at.elements = last.Problem.Elements
		}
	}
	if statusOnly {
		return nil, nil
	}
	return last.Result, nil
}

// decode decodes a stored result, with numbers as they are written. It does not use
// strictjson, because results may be nested deeper than strictjson accepts.
func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return v, d.Decode(&v)
}

// dependencies returns the results that a task's executor receives.
func (r *results) dependencies(t *chain.Task) (map[string]executors.Dependency, error) {
	all := make(map[string]executors.Dependency, len(t.Dependencies))
	for _, d := range t.Dependencies {
		at := &r.tasks[d.Task]
		at.mu.Lock()
		raw, err := r.load(d.Task, false)
		failure := at.err
		at.mu.Unlock()
		if err != nil {
			return nil, err
		}
		dep := executors.Dependency{Status: string(r.progress.state(d.Task)), Result: raw}
		if failure != nil {
			dep.Error = failure.Message
		}
		all[r.tree.Tasks[d.Task].ID] = dep
	}
	return all, nil
}

// maxSources is the largest number of tasks that columns looks at.
const maxSources = 100

// columns returns the columns of the tables that a task's inputs were made from,
// in order. They are in the results of the tasks that the inputs read or, where a
// result names none, of those that these read.
func (r *results) columns(task int) (names []string, err error) {
	seen := map[int]bool{task: true}
	for next := []int{task}; len(next) > 0; next = next[1:] {
		t := &r.tree.Tasks[next[0]]
		reads := t.Inputs.Reads().Tasks
		if t.ForEach != nil {
			reads = slices.Concat(reads, t.ForEach.Reads().Tasks)
		}
		for _, ref := range reads {
			source, ok := r.tree.Index(ref.Task)
			if !ok || ref.StatusOnly || seen[source] || len(seen) > maxSources {
				continue
			}
			seen[source] = true
			found, err := r.columnsOf(source)
			if err != nil {
				return nil, err
			}
			if found == nil {
				next = append(next, source)
			}
			names = append(names, found...)
		}
	}
	return names, nil
}

// columnsOf returns the columns that a result names: as names, or as objects with
// a name.
func (r *results) columnsOf(task int) (names []string, err error) {
	if r.progress.state(task) != chain.Completed {
		return nil, nil
	}
	at := &r.tasks[task]
	at.mu.Lock()
	raw, err := r.load(task, false)
	at.mu.Unlock()
	var result struct {
		Columns []json.RawMessage `json:"columns"`
	}
	if err != nil || json.Unmarshal(raw, &result) != nil {
		return nil, err
	}
	for _, column := range result.Columns {
		var named struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(column, &named.Name) == nil || json.Unmarshal(column, &named) == nil {
			names = append(names, named.Name)
		}
	}
	return names, nil
}

// errorsOf returns the errors of elements as references see them.
func errorsOf(elements []store.ElementError) []any {
	list := make([]any, len(elements))
	for i, e := range elements {
		list[i] = map[string]any{"index": e.Index, "error": e.Error, "error_type": e.ErrorType}
	}
	return list
}

// keep keeps the outcome of a task for the tasks that read it, with the errors of
// its elements.
func (r *results) keep(task int, out executors.Outcome, elements []store.ElementError) {
	at := &r.tasks[task]
	at.mu.Lock()
	at.err, at.elements = out.Err, elements
	if at.readers > 0 && len(out.Result) <= maxKept {
		at.result, at.loaded = out.Result, true
	}
	at.mu.Unlock()
}

// release removes the results from memory that only this task, which has ended,
// could still read.
func (r *results) release(task int) {
	for _, d := range r.tree.Tasks[task].Dependencies {
		at := &r.tasks[d.Task]
		at.mu.Lock()
		if at.readers--; at.readers <= 0 {
			at.result, at.view, at.loaded, at.viewAll = nil, nil, false, false
		}
		at.mu.Unlock()
	}
}
