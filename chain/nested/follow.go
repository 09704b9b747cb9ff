package nested

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// Follow waits for the end of a run that a call has started, or for the call's
// own end, and reports to the call how far the run has come.
func Follow(ctx context.Context, runner *chain.Runner, runID string, call *executors.Call, opts ...chain.ViewOption) (*chain.RunView, error) {
	reading, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		// It ends with the run, which the wait below reports.
		_ = runner.Progress(reading, runID, call.Principal, func(counts chain.Counts, message string) {
			progress := executors.Progress{Message: message}
			for state, n := range counts {
				progress.Total += float64(n)
				if state.Ended() {
					progress.Done += float64(n)
				}
			}
			call.Progress(progress)
		})
	}()
	view, err := runner.Wait(ctx, runID, call.Principal, opts...)
	stop()
	<-told
	return view, err
}
