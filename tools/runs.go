package tools

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The tools that work on runs.
const (
	ValidateTaskTree = "validate_task_tree"
	RunTaskTree      = "run_task_tree"
	GetRun           = "get_run"
	ListRuns         = "list_runs"
	CancelRun        = "cancel_run"
	RetryRun         = "retry_run"
)

//go:embed definitions/*.yaml
var definitions embed.FS

// runs answers the tools that work on runs.
type runs struct {
	set     *Set
	defs    map[string]*executors.Definition
	waiting chan struct{} // holds one token for each call that waits
}

// newRuns reads the definitions, side by side since that is most of what a
// start takes here.
func newRuns(set *Set) (*runs, error) {
	r := &runs{set: set, defs: map[string]*executors.Definition{}, waiting: make(chan struct{}, set.opts.MaxWaiting)}
	names := []string{ValidateTaskTree, RunTaskTree, GetRun, ListRuns, CancelRun, RetryRun}
	if set.opts.Discovery {
		names = append(names, discoveryTools...)
	}
	defs, errs := make([]*executors.Definition, len(names)), make([]error, len(names))
	var reading sync.WaitGroup
	for i, name := range names {
		reading.Go(func() { defs[i], errs[i] = loadDefinition(name) })
	}
	reading.Wait()
	for i, name := range names {
		r.defs[name] = defs[i]
	}
	return r, errors.Join(errs...)
}

func loadDefinition(name string) (*executors.Definition, error) {
	def, err := executors.LoadDefinition(definitions, "definitions/"+name+".yaml")
	if err != nil {
		return nil, fmt.Errorf("loading the definition of tool %s: %w", name, err)
	}
	return def, nil
}

// tools gives the tools that work on runs. Where policy holds every task to
// reading, running a tree changes nothing but this server's own records.
func (r *runs) tools(held bool) []Tool {
	handlers := map[string]Handler{
		ValidateTaskTree: r.validate,
		RunTaskTree:      r.run,
		GetRun:           r.get,
		ListRuns:         r.list,
		CancelRun:        r.cancel,
		RetryRun:         r.retry,
	}
	var list []Tool
	for name, handle := range handlers {
		def := r.defs[name]
		tool := Tool{
			Name: name, Title: def.Title, Description: def.Description, Toolset: def.Toolset,
			Input: def.Input.JSON(), Output: outputSchema(def), Annotations: def.Annotations, Handle: handle,
		}
		if held {
			tool.Annotations.ReadOnly, tool.Annotations.Destructive = true, false
		}
		list = append(list, tool)
	}
	slices.SortFunc(list, func(a, b Tool) int { return compare(a.Name, b.Name) })
	return list
}

func (r *runs) validate(_ context.Context, req *Request) *Result {
	args, err := resolve(r.defs[ValidateTaskTree], req.Arguments, "tasks")
	if err != nil {
		return Failure(err)
	}
	_, report, err := r.tree(args)
	if err != nil {
		return Failure(err)
	}
	return &Result{Status: StatusCompleted, Result: encodeReport(report)}
}

func (r *runs) run(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[RunTaskTree], req.Arguments, "tasks", "inputs")
	if err != nil {
		return Failure(err)
	}
	inputs, ok := args["inputs"].(map[string]any)
	if value, given := args["inputs"]; given && !ok {
		return Failure(executors.Errorf(executors.ValidationError, "inputs must be an object; got %s", strictjson.Kind(value)).WithField("inputs"))
	}
	tree, report, err := r.tree(args)
	if err != nil {
		return Failure(err)
	}
	if err := report.Err(); err != nil {
		if err.Hint == "" {
			err.Hint = "validate_task_tree lists all problems"
		}
		return Failure(err)
	}
	if err := r.refuseExcluded(ctx, tree); err != nil {
		return Failure(err)
	}
	res := r.set.confirmed(ctx, req, func(c *confirmation) *Result {
		opts := chain.RunOptions{
			Inputs: inputs, MaxParallel: integer(args, "max_parallel"), OnFailure: text(args, "on_failure"),
			IdempotencyKey: text(args, "idempotency_key"), Principal: req.Principal,
		}
		if c != nil {
			opts.Approve = func(tree *chain.Tree, inputs map[string]any) error { return c.run(ctx, tree, inputs) }
		}
		run, err := r.set.opts.Runner.Start(ctx, tree, opts)
		if err != nil {
			return Failure(executors.AsError(err))
		}
		return r.follow(ctx, run.ID, seconds(args, "wait_seconds"), req)
	})
	if res.RunID != "" {
		res.Warnings = append(append(res.Warnings, warningTexts(report)...), mistyped(tree, inputs)...)
	}
	return res
}

