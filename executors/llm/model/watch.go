package model

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Stalled is the cause of a context that a Watch ended.
type Stalled struct {
	// First says that nothing had come at all.
	First bool
	After time.Duration
}

// Error says what was waited for.
func (s *Stalled) Error() string {
	if s.First {
		return fmt.Sprintf("the model did not begin to answer within %s", s.After)
	}
	return fmt.Sprintf("the model stopped in the middle of its answer for %s", s.After)
}

// Watch ends a stream that says nothing for too long: until the first token,
// and between two.
type Watch struct {
	timer  *time.Timer
	idle   time.Duration
	cancel context.CancelCauseFunc
	first  atomic.Bool
}

// NewWatch starts waiting for the first token. The context that it returns
// ends with a *Stalled as its cause. Stop it.
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

// Beat says that something came.
func (w *Watch) Beat() {
	w.first.Store(false)
	w.timer.Reset(w.idle)
}

// Stop ends the watch and frees its context.
func (w *Watch) Stop() {
	w.timer.Stop()
	w.cancel(nil)
}
