package tools

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Task is a run as clients with long calls follow it: a call that goes on after
// its reply. Its id is that of the run.
type Task struct {
	ID string
	// Status is StatusInProgress, StatusCompleted or StatusCancelled. A run
	// that failed is completed: its result is an error.
	Status string
	// Message says how far it is, or why it failed.
	Message          string
	Created, Updated time.Time
	// Result is that of the call; nil until the task has ended.
	Result *Result
}

// launcher is work that can go on after the reply.
type launcher interface {
	work
	// launch is run for a caller that can follow a task: if the work takes
	// longer than wait, it returns the id of the run, and no result.
	launch(ctx context.Context, wait time.Duration) (res *Result, id string)
}

// Launch is Start for a caller that can follow a task. If the call takes longer
// than wait, it goes on without ctx, and Launch returns the id of the task, whose
// record is durable. Calls that have no run never become tasks. Call it once,
// instead of Start.
func (p *Pending) Launch(ctx context.Context, wait time.Duration) (res *Result, id string) {
	long, ok := p.work.(launcher)
	if !ok || p.Question != nil && !p.agreed {
		return p.Start(ctx), ""
	}
	defer p.guard(func(failed *Result) { res, id = failed, "" })
	if res, id = long.launch(ctx, wait); res == nil {
		p.set.runs.notes.add(id, p.warning)
		return nil, id
	}
	return p.finish(res), ""
}

func (w *runToStart) launch(ctx context.Context, wait time.Duration) (*Result, string) {
	if w.wait == 0 && wait > 0 {
		return w.run(ctx), "" // the caller asked for the handle
	}
	started, err := w.prepared.Start(ctx)
	if err != nil {
		return Failure(executors.AsError(err)), ""
	}
	view, _, err := w.runs.wait(ctx, started.ID, wait, w.req.unasked())
	switch {
	case err != nil:
		res := Failure(executors.AsError(err))
		res.RunID = started.ID
		return res, ""
	case !view.Status.Ended():
		w.runs.notes.add(started.ID, w.warnings...)
		w.runs.notes.keep(started.ID, &w.want)
		return nil, started.ID
	}
	return w.runs.answer(view, &w.want, w.warnings...), ""
}

// unasked returns the request of a call that goes on as a task: a question would
// end with the reply.
func (r *Request) unasked() *Request {
	own := *r
	own.Ask, own.Rounds = nil, false
	return &own
}

func (d *directCall) launch(ctx context.Context, wait time.Duration) (*Result, string) {
	out := d.prepared.StartWithin(ctx, wait)
	if out.GoesOn {
		return nil, out.RunID
	}
	return d.set.resultOf(&out), ""
}

func (h *hinting) launch(ctx context.Context, wait time.Duration) (*Result, string) {
	if long, ok := h.call.(launcher); ok {
		return long.launch(ctx, wait)
	}
	return h.run(ctx), ""
}

// Task returns a task of the context's caller, with its result if it has ended.
func (s *Set) Task(ctx context.Context, id string) (*Task, *executors.Error) {
	view, err := s.opts.Runner.Get(ctx, id, CallerFrom(ctx).Principal, chain.ResultsUpTo(MaxResult), chain.Heads(headSize))
	if err != nil {
		return nil, executors.AsError(err)
	}
	return s.taskOf(ctx, view)
}

// WaitTask is Task when the task has ended. If the context ends first, it returns
// the task in progress.
func (s *Set) WaitTask(ctx context.Context, id string) (*Task, *executors.Error) {
	view, err := s.opts.Runner.Wait(ctx, id, CallerFrom(ctx).Principal, chain.ResultsUpTo(MaxResult), chain.Heads(headSize))
	if err != nil {
		return nil, executors.AsError(err)
	}
	return s.taskOf(context.WithoutCancel(ctx), view)
}

