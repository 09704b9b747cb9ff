package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Get implements chain.Engine.
func (r *Engine) Get(ctx context.Context, runID, principal string, opts ...chain.ViewOption) (*chain.RunView, error) {
	o := chain.ViewOptions{MaxResult: math.MaxInt}
	for _, opt := range opts {
		opt(&o)
	}
	row, _, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	list, err := r.transitions(ctx, row, 0, o.MaxResult)
	if err != nil {
		return nil, err
	}
	v := newView(row, list)
	if row.Outcome != nil && v.Tasks[0].Size > o.MaxResult {
		v.Tasks[0].Result, v.Tasks[0].Head = nil, string(v.Tasks[0].Result[:min(o.Heads, v.Tasks[0].Size)])
	}
	if o.Heads > 0 {
		if err := r.addHeads(ctx, v, list, o.Heads); err != nil {
			return nil, readError(runID, err)
		}
	}
	settle(v, r.fate(row))
	if !v.Status.Ended() {
		v.Owner = r.ownerOf(row, here)
	}
	apart(v)
	if warning := r.unattended(row, here); warning != "" {
		v.Warnings = append(v.Warnings, warning)
	}
	return v, nil
}

// addHeads reads the outputs, and the beginnings of results that were left out.
// What comes after the first mostHeads would not be shown anyway.
func (r *Engine) addHeads(ctx context.Context, v *chain.RunView, list []store.Transition, n int) error {
	const mostHeads = 32
	heads := 0
	for i := len(list) - 1; i >= 0 && heads < mostHeads; i-- {
		t := &list[i]
		switch {
		case len(t.Result) > 0 || t.Size == 0 || t.Element > 0:
		case t.Task < 0 && v.Outputs == nil && v.OutputsSize == t.Size:
			raw, err := r.opts.Store.Head(ctx, v.RunID, t.Seq, t.Size)
			if err != nil {
				return err
			}
			readOutputs(v, raw)
		case t.Task >= 0 && v.Tasks[t.Task].Head == "" && v.Tasks[t.Task].Result == nil && v.Tasks[t.Task].Size == t.Size:
			head, err := r.opts.Store.Head(ctx, v.RunID, t.Seq, n)
			if err != nil {
				return err
			}
			v.Tasks[t.Task].Head = string(head)
			heads++
		}
	}
	return nil
}

// row reads the row of a principal's run. here reports whether this process drove
// the run before the row was read, and x is the run unless it is a direct call.
// If the run has ended since, the row says so.
func (r *Engine) row(ctx context.Context, runID, principal string) (row *store.Run, x *run, here bool, err error) {
	row, x, here, err = r.anyRow(ctx, runID)
	if err == nil && row.Principal != principal {
		return nil, nil, here, unknownRun(runID)
	}
	return row, x, here, err
}

// anyRow is row for a run of any principal.
func (r *Engine) anyRow(ctx context.Context, runID string) (row *store.Run, x *run, here bool, err error) {
	r.mu.Lock()
	x = r.live[runID]
	here = x != nil || r.calls[runID] != nil
	r.mu.Unlock()
	if x != nil {
		x.sync()
	}
	row, err = r.opts.Store.Run(ctx, runID)
	if err != nil {
		if row = r.unrecorded(runID); row == nil || !errors.Is(err, store.ErrNotFound) {
			return nil, nil, here, readError(runID, err)
		}
	}
	return row, x, here, nil
}

func readError(runID string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return unknownRun(runID)
	}
	return executors.AsError(fmt.Errorf("reading run %s: %w", runID, err))
}

// fate returns why a run has failed that is in progress by its record: its end
// could not be stored. Nil: it has not failed.
func (r *Engine) fate(row *store.Run) *store.Problem {
	if chain.State(row.Status).Ended() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unsaved[row.ID]
}

// orphan reports whether no process drives a run that has not ended: it was
// released, its owner has not been seen for as long as a lease, or its records
// could not be stored here.
func (r *Engine) orphan(row *store.Run, here bool) bool {
	switch {
	case here || chain.State(row.Status).Ended():
		return false
	case row.Owner == "":
		return !row.Wake.After(time.Now())
	case strings.HasPrefix(row.Owner, store.Elsewhere):
		return false
	}
	return row.Owner == r.opts.Owner || time.Since(row.OwnerSeen).Abs() > r.lease.length
}

// unattended returns a warning about a run that no process drives, or nothing.
func (r *Engine) unattended(row *store.Run, here bool) string {
	if !r.orphan(row, here) || r.fate(row) != nil {
		return ""
	}
	r.mu.Lock()
	var unstored *store.Problem
	waits := r.adopt != nil || r.queue.runs[row.ID] != nil
	if r.adopt != nil {
		unstored = r.adopt.again[row.ID]
	}
	r.mu.Unlock()
	switch {
	case row.Status == string(chain.Queued) && waits:
		return ""
	case row.Status == string(chain.Queued):
		return "no process here begins the queued run; " + goesOn
	case unstored != nil:
		return "the run waits: " + unstored.Message + "; it goes on when they can be"
	case row.Owner == "":
		return "no process drives the run since its program was stopped; " + goesOn
	}
	return fmt.Sprintf("%s drove the run, and was last seen at %s; %s", r.ownerOf(row, here).Process, row.OwnerSeen.UTC().Format(time.RFC3339), goesOn)
}

// goesOn is what becomes of a run that no process drives.
const goesOn = "it goes on by itself in a server that may run it, or here with retry_run"

