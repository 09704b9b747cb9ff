package engine

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// Cancel implements chain.Engine. A run that another process drives is cancelled
// through the store.
func (r *Engine) Cancel(ctx context.Context, runID, taskRef, principal string) (*chain.RunView, error) {
	row, x, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	task := -1
	if taskRef != "" {
		var ok bool
		if task, ok = indexIn(row.Tasks, taskRef); !ok {
			return nil, unknownTask(runID, taskRef)
		}
	}
	var warning string
	switch {
	case x != nil:
		var asked bool
		if warning, asked = r.cancelHere(ctx, x, task); !asked {
			// Its end is stored before it is removed here, so another process
			// may have retried it since.
			<-x.done
			return r.Cancel(ctx, runID, taskRef, principal)
		}
	case r.cancelCall(runID):
		warning = r.awaitEnd(ctx, runID, principal, func(*chain.RunView) bool { return !r.calling(runID) })
	case here || chain.State(row.Status).Ended():
		warning = "the run had ended before"
	case task < 0 && (row.Owner == "" || r.fate(row) != nil || r.orphan(row, false)):
		var left *abandoned
		if left, err = r.restore(ctx, row); err == nil {
			err = r.takeOver(ctx, left, func(x *run) {
				left.recordLost(x)
				x.halt(errCancelled)
			})
		}
		if err == nil {
			r.unqueue(runID)
			warning = r.awaitEnd(ctx, runID, principal, func(v *chain.RunView) bool { return v.Status.Ended() })
		}
	default:
		if err = r.opts.Store.RequestCancel(ctx, store.Cancel{RunID: runID, Task: task}); err == nil && row.Owner == "" {
			err = r.opts.Store.Wake(ctx, runID)
		}
		if err == nil {
			warning = r.awaitEnd(ctx, runID, principal, func(v *chain.RunView) bool { return v.Status.Ended() || task >= 0 && v.At(task).Status.Ended() })
		}
	}
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("cancelling run %s: %w", runID, err))
	}
	v, err := r.Get(context.WithoutCancel(ctx), runID, principal)
	if err == nil && warning != "" {
		v.Warnings = append(v.Warnings, warning)
	}
	return v, err
}

// cancelHere cancels a run of this process and waits for it. asked is false if the
// run is over.
func (r *Engine) cancelHere(ctx context.Context, x *run, task int) (warning string, asked bool) {
	w := &waiter{done: make(chan struct{})}
	asked = x.inbox.post(func() {
		if w.tasks = x.cancel(task); task >= 0 || x.tree.Handlers > 0 {
			x.waiters = append(x.waiters, w)
		} // else the end of the run is waited for
	})
	if !asked {
		return "", false
	}
	select {
	case <-w.done:
		if task < 0 && len(w.unstopped) == 0 && !r.awaitHandlers(ctx, x) {
			return HandlersGoOn, true
		}
	case <-x.done:
		w.unstopped = x.unstopped
	case <-ctx.Done():
		return "the cancelled tasks were asked to stop; the call ended before they did", true
	}
	if len(w.unstopped) > 0 {
		return unstopped(w.unstopped, r.opts.Grace), true
	}
	return "", true
}

// awaitEnd waits until a run that another process drives, or a call, has ended, for
// as long as cancelling may take.
func (r *Engine) awaitEnd(ctx context.Context, runID, principal string, ended func(*chain.RunView) bool) (warning string) {
	limit, cancel := context.WithTimeout(ctx, r.opts.Grace+2*watchEvery)
	defer cancel()
	for {
		v, err := r.Get(context.WithoutCancel(ctx), runID, principal, chain.ResultsUpTo(0))
		if err == nil && ended(v) {
			return ""
		}
		if !retry.Sleep(limit, progressEvery) {
			if err == nil && v.Outcome == chain.Cancelled {
				return HandlersGoOn
			}
			return fmt.Sprintf("asked to stop, but still running after %s", r.opts.Grace)
		}
	}
}

func (r *Engine) calling(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[id] != nil
}

// cancelCall cancels a direct call. It returns false if this process does not make
// the call.
func (r *Engine) cancelCall(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.calls[id]
	if ok {
		c.stop(errCancelled)
	}
	return ok
}
