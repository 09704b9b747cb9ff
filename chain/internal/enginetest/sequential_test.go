package enginetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// TestAnotherEngine shows that another engine can be written: sequential passes
// the core of the suite.
func TestAnotherEngine(t *testing.T) {
	t.Parallel()
	enginetest.Core(t, func(_ testing.TB, registry *executors.Registry) chain.Engine {
		return &sequential{registry: registry, runs: map[string]*seqRun{}, keys: map[string]*seqRun{}}
	})
}

// sequential runs one task after the other, within Start, in memory. It does
// not check prepared runs again at the start.
type sequential struct {
	chain.Engine // the methods outside the core are nil
	registry     *executors.Registry
	mu           sync.Mutex
	runs         map[string]*seqRun
	keys         map[string]*seqRun
}

type seqRun struct {
	view   chain.RunView
	tree   *chain.Tree
	opts   chain.RunOptions
	digest string
	inputs map[string]any
	kept   *seqEnd        // of a retry of handlers only
	facts  map[string]any // for the handlers
}

// seqPrepared is a run, or a retry, that was checked.
type seqPrepared struct {
	tree   *chain.Tree
	inputs map[string]any
	tasks  []int
	start  func(ctx context.Context) (*chain.Run, error)
}

func (p *seqPrepared) Target() (*chain.Tree, map[string]any, []int) { return p.tree, p.inputs, p.tasks }

func (p *seqPrepared) Start(ctx context.Context) (*chain.Run, error) { return p.start(ctx) }

func (s *sequential) PrepareRun(tree *chain.Tree, opts chain.RunOptions) (chain.PreparedRun, error) {
	if problem := opts.Check(); problem != nil {
		return nil, problem
	}
	inputs, problem := tree.BindInputs(opts.Inputs)
	if problem != nil {
		return nil, problem
	}
	if problem := step.Allowed(s.registry, tree); problem != nil {
		return nil, problem
	}
	p := &seqPrepared{tree: tree, inputs: inputs, start: func(ctx context.Context) (*chain.Run, error) { return s.start(ctx, tree, inputs, opts) }}
	for i := range tree.Tasks {
		p.tasks = append(p.tasks, i)
	}
	return p, nil
}

func (s *sequential) start(ctx context.Context, tree *chain.Tree, inputs map[string]any, opts chain.RunOptions) (*chain.Run, error) {
	digest := fmt.Sprint(tree.Hash(), inputs)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := opts.Principal + "/" + opts.IdempotencyKey
	if old := s.keys[key]; old != nil && old.digest != digest {
		return nil, executors.Errorf(executors.ValidationError, "the key was used for something else").WithField("idempotency_key")
	} else if old != nil {
		return &chain.Run{ID: old.view.RunID, Reused: true}, nil
	}
	r := s.add(tree, opts, inputs)
	if r.digest = digest; opts.IdempotencyKey != "" {
		s.keys[key] = r
	}
	s.drive(ctx, r, chain.NewPlan(tree, opts.OnFailure))
	return &chain.Run{ID: r.view.RunID}, nil
}

func (s *sequential) add(tree *chain.Tree, opts chain.RunOptions, inputs map[string]any) *seqRun {
	r := &seqRun{tree: tree, opts: opts, inputs: inputs}
	r.view = chain.RunView{RunID: fmt.Sprint("run", len(s.runs)), Name: tree.Name, Tasks: make([]chain.TaskView, len(tree.Tasks)), CreatedAt: time.Now()}
	for i := range tree.Tasks {
		t := &tree.Tasks[i]
		r.view.Tasks[i] = chain.TaskView{ID: t.ID, Name: t.Name, Executor: t.Executor, UserID: t.UserID, Handler: t.Handler, Status: chain.Pending}
		if t.UserID == "" {
			r.view.Tasks[i].UserID = opts.UserID
		}
		if t.Parent >= 0 {
			r.view.Tasks[i].ParentID = tree.Tasks[t.Parent].ID
		}
	}
	s.runs[r.view.RunID] = r
	return r
}

