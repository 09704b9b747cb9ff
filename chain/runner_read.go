package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// ViewOption narrows what a view contains.
type ViewOption func(*viewOptions)

type viewOptions struct{ maxResult int }

// ResultsUpTo leaves out the results that are longer than n bytes.
func ResultsUpTo(n int) ViewOption { return func(o *viewOptions) { o.maxResult = n } }

// Run reads a run. Its error is an *executors.Error, as are those of all
// that reads runs.
func (r *Runner) Run(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error) {
	o := viewOptions{maxResult: math.MaxInt}
	for _, opt := range opts {
		opt(&o)
	}
	row, _, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	list, err := r.opts.Store.Transitions(ctx, runID, 0, o.maxResult)
	if err != nil {
		return nil, readError(runID, err)
	}
	v := newView(row, list)
	if row.Outcome != nil && v.Tasks[0].Size > o.maxResult {
		v.Tasks[0].Result = nil
	}
	v.settle(r.fate(row, here))
	return v, nil
}

// row reads a run's row for a principal. here says that the run was in the
// hands of this process just before, and x is it if it is not a call: a run
// that has ended meanwhile is one whose row says so.
func (r *Runner) row(ctx context.Context, runID, principal string) (row *store.Run, x *run, here bool, err error) {
	r.mu.Lock()
	x = r.live[runID]
	here = x != nil || r.calls[runID] != nil
	r.mu.Unlock()
	if x != nil {
		x.sync()
	}
	row, err = r.opts.Store.Run(ctx, runID)
	if err != nil {
		return nil, nil, here, readError(runID, err)
	}
	if row.Principal != principal {
		return nil, nil, here, unknownRun(runID)
	}
	return row, x, here, nil
}

func readError(runID string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return unknownRun(runID)
	}
	return executors.AsError(fmt.Errorf("reading run %s: %w", runID, err))
}

// fate says what to make of a run that its record says is in progress: its
// owner may be gone, or may not have been able to store the end.
func (r *Runner) fate(row *store.Run, here bool) *store.Problem {
	r.mu.Lock()
	unsaved := r.unsaved[row.ID]
	r.mu.Unlock()
	switch {
	case unsaved != nil:
		return unsaved
	case here || State(row.Status).Ended():
		return nil
	case row.Owner == r.opts.Owner || time.Since(row.OwnerSeen) > r.dead:
		p := problemOf(executors.Errorf(executors.Interrupted, "the program that ran it has ended without finishing it").WithHint(hintRetry))
		return p
	}
	return nil
}

// Wait waits until a run has ended or the context has, then reads the run.
// The end of the context is no error: the view says how far the run is.
func (r *Runner) Wait(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error) {
	read := context.WithoutCancel(ctx)
	if _, _, _, err := r.row(read, runID, principal); err != nil {
		return nil, err
	}
	for {
		if x := r.liveRun(runID); x != nil {
			select {
			case <-x.done:
			case <-ctx.Done():
			}
			return r.Run(read, runID, principal, opts...)
		}
		v, err := r.Run(read, runID, principal, opts...)
		if err != nil || v.Status.Ended() || !retry.Sleep(ctx, watchEvery) {
			return v, err
		}
	}
}

// progressEvery is how often a reader is told of changes, at most.
const progressEvery = 100 * time.Millisecond