// waitsHere reports whether it is worth waiting for the end of a run: a process
// drives it, or this one may continue it.
func (r *Engine) waitsHere(row *store.Run, here bool) bool {
	return !r.orphan(row, here) || r.adopts() && r.adopt.may(row) || row.Status == string(chain.Queued) && !r.isClosing()
}

// Wait implements chain.Engine.
func (r *Engine) Wait(ctx context.Context, runID, principal string, opts ...chain.ViewOption) (*chain.RunView, error) {
	read := context.WithoutCancel(ctx)
	for {
		row, _, here, err := r.row(read, runID, principal)
		if err != nil {
			return nil, err
		}
		if _, inside := Inside(ctx); inside && row.Parent != "" { // it is a part of the task that waits
			if err := r.resumePart(ctx, row); err != nil {
				return nil, executors.AsError(err)
			}
		}
		if x := r.liveRun(runID); x != nil {
			select {
			case <-x.done:
			case <-ctx.Done():
			}
			if v, err := r.Get(read, runID, principal, opts...); err != nil || v.Status.Ended() || ctx.Err() != nil || r.isClosing() {
				return v, err
			}
			continue // it waits for an answer without a process
		}
		if r.awaitBegin(ctx, runID) {
			continue
		}
		v, err := r.Get(read, runID, principal, opts...)
		if err != nil || v.Status.Ended() || !r.waitsHere(row, here) || !retry.Sleep(ctx, watchEvery) {
			return v, err
		}
	}
}

// progressEvery is the shortest time between two calls of a Watch function.
const progressEvery = 100 * time.Millisecond

// Watch implements chain.Engine.
func (r *Engine) Watch(ctx context.Context, runID, principal string, fn func(chain.Counts, string)) error {
	row, x, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return err
	}
	seen := ""
	tell := func(c chain.Counts, names []string, note string) {
		message := progressText(c, names, note)
		if message != seen {
			seen = message
			fn(c, message)
		}
	}
	for {
		if x != nil {
			if !watchHere(ctx, x, tell) || r.isClosing() {
				return nil
			}
		} else {
			note := ""
			if row.Status == string(chain.Queued) {
				note = "queued until other runs end"
			}
			tell(countsOf(row.Counts), nil, note)
			if chain.State(row.Status).Ended() || r.fate(row) != nil || !r.waitsHere(row, here) || !r.awaitBegin(ctx, runID) && !retry.Sleep(ctx, watchEvery) {
				return nil
			}
		}
		if row, x, here, err = r.row(ctx, runID, principal); err != nil {
			return err
		}
	}
}

// watchHere tells the progress of a run of this process. It returns true if the
// run was released.
func watchHere(ctx context.Context, x *run, tell func(chain.Counts, []string, string)) bool {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		tell(x.progress.read(x.tree))
		select {
		case <-x.done:
			tell(x.progress.read(x.tree))
			return x.recorder.release
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// progressText returns a run's progress as one line of text.
func progressText(c chain.Counts, names []string, note string) string {
	done, of := c.Done()
	text := fmt.Sprintf("%d of %d tasks done", done, of)
	if n := c[chain.Failed]; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	if n := c[chain.Waiting]; n > 0 {
		text += fmt.Sprintf(", %d waiting for a person's answer", n)
	}
	if len(names) > 0 {
		text += "; running " + shorten.Names(names, max(c[chain.InProgress], len(names)))
		if note != "" {
			text += " (" + note + ")"
		}
	} else if note != "" {
		text += "; " + note
	}
	return text
}

// TaskResult implements chain.Engine.
func (r *Engine) TaskResult(ctx context.Context, runID, taskRef, principal string) (json.RawMessage, *chain.TaskView, error) {
	row, _, _, err := r.row(ctx, runID, principal)
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
	settle(v, r.fate(row))
	return v.Tasks[task].Result, &v.Tasks[task], nil
}

func unknownTask(runID, ref string) *executors.Error {
	return executors.Errorf(executors.NotFound, "run %s has no task %q", runID, ref).WithField("task").WithHint("get_run lists its tasks")
}

// indexIn returns the index of a task by reference, as Tree.Index does: a name of a
// task stands for it, whatever handlers are called.
func indexIn(tasks []store.Task, ref string) (int, bool) {
	var named [2]int // of tasks, of handlers
	var names [2]int
	main := 0
	for i := range tasks {
		of := 1
		if tasks[i].Handler == "" {
			of = 0
			main++
		}
		if tasks[i].ID == ref {
			return i, true
		}
		if tasks[i].Name == ref {
			named[of] = i
			names[of]++
		}
	}
	for of, n := range names {
		if n == 1 {
			return named[of], true
		} else if n > 1 {
			break
		}
	}
	if number, ok := strings.CutPrefix(ref, "task_"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= main && number[0] != '0' && number[0] != '+' {
			return n - 1, true
		}
	}
	return 0, false
}

// Events implements chain.Engine.
func (r *Engine) Events(ctx context.Context, runID, principal string, after int64) ([]chain.Event, error) {
	if events, ok := r.recent(ctx, runID, principal, after); ok {
		return events, nil
	}
	row, _, _, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	list, err := r.transitions(ctx, row, after, 1) // without results
	if err != nil {
		return nil, err
	}
	events := make([]chain.Event, 0, len(list)+2)
	if o := row.Outcome; o != nil {
		begun := store.Transition{Seq: 1, State: string(chain.InProgress), Attempt: 1, At: o.Started}
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