// drive runs the tasks, then the handlers.
func (s *sequential) drive(ctx context.Context, r *seqRun, plan *chain.Plan) {
	s.runReady(ctx, r, plan)
	v := &r.view
	if v.Status = plan.Status(); r.kept == nil {
		r.kept = &seqEnd{status: v.Status}
		if all := step.Outputs(ctx, r.tree, &expr.Env{Inputs: r.inputs, Task: r.read}); all != nil {
			r.kept.outputs = all
			if failed := step.OutputsFailed(all); failed != nil && v.Status == chain.Completed {
				r.kept.status, r.kept.failed = chain.Failed, failed
			}
		}
	}
	end := r.kept
	facts := step.Ended{RunID: v.RunID, Name: v.Name, Status: end.status, StartedAt: v.CreatedAt, EndedAt: time.Now(), Outputs: end.outputs}
	facts.Failed = step.FailedTasks(r.tree, plan.State, r.read)
	if end.outputs != nil {
		v.Outputs, v.OutputErrors = end.outputs.Values, end.outputs.Errors
	}
	if e := end.failed; e != nil {
		v.Error, v.ErrorType, v.Hint = e.Message, e.Type, e.Hint
		facts.Error, facts.ErrorType = e.Message, string(e.Type)
	}
	r.facts = facts.Facts()
	plan.Handle(end.status)
	s.runReady(ctx, r, plan)
	v.Status, v.Counts, v.Warnings = plan.Status(), plan.Counts(), nil
	for i := range v.Tasks {
		if t := &v.Tasks[i]; t.Handler != "" && t.Status == chain.Failed {
			v.Warnings = append(v.Warnings, fmt.Sprintf("the handler %s (%s) failed: %s", t.ID, t.Handler, t.Error))
		}
	}
}

// seqEnd is how the tasks of a run ended.
type seqEnd struct {
	status  chain.State
	outputs *chain.Outputs
	failed  *executors.Error
}

// runReady runs the tasks that the plan says are ready, until none is.
func (s *sequential) runReady(ctx context.Context, r *seqRun, plan *chain.Plan) {
	r.follow(plan.Changes())
	for task, ok := plan.Ready(); ok; task, ok = plan.Ready() {
		v := &r.view.Tasks[task]
		now := time.Now()
		v.StartedAt, v.Error, v.ErrorType = &now, "", ""
		state, out, failures, attempts := s.do(ctx, r, &r.tree.Tasks[task], v)
		if state != chain.Skipped {
			plan.Start(task)
		}
		end := time.Now()
		v.Result, v.Size, v.Errors, v.Attempts, v.CompletedAt = out.Result, len(out.Result), failures, attempts, &end
		var results []json.RawMessage
		if r.tree.Tasks[task].ForEach != nil && json.Unmarshal(out.Result, &results) == nil {
			v.Elements = &chain.ElementCounts{Done: len(results), Failed: len(failures), Of: len(results)}
		}
		if e := out.Err; e != nil {
			v.Error, v.ErrorType, v.ErrorCode, v.Field, v.Hint, v.Retryable = e.Message, e.Type, e.Code, e.Field, e.Hint, e.Retryable
		}
		plan.Done(task, state)
		r.follow(plan.Changes())
	}
}

// follow records the transitions of the plan.
func (r *seqRun) follow(changes []chain.Change) {
	for _, c := range changes {
		v := &r.view.Tasks[c.Task]
		v.Status, v.Reason, v.BlockedBy, v.RootCauses = c.To, c.Reason, r.ids(c.BlockedBy), r.ids(c.Roots)
		if c.To == chain.Cancelled {
			v.Error, v.ErrorType = "another task failed", executors.Cancelled
		}
	}
}

func (r *seqRun) ids(tasks []int) (ids []string) {
	for _, i := range tasks {
		ids = append(ids, r.tree.Tasks[i].ID)
	}
	return ids
}

// do runs one task, or each element of it.
func (s *sequential) do(ctx context.Context, r *seqRun, t *chain.Task, v *chain.TaskView) (chain.State, executors.Outcome, []chain.ElementError, int) {
	before := v.Attempts
	env := &expr.Env{Inputs: r.inputs, Task: r.read, Run: r.facts}
	if t.ForEach == nil {
		state, out, attempts := s.call(ctx, r, t, env, before)
		return state, out, nil, attempts
	}
	elements, err := step.Elements(ctx, t, env)
	if err != nil {
		return chain.Failed, executors.Outcome{Err: err}, nil, before
	}
	counts := &chain.ElementCounts{Of: len(elements)}
	v.Elements = counts
	results, most := make([]json.RawMessage, len(elements)), max(before, 1)
	var failures []chain.ElementError
	for i, item := range elements {
		env.Item, env.Index = item, i
		state, out, attempts := s.call(ctx, r, t, env, before)
		if counts.Done++; state == chain.Failed {
			counts.Failed++
		}
		if most = max(most, attempts); state == chain.Completed {
			results[i] = out.Result
		} else if out.Err != nil {
			failures = append(failures, chain.ElementError{Index: i, Error: out.Err.Message, ErrorType: out.Err.Type})
		}
	}
	out := step.Collect(results, failures, len(elements))
	return stateOf(out), out, failures, most
}

