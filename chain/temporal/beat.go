//go:build temporal

package temporal

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/retry"
)

// errGivenUp means that the server counted this worker as lost.
var errGivenUp = errors.New("the Temporal server has heard nothing of this attempt for too long, and has given it up")

// leaving is the cause with which the work of an activity ends in this process
// while its run goes on elsewhere. Runs that the work has started go on as well.
type leaving struct {
	cause  error
	killAt time.Time
}

func (l leaving) Error() string { return l.cause.Error() }
func (l leaving) Unwrap() error { return l.cause }

// Is makes errors.Is find step.ErrLeft.
func (leaving) Is(target error) bool { return target == step.ErrLeft }

// KillAt returns when programs that have not stopped are killed.
func (l leaving) KillAt() time.Time { return l.killAt }

// beating sends heartbeats until done is called. The context ends with
// engine.Cancelled when the activity is cancelled or its run has ended, and with
// leaving when the worker is stopped or the server has given the activity up.
//
// The heartbeats are not those of package activity, which end the context of an
// activity also when the server is away for some seconds.
func (a *activities) beating(ctx context.Context, of Target) (work context.Context, done func()) {
	work, cancel := context.WithCancelCause(ctx)
	beats, stop := context.WithCancel(context.WithoutCancel(ctx))
	var both sync.WaitGroup
	both.Go(func() {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel(leaving{engine.Interrupted, time.Now().Add(stopTime)})
		case <-beats.Done():
		}
	})
	both.Go(func() {
		token := activity.GetInfo(ctx).TaskToken
		var took time.Duration
		for retry.Sleep(beats, max(a.opts.BeatEvery, min(4*took, time.Second))) { // more rarely if the server is busy
			var cancelled *temporal.CanceledError
			var gone *serviceerror.NotFound
			began := time.Now()
			err := a.beat(beats, token)
			took = time.Since(began)
			switch {
			case errors.As(err, &cancelled):
				cancel(engine.Cancelled)
			case errors.As(err, &gone):
				cancel(a.goneCause(beats, of))
				return
			case err != nil && beats.Err() == nil:
				a.opts.Log.Debug().Err(err).Str("run_id", of.Run).Msg("the Temporal server could not be told that a task goes on")
			}
		}
	})
	return work, func() {
		stop()
		both.Wait()
		cancel(nil)
	}
}

func (a *activities) beat(ctx context.Context, token []byte) error {
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	return a.client.RecordActivityHeartbeat(ctx, token)
}

// goneCause returns why the server does not know an activity any more.
func (a *activities) goneCause(ctx context.Context, of Target) error {
	row, err := a.opts.Store.Run(ctx, of.Run)
	if err == nil && row.Epoch == of.Epoch && chain.State(row.Status).Ended() {
		return engine.Cancelled
	}
	return leaving{errGivenUp, time.Now().Add(a.opts.Grace)}
}