// Progress calls fn with the run's counts and a short message when they have
// changed, at most ten times a second, until the run has ended or the
// context has. It only looks; the run does not notice.
func (r *Runner) Progress(ctx context.Context, runID, principal string, fn func(Counts, string)) error {
	row, x, _, err := r.row(ctx, runID, principal)
	if err != nil {
		return err
	}
	seen := ""
	tell := func(c Counts, names []string, note string) {
		message := progressText(c, names, note)
		if message != seen {
			seen = message
			fn(c, message)
		}
	}
	for x == nil {
		tell(countsOf(row.Counts), nil, "")
		if State(row.Status).Ended() || r.fate(row, false) != nil || !retry.Sleep(ctx, watchEvery) {
			return nil
		}
		if row, err = r.opts.Store.Run(ctx, runID); err != nil {
			return readError(runID, err)
		}
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		tell(x.progress())
		select {
		case <-x.done:
			tell(x.progress())
			return nil
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// progress is what readers see of a live run: the counts, the first tasks in
// progress, and what a task last said of itself.
func (x *run) progress() (c Counts, names []string, note string) {
	c = Counts{}
	for i, s := range states {
		if n := x.counts[i].Load(); n > 0 {
			c[s] = int(n)
		}
	}
	for i := 0; i < len(x.shown) && len(names) < 3 && c[InProgress] > 0; i++ {
		if states[x.shown[i].Load()] == InProgress {
			names = append(names, x.tree.Tasks[i].Name)
		}
	}
	if said := x.note.Load(); said != nil {
		note = *said
	}
	return c, names, note
}

// progressText is a run's progress in words.
func progressText(c Counts, names []string, note string) string {
	total, done := 0, 0
	for s, n := range c {
		total += n
		if s.Ended() {
			done += n
		}
	}
	text := fmt.Sprintf("%d of %d tasks done", done, total)
	if n := c[Failed]; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	if len(names) > 0 {
		text += "; running " + strings.Join(names, ", ")
		if more := c[InProgress] - len(names); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		if note != "" {
			text += " (" + note + ")"
		}
	}
	return text
}

// TaskResult reads a task and its whole result (nil where it has none).
func (r *Runner) TaskResult(ctx context.Context, runID, taskRef, principal string) (json.RawMessage, *TaskView, error) {
	row, _, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, nil, err
	}
	task, ok := indexIn(row.Tasks, taskRef)
	if !ok {
		return nil, nil, unknownTask(runID, taskRef)
	}
	last, err := r.opts.Store.Last(ctx, runID, task)
	if err != nil {
		return nil, nil, readError(runID, err)
	}
	var list []store.Transition
	if last != nil {
		list = append(list, *last)
	}
	v := newView(row, list)
	v.settle(r.fate(row, here))
	return v.Tasks[task].Result, &v.Tasks[task], nil
}

func unknownTask(runID, ref string) *executors.Error {
	return executors.Errorf(executors.NotFound, "run %s has no task %q", runID, ref).WithField("task").WithHint("get_run lists its tasks")
}

// indexIn finds a task as Tree.Index does: by its id, its name where that is
// unique, or its position.
func indexIn(tasks []store.Task, ref string) (int, bool) {
	named, names := 0, 0
	for i := range tasks {
		if tasks[i].ID == ref {
			return i, true
		}
		if tasks[i].Name == ref {
			named = i
			names++
		}
	}
	if names == 1 {
		return named, true
	}
	if number, ok := strings.CutPrefix(ref, "task_"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(tasks) && number[0] != '0' && number[0] != '+' {
			return n - 1, true
		}
	}
	return 0, false
}

// Events reads the changes of state of a run after the given number.
func (r *Runner) Events(ctx context.Context, runID, principal string, after int64) ([]Event, error) {
	row, _, _, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	list, err := r.opts.Store.Transitions(ctx, runID, after, 0)
	if err != nil {
		return nil, readError(runID, err)
	}
	events := make([]Event, 0, len(list)+2)
	if o := row.Outcome; o != nil {
		begun := store.Transition{Seq: 1, State: string(InProgress), Attempt: 1, At: o.Started}
		end := *o
		end.Seq = 2
		for _, t := range []store.Transition{begun, end} {
			if t.Seq > after {
				events = append(events, eventOf(row, &t))
			}
		}
	}
	for i := range list {
		events = append(events, eventOf(row, &list[i]))
	}
	return events, nil
}

// ListOptions select runs. Status is one of the states, or empty for all.
type ListOptions struct {
	Status    string
	Limit     int // 20 where zero, at most 200
	Cursor    string
	Principal string
}

// List reads the caller's runs, the newest first, and the cursor of the next
// page ("": there is none).
func (r *Runner) List(ctx context.Context, opts ListOptions) ([]RunSummary, string, error) {
	limit := min(opts.Limit, 200)
	if limit <= 0 {
		limit = 20
	}
	rows, err := r.opts.Store.List(ctx, store.Query{Principal: opts.Principal, Status: opts.Status, Limit: limit + 1, Before: opts.Cursor})
	if err != nil {
		return nil, "", executors.AsError(fmt.Errorf("listing runs: %w", err))
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	list := make([]RunSummary, len(rows))
	for i := range rows {
		row := &rows[i]
		here := r.liveRun(row.ID) != nil
		if !here && row.Owner == r.opts.Owner && !State(row.Status).Ended() {
			// It was live when the list was read, or it is a call.
			if fresh, _, still, err := r.row(ctx, row.ID, opts.Principal); err == nil {
				row, here = fresh, still
			}
		}
		list[i] = RunSummary{RunID: row.ID, Name: row.Name, Kind: row.Kind, Status: State(row.Status), Counts: countsOf(row.Counts),
			CreatedAt: row.CreatedAt, DurationMS: millis(row.CreatedAt, row.CompletedAt)}
		if r.fate(row, here) != nil {
			list[i].Status = Failed
		}
	}
	return list, next, nil
}
