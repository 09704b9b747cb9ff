package tools

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
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

// RunTools are the names of the tools that work on runs.
var RunTools = []string{ValidateTaskTree, RunTaskTree, GetRun, ListRuns, CancelRun, RetryRun}

//go:embed definitions/*.yaml
var definitions embed.FS

// runs implements the tools that work on runs.
type runs struct {
	set     *Set
	defs    map[string]*executors.Definition
	waiting chan struct{} // holds one token for each call that waits
	notes   notes
}

// newRuns loads the definitions concurrently, because loading them takes most of
// the time of a start.
func newRuns(set *Set) (*runs, error) {
	r := &runs{set: set, defs: map[string]*executors.Definition{}, waiting: make(chan struct{}, set.opts.MaxWaiting)}
	names := append(slices.Clone(RunTools), DescribeExecutor)
	if set.opts.Discovery {
		names = append(names, FindExecutor, RunExecutor)
	}
	if set.opts.Registry.Policy().ApprovalTool() {
		names = append(names, AnswerRun)
	}
	for name := range r.schedules() {
		names = append(names, name)
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

// tools returns the tools that work on runs. If policy allows only tasks that
// read, running a tree changes nothing but this server's records.
func (r *runs) tools(held bool) []Tool {
	preparers := map[string]preparer{
		ValidateTaskTree: atOnce(r.validate),
		RunTaskTree:      r.prepareRun,
		GetRun:           atOnce(r.get),
		ListRuns:         atOnce(r.list),
		CancelRun:        atOnce(r.cancel),
		RetryRun:         r.prepareRetry,
	}
	if r.defs[AnswerRun] != nil {
		preparers[AnswerRun] = atOnce(r.answerRun)
	}
	maps.Copy(preparers, r.schedules())
	var list []Tool
	for name, prepare := range preparers {
		tool := r.set.tool(r.defs[name], prepare)
		tool.Long = name == RunTaskTree || name == RetryRun
		tool.Draws = tool.Long || name == GetRun
		if held && name != SetSchedule {
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
	tree, report, err := r.tree(args)
	if err != nil {
		return Failure(err)
	}
	return &Result{Status: StatusCompleted, Result: encodeReport(tree, report)}
}

// runToStart is a run, or a retry of one, that was checked.
type runToStart struct {
	runs     *runs
	prepared chain.PreparedRun
	wait     time.Duration
	warnings []string
	want     wanted
	req      *Request
}

func (w *runToStart) run(ctx context.Context) *Result {
	started, err := w.prepared.Start(ctx)
	if err != nil {
		return Failure(executors.AsError(err))
	}
	return w.runs.follow(ctx, started.ID, w.wait, w.req, &w.want, w.warnings...)
}

func (r *runs) prepareRun(ctx context.Context, req *Request) (work, *Question) {
	args, err := resolve(r.defs[RunTaskTree], req.Arguments, "tasks", "inputs")
	if err != nil {
		return refused(err), nil
	}
	inputs, ok := args["inputs"].(map[string]any)
	if value, given := args["inputs"]; given && !ok {
		return refused(executors.Errorf(executors.ValidationError, "inputs must be an object; got %s", strictjson.Kind(value)).WithField("inputs")), nil
	}
	tree, report, err := r.tree(args)
	if err != nil {
		return refused(err), nil
	}
	if err := report.Err(); err != nil {
		if err.Hint == "" {
			err.Hint = "validate_task_tree lists all problems"
		}
		return refused(err), nil
	}
	if err := r.refuseExcluded(ctx, tree); err != nil {
		return refused(err), nil
	}
	want, err := wantedOf(args, tree)
	if err != nil {
		return refused(err), nil
	}
	prepared, prepareErr := r.set.opts.Runner.PrepareRun(tree, chain.RunOptions{
		Inputs: inputs, MaxParallel: integer(args, "max_parallel"), OnFailure: text(args, "on_failure"),
		IdempotencyKey: text(args, "idempotency_key"), Principal: req.Principal, Trace: req.Trace, Labels: req.Labels,
	})
	if prepareErr != nil {
		return refused(executors.AsError(prepareErr)), nil
	}
	return &runToStart{
		runs: r, prepared: prepared, wait: seconds(args, "wait_seconds"), req: req, want: want,
		warnings: append(warningTexts(report), mistyped(tree, inputs)...),
	}, r.question(ctx, prepared, "a task tree")
}

func (r *runs) prepareRetry(ctx context.Context, req *Request) (work, *Question) {
	args, err := resolve(r.defs[RetryRun], req.Arguments)
	if err != nil {
		return refused(err), nil
	}
	var tasks []string
	list, _ := args["tasks"].([]any)
	for _, each := range list {
		if ref, ok := each.(string); ok {
			tasks = append(tasks, ref)
		}
	}
	prepared, prepareErr := r.set.opts.Runner.PrepareRetry(ctx, text(args, "run_id"), tasks, req.Principal)
	if prepareErr != nil {
		return refused(executors.AsError(prepareErr)), nil
	}
	tree, _, _ := prepared.Target()
	if err := r.refuseExcluded(ctx, tree); err != nil {
		return refused(err), nil
	}
	return &runToStart{runs: r, prepared: prepared, wait: seconds(args, "wait_seconds"), req: req, want: wanted{limit: -1, outputs: true}}, r.question(ctx, prepared, "tasks again")
}

// question returns the question that a person must agree to before a run
// starts; nil if the run destroys nothing, or policy does not require it.
func (r *runs) question(ctx context.Context, prepared chain.PreparedRun, about string) *Question {
	if !r.set.Confirms() {
		return nil
	}
	tree, inputs, tasks := prepared.Target()
	return r.set.aboutTasks(ctx, tree, inputs, tasks, about)
}

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
	raw, encodeErr := plainjson.Marshal(struct {
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

// follow waits for a run to end and returns the run. If the time is over first,
// or too many calls are waiting, it returns the run in progress.
func (r *runs) follow(ctx context.Context, id string, wait time.Duration, req *Request, want *wanted, warnings ...string) *Result {
	if wait > 0 {
		select {
		case r.waiting <- struct{}{}:
			defer func() { <-r.waiting }()
		default:
			wait = 0
			warnings = append(warnings, fmt.Sprintf("%d calls are already waiting for runs, so this one did not wait", cap(r.waiting)))
		}
	}
	view, asked, err := r.wait(ctx, id, wait, req)
	if err != nil {
		res := Failure(executors.AsError(err))
		res.RunID = id
		return res
	}
	res := r.answer(view, want, warnings...)
	res.Asked = asked
	return res
}

// wait reads the run when it ends, the time is over, or the context ends. A
// cancel request for the call cancels the run; a lost connection does not. What
// tasks ask, the person behind the caller is asked meanwhile; a caller that is
// asked in rounds gets the first question at once.
func (r *runs) wait(ctx context.Context, id string, wait time.Duration, req *Request) (*chain.RunView, *Asked, error) {
	runner := r.set.opts.Runner
	short := []chain.ViewOption{chain.ResultsUpTo(MaxResult), chain.Heads(headSize)}
	if wait <= 0 {
		view, err := runner.Get(ctx, id, req.Principal, short...)
		return view, nil, err
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		if req.OnProgress != nil {
			_ = runner.Watch(waiting, id, req.Principal, func(counts chain.Counts, message string) {
				req.OnProgress(progressOf(counts, message))
			})
		}
	}()
	var asked *Asked
	asks := make(chan struct{})
	asking, enough := context.WithCancel(waiting)
	go func() {
		defer close(asks)
		if req.Ask == nil && !req.Rounds {
			return
		}
		if asked = r.askPerson(asking, id, req); asked != nil {
			stop()
		}
	}()
	view, err := runner.Wait(waiting, id, req.Principal, short...)
	enough()
	<-asks
	if waiting.Err() != nil || view == nil || !view.Status.Ended() {
		stop()
	}
	<-reported
	if CallerFrom(ctx).cancelledByName(ctx) {
		view, err := runner.Cancel(context.WithoutCancel(ctx), id, "", req.Principal)
		return view, nil, err
	}
	if view != nil && view.Status.Ended() {
		asked = nil
	}
	return view, asked, err
}

func progressOf(counts chain.Counts, message string) executors.Progress {
	done, of := counts.Done()
	return executors.Progress{Done: float64(done), Total: float64(of), Message: message}
}