// CancelTask cancels a task, and returns it when it has stopped.
func (s *Set) CancelTask(ctx context.Context, id string) (*Task, *executors.Error) {
	view, err := s.opts.Runner.Cancel(ctx, id, "", CallerFrom(ctx).Principal)
	if err != nil {
		return nil, executors.AsError(err)
	}
	return s.taskOf(context.WithoutCancel(ctx), view)
}

// WatchTask calls changed when the state of a task of the context's caller, or of
// a task of its tree, has changed, until the task or the context ends. The text
// differs then.
func (s *Set) WatchTask(ctx context.Context, id string, changed func(text string)) *executors.Error {
	err := s.opts.Runner.Watch(ctx, id, CallerFrom(ctx).Principal, func(counts chain.Counts, _ string) { changed(fmt.Sprint(counts)) })
	if err != nil {
		return executors.AsError(err)
	}
	return nil
}

// CheckTask returns an error if the context's caller does not have a run, or if
// the run does not have a task; an empty task is not looked for.
func (s *Set) CheckTask(ctx context.Context, id, task string) *executors.Error {
	_, err := s.taskState(ctx, id, task)
	return err
}

// TaskState returns the state of a task of a run, or of the run; empty if it
// can't be read.
func (s *Set) TaskState(ctx context.Context, id, task string) string {
	state, _ := s.taskState(ctx, id, task)
	return state
}

func (s *Set) taskState(ctx context.Context, id, task string) (string, *executors.Error) {
	if task != "" {
		_, view, err := s.opts.Runner.TaskResult(ctx, id, task, CallerFrom(ctx).Principal)
		if err != nil {
			return "", executors.AsError(err)
		}
		return string(view.Status), nil
	}
	view, err := s.opts.Runner.Get(ctx, id, CallerFrom(ctx).Principal, chain.ResultsUpTo(0))
	if err != nil {
		return "", executors.AsError(err)
	}
	return string(view.Status), nil
}

// tasksPage is the number of tasks in one page of a list.
const tasksPage = 50

// Tasks returns the tasks of the context's caller, the newest first and without
// their results, and the cursor of the next page, which is empty on the last one.
func (s *Set) Tasks(ctx context.Context, cursor string) (list []Task, next string, refused *executors.Error) {
	if cursor != "" && uuid.Validate(cursor) != nil {
		return nil, "", executors.Errorf(executors.ValidationError, "there is no page %q", shorten.Bytes(cursor, 100)).
			WithField("cursor").WithHint("send nextCursor of the page before, or nothing")
	}
	runs, next, err := s.opts.Runner.List(ctx, chain.ListOptions{Limit: tasksPage, Cursor: cursor, Principal: CallerFrom(ctx).Principal})
	if err != nil {
		return nil, "", executors.AsError(err)
	}
	for i := range runs {
		run := &runs[i]
		list = append(list, Task{
			ID: run.RunID, Status: taskStatus(run.Status), Message: taskMessage(run.Name, run.Status, run.Counts),
			Created: run.CreatedAt, Updated: run.CreatedAt.Add(duration(run.DurationMS)),
		})
	}
	return list, next, nil
}

func (s *Set) taskOf(ctx context.Context, view *chain.RunView) (*Task, *executors.Error) {
	task := &Task{
		ID: view.RunID, Status: taskStatus(view.Status), Message: taskMessage(view.Name, view.Status, view.Counts),
		Created: view.CreatedAt, Updated: view.CreatedAt,
	}
	if !view.Status.Ended() {
		for _, each := range view.All() {
			for _, at := range []*time.Time{each.StartedAt, each.CompletedAt} {
				if at != nil && at.After(task.Updated) {
					task.Updated = *at
				}
			}
		}
		return task, nil
	}
	task.Updated = view.CreatedAt.Add(duration(view.DurationMS))
	var err *executors.Error
	if view.Call && len(view.Tasks) == 1 {
		task.Result, err = s.callResult(ctx, view)
	} else {
		task.Result = s.runs.answer(view, s.runs.notes.want(view.RunID))
	}
	if err != nil {
		return nil, err
	}
	task.Result.Warnings = append(task.Result.Warnings, s.runs.notes.of(view.RunID)...)
	if task.Result.Err != nil {
		task.Message = shorten.Bytes(task.Result.Err.Message, 300)
	}
	return task, nil
}

