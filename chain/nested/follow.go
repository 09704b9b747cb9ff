package nested

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// Follow waits until a run that a call has started, or the call itself, ends. It
// reports the run's progress to the call.
func Follow(ctx context.Context, runner chain.Engine, runID string, call *executors.Call, opts ...chain.ViewOption) (*chain.RunView, error) {
	reading, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		// Its error is that of Wait below.
		_ = runner.Watch(reading, runID, call.Principal, func(counts chain.Counts, message string) {
			done, of := counts.Done()
			call.Progress(executors.Progress{Done: float64(done), Total: float64(of), Message: message})
		})
	}()
	view, err := runner.Wait(ctx, runID, call.Principal, opts...)
	stop()
	<-watched
	return view, err
}
