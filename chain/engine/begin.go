package engine

import (
	"context"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// beginAgain is the pause before a queued run is begun again whose record could
// not be read or claimed.
const beginAgain = time.Second

// begin begins a queued run that is counted as in progress. While the store
// fails, it tries again.
func (r *Engine) begin(q *queuedRun) {
	ctx := r.reaping
	var err error
	for {
		if err = r.beginRun(ctx, q); err == nil || errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrNotFound) || r.liveRun(q.id) != nil {
			break
		}
		if r.reaping.Err() == nil {
			r.opts.Log.Warn().Err(err).Str("run_id", q.id).Msg("a queued run could not be begun; it is tried again")
		}
		if !retry.Sleep(ctx, beginAgain) {
			break
		}
	}
	r.mu.Lock()
	r.queue.beginning--
	if err != nil {
		r.queue.give(q.tasks)
	}
	delete(r.queue.runs, q.id)
	close(q.begun)
	r.mu.Unlock()
	r.beginQueued()
}

// beginRun claims a queued run, which is counted as in progress, and drives it. It
// is lost if it was cancelled, or if another process has begun it.
func (r *Engine) beginRun(ctx context.Context, q *queuedRun) error {
	row, err := r.opts.Store.Run(ctx, q.id)
	if err != nil {
		return err
	}
	if row.Status != string(chain.Queued) {
		return store.ErrLost
	}
	left, err := r.resumable(ctx, row)
	var refusal *executors.Error
	if err != nil && !errors.As(err, &refusal) {
		return err
	}
	if left == nil {
		left = &abandoned{row: row, tree: &chain.Tree{Name: row.Name}}
	}
	left.counted = &q.tasks
	if refusal != nil {
		return r.endWith(context.WithoutCancel(ctx), left, refusal)
	}
	return r.takeOver(context.WithoutCancel(ctx), left, func(*run) {})
}