func (r *runs) retry(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[RetryRun], req.Arguments)
	if err != nil {
		return Failure(err)
	}
	var tasks []string
	list, _ := args["tasks"].([]any)
	for _, each := range list {
		if ref, ok := each.(string); ok {
			tasks = append(tasks, ref)
		}
	}
	return r.set.confirmed(ctx, req, func(c *confirmation) *Result {
		var approve []approval
		if c != nil {
			approve = append(approve, func(tree *chain.Tree, inputs map[string]any, again []int) error {
				return c.again(ctx, tree, inputs, again)
			})
		}
		run, err := r.set.opts.Runner.Retry(ctx, text(args, "run_id"), tasks, req.Principal, approve...)
		if err != nil {
			return Failure(executors.AsError(err))
		}
		return r.follow(ctx, run.ID, seconds(args, "wait_seconds"), req)
	})
}

// approval is what a retry asks before it begins.
type approval = func(tree *chain.Tree, inputs map[string]any, again []int) error

func (r *runs) cancel(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[CancelRun], req.Arguments)
	if err != nil {
		return Failure(err)
	}
	view, cancelErr := r.set.opts.Runner.Cancel(ctx, text(args, "run_id"), text(args, "task"), req.Principal)
	if cancelErr != nil {
		return Failure(executors.AsError(cancelErr))
	}
	return r.told(view)
}

func (r *runs) list(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[ListRuns], req.Arguments)
	if err != nil {
		return Failure(err)
	}
	list, next, listErr := r.set.opts.Runner.List(ctx, chain.ListOptions{
		Status: text(args, "status"), Limit: integer(args, "limit"), Cursor: text(args, "cursor"), Principal: req.Principal,
	})
	if listErr != nil {
		return Failure(executors.AsError(listErr))
	}
	if list == nil {
		list = []chain.RunSummary{}
	}
	raw, encodeErr := encode(struct {
		Runs []chain.RunSummary `json:"runs"`
		Next string             `json:"next_cursor,omitempty"`
	}{list, next})
	if encodeErr != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the list of runs: %w", encodeErr)))
	}
	res := &Result{Status: StatusCompleted, Result: raw}
	if next != "" {
		more := map[string]any{"cursor": next, "limit": integer(args, "limit")}
		if status := text(args, "status"); status != "" {
			more["status"] = status
		}
		res.Next = &Next{Tool: ListRuns, Arguments: more, Why: "older runs"}
	}
	return res
}

// follow waits for a run's end and answers with the run, or with its handle
// where the time is over first. Only so many calls wait at once; further ones
// get the handle without waiting.
func (r *runs) follow(ctx context.Context, id string, wait time.Duration, req *Request) *Result {
	var warnings []string
	if wait > 0 {
		select {
		case r.waiting <- struct{}{}:
			defer func() { <-r.waiting }()
		default:
			wait = 0
			warnings = append(warnings, fmt.Sprintf("%d calls are waiting for runs already, so this one did not wait", cap(r.waiting)))
		}
	}
	view, err := r.wait(ctx, id, wait, req)
	if err != nil {
		res := Failure(executors.AsError(err))
		res.RunID = id
		return res
	}
	res := r.answer(view)
	res.Warnings = append(warnings, res.Warnings...)
	return res
}

// wait reads the run once it has ended, the time is over, or the caller has
// gone. A caller that cancels the call by name cancels the run; one whose
// connection broke does not.
func (r *runs) wait(ctx context.Context, id string, wait time.Duration, req *Request) (*chain.RunView, error) {
	runner := r.set.opts.Runner
	short := chain.ResultsUpTo(MaxResult)
	if wait <= 0 {
		return runner.Run(ctx, id, req.Principal, short)
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		if req.OnProgress != nil {
			_ = runner.Progress(waiting, id, req.Principal, func(counts chain.Counts, message string) {
				req.OnProgress(progressOf(counts, message))
			})
		}
	}()
	view, err := runner.Wait(waiting, id, req.Principal, short)
	if waiting.Err() != nil || view == nil || !view.Status.Ended() {
		stop()
	}
	<-reported
	if CallerFrom(ctx).cancelledByName(ctx) {
		return runner.Cancel(context.WithoutCancel(ctx), id, "", req.Principal)
	}
	return view, err
}

func progressOf(counts chain.Counts, message string) executors.Progress {
	var p executors.Progress
	for state, n := range counts {
		p.Total += float64(n)
		if state.Ended() {
			p.Done += float64(n)
		}
	}
	p.Message = message
	return p
}
