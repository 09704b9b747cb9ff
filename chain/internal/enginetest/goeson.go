package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// A call that does not end in time goes on without its caller, and is a run that
// can be read, waited for and cancelled.
func callGoesOn(t *testing.T, b *Bench) {
	for _, executor := range []string{"probe", "probe_write"} {
		call, err := b.PrepareCall(executor, []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{Principal: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, gone := context.WithCancel(t.Context())
		r := call.StartWithin(ctx, time.Millisecond)
		gone()
		if !r.GoesOn || r.RunID == "" || r.Err != nil || r.Result != nil {
			t.Fatalf("%s: %+v", executor, r)
		}
		b.Probes.Await(t, "begun")
		v, err := b.Get(t.Context(), r.RunID, "ann")
		if err != nil || v.Status != chain.InProgress || !v.Call {
			t.Errorf("%s: %+v, %v", executor, v, err)
		}
		if _, err := b.Get(t.Context(), r.RunID, "bob"); executors.AsError(err).Type != executors.NotFound {
			t.Errorf("%s: another principal can read it: %v", executor, err)
		}
		watched := make(chan chain.State, 100)
		go func() {
			defer close(watched)
			if err := b.Watch(t.Context(), r.RunID, "ann", func(c chain.Counts, _ string) {
				for state := range c {
					watched <- state
				}
			}); err != nil {
				t.Error(err)
			}
		}()
		<-watched
		if v, err = b.Cancel(t.Context(), r.RunID, "", "ann"); err != nil || v.Status != chain.Cancelled {
			t.Errorf("%s: after the cancel: %+v, %v", executor, v, err)
		}
		last := chain.State("")
		for last = range watched {
		}
		if last != chain.Cancelled {
			t.Errorf("%s: the watcher last saw %q", executor, last)
		}
	}
}

// The record of a call that went on has the end of the call, as for any other.
func callGoesOnThenFails(t *testing.T, b *Bench) {
	for args, want := range map[string]chain.State{
		`{"sleep":0.3,"value":1}`:     chain.Completed,
		`{"sleep":0.3,"fail":"no"}`:   chain.Failed,
		`{"sleep":20,"timeout":0.31}`: chain.Failed,
	} {
		call, err := b.PrepareCall("probe", []byte(args), chain.CallOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := call.StartWithin(t.Context(), 0)
		if !r.GoesOn {
			t.Fatalf("%s: %+v", args, r)
		}
		v := b.End(t, r.RunID)
		events, err := b.Events(t.Context(), r.RunID, "", 0)
		if v.Status != want || v.Counts[want] != 1 || err != nil || len(events) != 2 || events[1].State != want {
			t.Errorf("%s: %+v, %+v, %v", args, v, events, err)
		}
	}
}

// A call that ends in time, is refused or is cancelled by its caller has the
// result of any other call.
func callEndsInTime(t *testing.T, b *Bench) {
	for args, want := range map[string]executors.ErrorType{`{"value":1}`: "", `{"fail":"no"}`: executors.ExecutionError} {
		call, err := b.PrepareCall("probe", []byte(args), chain.CallOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := call.StartWithin(t.Context(), time.Hour)
		if r.GoesOn || r.RunID == "" || (r.Err == nil) != (want == "") || r.Err != nil && r.Err.Type != want {
			t.Errorf("%s: %+v", args, r)
		}
	}
	call, err := b.PrepareCall("probe", []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		b.Probes.Await(t, "begun")
		cancel()
	}()
	if r := call.StartWithin(ctx, time.Hour); r.GoesOn || r.Err == nil || r.Err.Type != executors.Cancelled {
		t.Errorf("cancelled by its caller: %+v", r)
	}
}