func (s *sequential) call(ctx context.Context, r *seqRun, t *chain.Task, env *expr.Env, before int) (chain.State, executors.Outcome, int) {
	if t.When != nil {
		if holds, err := step.Holds(ctx, t, env); err != nil || !holds {
			if err != nil {
				return chain.Failed, executors.Outcome{Err: err}, before
			}
			return chain.Skipped, executors.Outcome{}, before
		}
	}
	inputs, err := step.Inputs(ctx, t, env)
	if err != nil {
		return chain.Failed, executors.Outcome{Err: err}, before
	}
	call := &executors.Call{Inputs: inputs, RunID: r.view.RunID, TaskID: t.ID, Principal: r.opts.Principal}
	if t.Definition.AcceptsDependencies {
		call.Dependencies = map[string]executors.Dependency{}
		for _, d := range t.Dependencies {
			v := &r.view.Tasks[d.Task]
			call.Dependencies[v.ID] = executors.Dependency{Status: string(v.Status), Result: v.Result, Error: v.Error}
		}
	}
	job := step.New(t, call)
	job.Before = before
	out, attempts := job.Do(ctx, s.registry)
	return stateOf(out), out, attempts
}

func stateOf(out executors.Outcome) chain.State {
	if out.Err != nil {
		return chain.Failed
	}
	return chain.Completed
}

// read returns a task as expressions see it.
func (r *seqRun) read(ref expr.Ref) (map[string]any, error) {
	i, _ := r.tree.Index(ref.Task)
	v := &r.view.Tasks[i]
	seen := map[string]any{"status": string(v.Status), "result": nil, "error": nil, "error_type": nil, "errors": []any{}}
	if v.Error != "" {
		seen["error"], seen["error_type"] = v.Error, string(v.ErrorType)
	}
	if len(v.Result) > 0 {
		var err error
		if seen["result"], err = strictjson.Decode(v.Result); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func (s *sequential) find(id, principal string) (*seqRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil && r.opts.Principal == principal {
		return r, nil
	}
	return nil, executors.Errorf(executors.NotFound, "there is no run %q", id)
}

func (s *sequential) PrepareRetry(_ context.Context, id string, tasks []string, principal string) (chain.PreparedRun, error) {
	r, err := s.find(id, principal)
	if err != nil {
		return nil, err
	}
	var named []int
	states := make([]chain.State, len(r.view.Tasks))
	for i := range states {
		states[i] = r.view.Tasks[i].Status
	}
	for _, ref := range tasks {
		i, ok := r.tree.Index(ref)
		if !ok {
			return nil, executors.Errorf(executors.NotFound, "there is no task %q", ref)
		}
		named = append(named, i)
	}
	if !r.tree.Reset(states, named) {
		return nil, executors.Errorf(executors.ValidationError, "there is nothing to retry")
	}
	p := &seqPrepared{tree: r.tree, inputs: r.inputs}
	for i, state := range states {
		if state == chain.Pending {
			p.tasks = append(p.tasks, i)
		}
	}
	p.start = func(ctx context.Context) (*chain.Run, error) {
		if slices.Contains(states[:r.tree.Main()], chain.Pending) {
			r.kept = nil
		}
		for i, state := range states {
			if v := &r.view.Tasks[i]; v.Status != state {
				*v = chain.TaskView{ID: v.ID, Name: v.Name, Executor: v.Executor, UserID: v.UserID, ParentID: v.ParentID, Handler: v.Handler, Status: state, Attempts: v.Attempts}
			}
		}
		s.drive(ctx, r, chain.ResumePlan(r.tree, r.opts.OnFailure, states))
		return &chain.Run{ID: id}, nil
	}
	return p, nil
}

func (s *sequential) Get(_ context.Context, id, principal string, _ ...chain.ViewOption) (*chain.RunView, error) {
	r, err := s.find(id, principal)
	if err != nil {
		return nil, err
	}
	view, main := r.view, r.tree.Main()
	view.Tasks, view.Handlers = slices.Clone(view.Tasks[:main]), slices.Clone(view.Tasks[main:])
	return &view, nil
}

func (s *sequential) Wait(ctx context.Context, id, principal string, opts ...chain.ViewOption) (*chain.RunView, error) {
	return s.Get(ctx, id, principal, opts...)
}

func (s *sequential) Close(context.Context) error { return nil }
