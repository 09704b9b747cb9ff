package engine

import (
	"context"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// StartWithin implements chain.PreparedCall.
func (p *preparedCall) StartWithin(ctx context.Context, wait time.Duration) chain.CallResult {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	results, begun := make(chan chain.CallResult, 2), make(chan *call, 1)
	apart := *p
	apart.opts.GivenUp = func(r chain.CallResult) { results <- r }
	go func() {
		defer cancel(nil)
		results <- apart.start(own, func(c *call) { begun <- c })
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-results:
		release()
		return r
	case <-timer.C:
	}
	select {
	case r := <-results: // it has ended, or it was refused
		release()
		return r
	case c := <-begun:
		if !c.keep(ctx) {
			r := <-results
			release()
			return r
		}
		release()
		return chain.CallResult{RunID: c.id, GoesOn: true, Duration: time.Since(c.started)}
	}
}

// keep makes the record of the call durable while the call goes on. It returns
// false if the call has ended, or can't be recorded.
func (c *call) keep(ctx context.Context) bool {
	c.record.Lock()
	defer c.record.Unlock()
	if c.ended.Load() {
		return false
	}
	if err := c.create(ctx); err != nil {
		c.engine.opts.Log.Warn().Err(err).Str("run_id", c.id).Msg("a call in progress could not be recorded")
		return false
	}
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.ahead = true
	return true
}

// store writes the record of the call.
func (c *call) store(ctx context.Context) error {
	c.record.Lock()
	defer c.record.Unlock()
	return c.create(ctx)
}

// create writes the record unless it is written. The lock of the record is held.
func (c *call) create(ctx context.Context) error {
	if c.stored {
		return nil
	}
	c.row.Tasks = callTasks(c.executor)
	begun := time.Now()
	_, err := c.engine.opts.Store.Create(ctx, c.row)
	if c.stored = err == nil; c.stored {
		c.engine.ownCall(c, begun)
	}
	return err
}

// refuse returns the result of a call that was not made. If the call is on
// record already, its end is recorded.
func (c *call) refuse(err *executors.Error) chain.CallResult {
	c.record.Lock()
	c.ended.Store(true)
	stored := c.stored
	c.record.Unlock()
	if !stored {
		return chain.CallResult{Outcome: executors.Outcome{Err: err}, Duration: time.Since(c.started)}
	}
	state, out := c.ending(executors.Outcome{Err: err})
	return c.end(state, out, 0)
}