// callResult returns the result of a direct call from its record.
func (s *Set) callResult(ctx context.Context, view *chain.RunView) (*Result, *executors.Error) {
	task := &view.Tasks[0]
	out := chain.CallResult{RunID: view.RunID, Duration: duration(view.DurationMS), Warnings: view.Warnings}
	if task.Attempts > 1 {
		out.Warnings = append([]string{fmt.Sprintf("it took %d attempts", task.Attempts)}, out.Warnings...)
	}
	if out.Result = task.Result; task.Result == nil && task.Size > 0 {
		whole, _, err := s.opts.Runner.TaskResult(ctx, view.RunID, task.ID, CallerFrom(ctx).Principal)
		if err != nil {
			return nil, executors.AsError(err)
		}
		out.Result = whole
	}
	switch {
	case task.Error != "":
		out.Err = &executors.Error{
			Type: task.ErrorType, Code: task.ErrorCode, Message: task.Error, Field: task.Field, Hint: task.Hint,
			Retryable: task.Retryable, RetryAfter: time.Duration(task.RetryAfter * float64(time.Second)),
		}
		if view.Error != "" && out.Err.Hint == "" {
			out.Err.Hint = view.Hint
		}
	default:
		out.Err = s.runs.failureOf(view)
	}
	return s.resultOf(&out), nil
}

func taskStatus(state chain.State) string {
	switch {
	case !state.Ended():
		return StatusInProgress
	case state == chain.Cancelled:
		return StatusCancelled
	}
	return StatusCompleted
}

// taskMessage says how far a run is.
func taskMessage(name string, state chain.State, counts chain.Counts) string {
	if p := progressOf(counts, ""); p.Total > 1 {
		return fmt.Sprintf("%.0f of %.0f tasks done", p.Done, p.Total)
	}
	if name == "" {
		name = "the run"
	}
	return fmt.Sprintf("%s: %s", shorten.Bytes(name, 100), state)
}

func duration(milliseconds float64) time.Duration {
	return time.Duration(milliseconds * float64(time.Millisecond))
}

// maxNotes is the number of tasks whose warnings are kept.
const maxNotes = 1000

// notes are what is not in the record of runs whose calls became tasks: warnings,
// and which results the caller wants. The zero value is usable.
type notes struct {
	mu    sync.Mutex
	byRun map[string]*note
	order []string
}

type note struct {
	warnings []string
	want     *wanted
}

func (n *notes) add(id string, warnings ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, warning := range warnings {
		if warning != "" {
			about := n.about(id)
			about.warnings = append(about.warnings, warning)
		}
	}
}

func (n *notes) keep(id string, want *wanted) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.about(id).want = want
}

// about returns the note of a run, which it adds if there is none. notes.mu is
// held.
func (n *notes) about(id string) *note {
	if n.byRun == nil {
		n.byRun = map[string]*note{}
	}
	if n.byRun[id] == nil {
		n.byRun[id] = &note{}
		if n.order = append(n.order, id); len(n.order) > maxNotes {
			delete(n.byRun, n.order[0])
			n.order = n.order[1:]
		}
	}
	return n.byRun[id]
}

func (n *notes) of(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if about := n.byRun[id]; about != nil {
		return about.warnings
	}
	return nil
}

// want returns what the caller of a run wants to see.
func (n *notes) want(id string) *wanted {
	n.mu.Lock()
	defer n.mu.Unlock()
	if about := n.byRun[id]; about != nil && about.want != nil {
		return about.want
	}
	return &wanted{limit: -1, outputs: true}
}
