package engine

import (
	"context"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

const (
	// stopWithin is the time that running work has to stop when the engine is
	// closed. Programs that still run are killed then.
	stopWithin = time.Second
	// giveUpAfter is the time between that and the end of the runs and calls
	// that have not stopped, and lastWrites the time for storing those ends.
	giveUpAfter = 200 * time.Millisecond
	lastWrites  = 300 * time.Millisecond
)

// closing is the cause with which the contexts of calls end when the engine is
// closed. It is an errInterrupted.
type closing struct{ killAt time.Time }

func (closing) Error() string { return errInterrupted.Error() }

// Is makes errors.Is find errInterrupted.
func (closing) Is(target error) bool { return target == errInterrupted }

// KillAt returns when programs that have not stopped are killed.
func (c closing) KillAt() time.Time { return c.killAt }

// patience returns how long work that is stopped for a cause may take to stop.
func (r *Engine) patience(cause error) time.Duration {
	if errors.Is(cause, errInterrupted) {
		return stopWithin
	}
	return r.opts.Grace
}

// Close interrupts runs and calls. They have a second to stop, or until the
// deadline of ctx if that is earlier; then it ends them without their executors.
// When it returns, all records that could be stored are.
func (r *Engine) Close(ctx context.Context) error {
	begun := time.Now()
	end := closing{killAt: begun.Add(stopWithin)}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end.killAt) {
		end.killAt = deadline
	}
	left := func(after time.Duration) <-chan time.Time { return time.After(time.Until(end.killAt.Add(after))) }
	idle := r.interrupt(end)
	select {
	case <-idle:
	case <-left(giveUpAfter):
		r.giveUpAll(end)
		select {
		case <-idle:
		case <-left(giveUpAfter + lastWrites):
		}
	}
	r.mu.Lock()
	r.endWatch()
	r.mu.Unlock()
	r.stopReaping()
	r.watched.Wait()
	r.logs.end()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Grace)
	defer cancel()
	return r.opts.Store.Flush(flush)
}

// interrupt lets nothing more start, and stops all runs and calls. It returns a
// channel that is closed when none is left.
func (r *Engine) interrupt(cause closing) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	if r.adopting != nil {
		r.adopting()
	}
	idle := make(chan struct{})
	r.idle = idle
	r.checkIdle()
	for _, x := range r.live {
		x.inbox.post(func() { x.interrupt(cause) })
	}
	for _, c := range r.calls {
		c.stop(cause)
	}
	for id := range r.queue.runs { // they stay queued in the store
		r.queue.remove(id)
	}
	return idle
}

// isClosing reports whether nothing more starts here.
func (r *Engine) isClosing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing
}

// giveUpAll ends the runs and calls that have not stopped.
func (r *Engine) giveUpAll(cause closing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		x.inbox.post(func() {
			for _, w := range x.pool.workers {
				if w.busy && !w.lost {
					x.abandon(w, cause)
				}
			}
		})
	}
	for _, c := range r.calls {
		r.watched.Go(c.giveUp)
	}
}

// interrupt stops the run because the engine is closed: nothing more starts, and
// what is in flight is told to stop. Tasks that have not started stay pending,
// and so do those that may be repeated. The run is then left to other processes
// if this one would do the same for theirs; else it ends as interrupted, and a
// retry continues it.
func (x *run) interrupt(cause closing) {
	if x.recorder.final > 0 || x.ending || x.halted == errStore || x.closing {
		return
	}
	if x.halted == nil || x.halted == errStopped {
		x.halted = errInterrupted
	}
	x.closing = true
	for _, w := range x.pool.workers {
		if w.busy && !w.lost {
			w.cancel(cause)
		}
	}
}

// endWith stops a run that was started from inside a task when the task is told
// to stop.
func (x *run) endWith(cause error) {
	var c closing
	if errors.As(cause, &c) {
		x.interrupt(c)
		return
	}
	if errors.Is(cause, step.ErrLeft) { // the run of the task goes on later, and so does this one
		x.interrupt(closing{killAt: time.Now().Add(stopWithin)})
		return
	}
	x.halt(errCancelled)
}

// setBack ends a unit that was interrupted. Its task goes back to pending if
// repeating the call is safe; else it has failed.
func (x *run) setBack(r *report) {
	task := r.unit.task
	at := &x.tasks[task]
	switch each := at.each; {
	case r.unit.check: // it has not started
	case r.unit.element >= 0:
		if each.setBack = true; r.repeatable {
			each.inFlight--
			return
		}
		x.elementEnded(each, r)
		each.halt(chain.Failed, stopError(errInterrupted))
	case r.repeatable:
		x.setPending(task)
	default:
		x.end(task, r.state, r.out, r.attempts, r.at, nil)
	}
}

// setPending records that a task in progress is pending again.
func (x *run) setPending(task int) {
	x.record(store.Transition{Task: task, State: string(chain.Pending), Attempt: x.tasks[task].attempts})
}

// endInterrupted ends a run that was interrupted, once nothing is in flight. A
// for_each with elements left continues in a retry, unless an element was
// interrupted that can't be repeated.
func (x *run) endInterrupted() {
	for len(x.backlog.expansions) > 0 {
		e := x.backlog.expansions[0]
		if e.stop != nil || !e.setBack && e.next == len(e.elements) {
			x.endExpansion(e)
			continue
		}
		x.backlog.remove(e)
		x.setPending(e.task)
	}
	switch {
	case len(x.ends) > 0: // the plan is told of them first
	case (x.halted == errInterrupted || x.plan.Handling()) && x.engine.adopts():
		x.recorder.leave(time.Time{}, x.now) // what waits goes on waiting
	default:
		x.unask()
		x.recordEnd(nil)
	}
}

func errClosing() *executors.Error {
	return executors.Errorf(executors.Interrupted, "the program is being stopped; nothing new is started").Retry(0)
}
