package model

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Stalled is the cause of a context that a Watch cancelled.
type Stalled struct {
	// First says that nothing was received.
	First bool
	After time.Duration
}

// Error returns what did not arrive in time.
func (s *Stalled) Error() string {
	if s.First {
		return fmt.Sprintf("the model sent nothing within %s", s.After)
	}
	return fmt.Sprintf("the model sent nothing more for %s", s.After)
}

// Watch cancels a stream that is silent for too long, before the first token or
// between two.
type Watch struct {
	timer  *time.Timer
	idle   time.Duration
	cancel context.CancelCauseFunc
	first  atomic.Bool
}

// NewWatch starts to wait for the first token. It cancels the returned context
// with a *Stalled as its cause. Call Stop when the stream has ended.
func NewWatch(ctx context.Context, first, idle time.Duration) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{idle: idle, cancel: cancel}
	w.first.Store(true)
	w.timer = time.AfterFunc(first, func() {
		stalled := &Stalled{First: w.first.Load(), After: idle}
		if stalled.First {
			stalled.After = first
		}
		cancel(stalled)
	})
	return ctx, w
}

// Beat reports that something was received.
func (w *Watch) Beat() {
	w.first.Store(false)
	w.timer.Reset(w.idle)
}

// Stop ends the watch and releases its context.
func (w *Watch) Stop() {
	w.timer.Stop()
	w.cancel(nil)
}
