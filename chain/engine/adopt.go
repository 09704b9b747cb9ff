package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// adoptFirst is when the engine first looks for runs that no process drives,
	// and adoptEvery how often, give or take a fifth.
	adoptFirst = time.Second
	adoptEvery = 1500 * time.Millisecond
	// adoptAtOnce is the largest number of runs that are adopted at once.
	adoptAtOnce = 100
	// maxCrashes is how often in a row a run loses its process, without progress,
	// before it is ended.
	maxCrashes = 3
)

// adoption is what the engine knows of runs that it may continue.
type adoption struct {
	may func(*store.Run) bool
	// again are runs of this process whose records could not be stored, and
	// why. Guarded by Engine.mu.
	again map[string]*store.Problem
	// refused is when runs were first found that can't go on here.
	refused map[string]time.Time
	scanned time.Time
	look    chan struct{} // asks for a scan at once
}

// Adopt has the engine continue runs that no process drives, if may says so: now
// and until Close. A run that loses its process is in good hands then, so Close
// leaves runs to others that have not ended. It is called at most once.
func (r *Engine) Adopt(may func(*store.Run) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing || r.adopt != nil {
		return
	}
	r.adopt = &adoption{may: may, again: map[string]*store.Problem{}, refused: map[string]time.Time{}, look: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	r.adopting = stop
	r.watched.Go(func() { r.adoptRuns(ctx) })
	r.watched.Go(func() { r.opts.Registry.ReapAll(r.reaping) })
}

// adopts reports whether this process continues runs of others.
func (r *Engine) adopts() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.adopt != nil
}

// adoptRuns looks for runs that no process drives until ctx ends.
func (r *Engine) adoptRuns(ctx context.Context) {
	every := min(adoptEvery, r.lease.length/8)
	timer := time.NewTimer(min(adoptFirst, every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.adopt.look:
		}
		if r.adopt.awake(time.Now(), every) {
			r.adoptFree(ctx)
			r.adoptQueued(ctx)
		}
		timer.Reset(every*4/5 + rand.N(every*2/5+1))
	}
}

// awake reports whether the process was awake since the last scan. If it was not,
// or if the clock was set, the heartbeats of others look old, though they may
// have slept too: they get the time of one scan to store another.
func (a *adoption) awake(now time.Time, every time.Duration) bool {
	last := a.scanned
	a.scanned = now
	return last.IsZero() || now.Round(0).Sub(last.Round(0)) < now.Sub(last)+every && now.Sub(last) < 10*every+time.Second
}

// adoptFree continues runs that no process drives.
func (r *Engine) adoptFree(ctx context.Context) {
	ids, err := r.opts.Store.Free(ctx, time.Now().Add(-r.lease.length), adoptAtOnce)
	if err != nil {
		if ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("could not look for runs that no process drives")
		}
		return
	}
	r.mu.Lock()
	for id := range r.adopt.again {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	maps.DeleteFunc(r.adopt.refused, func(id string, _ time.Time) bool { return !slices.Contains(ids, id) }) // others took them
	for _, id := range ids {
		if ctx.Err() != nil || !r.canAdopt() {
			return
		}
		err := r.adoptRun(ctx, id)
		switch {
		case errors.Is(err, store.ErrLost), errors.Is(err, store.ErrNotFound):
			r.mu.Lock()
			delete(r.adopt.again, id)
			r.mu.Unlock()
		case err != nil && ctx.Err() == nil:
			r.opts.Log.Warn().Err(err).Str("run_id", id).Msg("a run that no process drives could not be continued; it is tried again")
		}
	}
}

// adoptRun continues a run, or ends it if it can't go on here.
func (r *Engine) adoptRun(ctx context.Context, id string) error {
	row, err := r.opts.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	if chain.State(row.Status).Ended() {
		return store.ErrLost
	}
	if here := r.liveRun(id) != nil || r.calling(id); here || !r.adopt.may(row) || !r.free(row) {
		return nil
	}
	left, err := r.resumable(ctx, row)
	var refusal *executors.Error
	switch {
	case err == nil:
		return r.resume(ctx, left)
	case !errors.As(err, &refusal):
		return err
	}
	// Another process may be allowed to run it.
	first, known := r.adopt.refused[id]
	if !known {
		first = time.Now()
		r.adopt.refused[id] = first
	}
	if row.Parent == "" && time.Since(first) < r.lease.length {
		return nil
	}
	delete(r.adopt.refused, id)
	if left == nil {
		left = &abandoned{row: row, tree: &chain.Tree{Name: row.Name}}
	}
	return r.endWith(ctx, left, refusal)
}

// free reports whether a run may be claimed. The store has decided for one without
// an owner: it may wait, and have an answer.
func (r *Engine) free(row *store.Run) bool {
	return row.Owner == "" && !chain.State(row.Status).Ended() || r.orphan(row, false)
}

// resumable reads a run to continue it. An *executors.Error says why it must not
// go on here; then the run is returned too, if it could be read.
func (r *Engine) resumable(ctx context.Context, row *store.Run) (*abandoned, error) {
	left, err := r.restore(ctx, row)
	if err != nil {
		var refusal *executors.Error
		if errors.As(err, &refusal) {
			return nil, cannotGoOn(refusal)
		}
		return nil, err
	}
	switch {
	case row.Owner == "": // it was left, not lost
	case left.progressed():
		left.crashes = 1
	case row.Owner == r.opts.Owner: // nothing crashed: this process could not store the run's records
		left.crashes = row.Crashes
	default:
		left.crashes = row.Crashes + 1
	}
	switch problem := step.Allowed(r.opts.Registry, left.tree); {
	case left.crashes >= maxCrashes:
		return left, executors.Errorf(executors.ExecutionError, "the program that ran it ended %d times in a row without finishing a task; in progress: %s", left.crashes, left.inProgress()).
			WithHint("find out what ends the program, then continue the run with retry_run")
	case row.Parent != "":
		return left, executors.Errorf(executors.Interrupted, "the run that it is a part of has ended")
	case problem != nil:
		return left, cannotGoOn(problem)
	}
	return left, nil
}

// cannotGoOn returns the error of a run that this process must not continue.
func cannotGoOn(cause *executors.Error) *executors.Error {
	err := executors.Errorf(executors.Interrupted, "the program that ran it ended, and the run can't go on under this program's settings: %s", cause.Message)
	err.Field = cause.Field
	hint := hintRetry
	if cause.Hint != "" {
		hint = cause.Hint + "; then " + hint
	}
	return err.WithHint(hint)
}

// progressed reports whether a task or an element has ended since the run was
// taken over last.
func (a *abandoned) progressed() bool {
	for _, t := range slices.Backward(a.transitions) {
		switch {
		case t.Task < 0 && t.Skip == nil:
			return false
		case chain.State(t.State).Ended():
			return true
		}
	}
	return false
}

// inProgress names the tasks that were in progress.
func (a *abandoned) inProgress() string {
	var names []string
	for i, state := range a.before {
		if state == chain.InProgress {
			names = append(names, a.row.Tasks[i].ID)
		}
	}
	if len(names) == 0 {
		return "not on record"
	}
	return shorten.Names(names, len(names))
}

// resume continues a run as it is. Tasks and elements that ended don't run again.
// Those in progress do if repeating them is safe, or if their next attempt was
// still to come.
func (r *Engine) resume(ctx context.Context, left *abandoned) error {
	left.resume(time.Now())
	err := r.takeOver(ctx, left, left.setBack)
	if err == nil && left.row.Status != string(chain.Queued) {
		r.opts.Log.Info().Str("run_id", left.row.ID).Str("before", left.row.Owner).Msg("continuing a run that no process drove")
		r.opts.Telemetry.RunAdopted()
	}
	return err
}

// resume decides how the tasks continue.
func (a *abandoned) resume(now time.Time) {
	for i, state := range a.before {
		if state == chain.InProgress {
			a.states[i] = chain.Pending
		}
	}
	a.resumed = now
}

// setBack records that tasks in progress are pending again.
func (a *abandoned) setBack(x *run) {
	for i, was := range a.before {
		if was == chain.InProgress {
			x.setPending(i)
		}
	}
}

// endWith ends a run without running anything.
func (r *Engine) endWith(ctx context.Context, left *abandoned, why *executors.Error) error {
	r.opts.Log.Warn().Str("run_id", left.row.ID).Str("why", why.Message).Msg("a run that no process drives can't be continued; it is ended")
	return r.takeOver(ctx, left, func(x *run) {
		left.recordLost(x)
		if x.skipHandlers = x.earlier != nil; !x.skipHandlers { // else its tasks have ended, and the outcome stays
			x.closing, x.refused = true, problemOf(why)
		}
	})
}

// ownerOf returns who drives a run. here means that this process does.
func (r *Engine) ownerOf(row *store.Run, here bool) *chain.Owner {
	if row.Owner == "" || chain.State(row.Status).Ended() {
		return nil
	}
	o := &chain.Owner{Since: row.OwnerSince.UTC(), Seen: row.OwnerSeen.UTC(), Gone: r.orphan(row, here)}
	engine, elsewhere := strings.CutPrefix(row.Owner, store.Elsewhere)
	switch {
	case elsewhere:
		o.Process, o.Seen = engine, o.Since
	case row.OwnerPID == 0:
		o.Process = "an unknown process"
	default:
		o.Process = strings.TrimSpace(fmt.Sprintf("process %d on %s", row.OwnerPID, row.OwnerHost))
	}
	return o
}
