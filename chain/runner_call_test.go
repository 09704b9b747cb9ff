package chain_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// A direct call is a run of one task: it can be read right after the answer.
func TestCall(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		for _, c := range []struct {
			executor, args string
			status         chain.State
			result         string
			kind           executors.ErrorType
		}{
			{"probe", `{"value":{"a":[1,2.50]}}`, chain.Completed, `{"value":{"a":[1,2.50]}}`, ""},
			{"probe", ``, chain.Completed, `{}`, ""},
			{"probe", `{"fail":"no","error_type":"network_error","keep":true,"value":1}`, chain.Failed, `{"value":1}`, executors.NetworkError},
			{"probe_write", `{"value":2}`, chain.Completed, `{"value":2}`, ""},
			{"probe_write", `{"fail":"no"}`, chain.Failed, ``, executors.ExecutionError},
			{"probe", `{"sleep":20,"timeout":0.05}`, chain.Failed, ``, executors.TimeoutError},
		} {
			r := b.Call(t.Context(), c.executor, []byte(c.args), chain.CallOptions{Principal: "ann"})
			var kind executors.ErrorType
			if r.Err != nil {
				kind = r.Err.Type
			}
			if string(r.Result) != c.result || kind != c.kind || r.RunID == "" {
				t.Errorf("%s %s: %s, %v", c.executor, c.args, r.Result, r.Err)
			}
			v, err := b.Run(t.Context(), r.RunID, "ann")
			if err != nil {
				t.Fatal(err)
			}
			task := v.Tasks[0]
			if v.Status != c.status || len(v.Tasks) != 1 || v.Counts[c.status] != 1 || !v.Call {
				t.Errorf("%s %s: the run is %+v", c.executor, c.args, v)
			}
			if task.Status != c.status || string(task.Result) != c.result || task.ErrorType != c.kind || task.Attempts != 1 || task.StartedAt == nil || task.CompletedAt == nil {
				t.Errorf("%s %s: the task is %+v", c.executor, c.args, task)
			}
			events, err := b.Events(t.Context(), r.RunID, "ann", 0)
			if err != nil || len(events) != 2 || events[1].State != c.status || events[1].Seq != 2 {
				t.Errorf("%s %s: the events are %+v, %v", c.executor, c.args, events, err)
			}
			if _, err := b.Run(t.Context(), r.RunID, "bob"); executors.AsError(err).Type != executors.NotFound {
				t.Errorf("somebody else reads it: %v", err)
			}
		}
	})
}

// What is refused before it starts leaves no record.
func TestCallRefused(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		for _, c := range []struct {
			executor, args string
			kind           executors.ErrorType
		}{
			{"nobody", `{}`, executors.NotFound},
			{"probe", `{"size":"big"}`, executors.ValidationError},
			{"probe", `{"sise":1}`, executors.ValidationError},
			{"probe", `{`, executors.ValidationError},
			{"probe_closed", `{}`, executors.PermissionDenied},
		} {
			r := b.Call(t.Context(), c.executor, []byte(c.args), chain.CallOptions{})
			if r.Err == nil || r.Err.Type != c.kind || r.RunID != "" {
				t.Errorf("%s %s: %+v", c.executor, c.args, r)
			}
		}
		if list, _, err := b.List(t.Context(), chain.ListOptions{}); err != nil || len(list) != 0 {
			t.Errorf("%d records, %v", len(list), err)
		}
	})
}

func TestCallCancelled(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		for _, executor := range []string{"probe", "probe_write"} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				b.probes.await(t, "begun")
				cancel()
			}()
			r := b.Call(ctx, executor, []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{})
			if r.Err == nil || r.Err.Type != executors.Cancelled {
				t.Errorf("%s: %v", executor, r.Err)
			}
			if v, err := b.Run(t.Context(), r.RunID, ""); err != nil || v.Status != chain.Cancelled {
				t.Errorf("%s: %+v, %v", executor, v, err)
			}
		}
	})
}

// A call whose record is written ahead can be found and cancelled while it
// goes on.
func TestCallCancelledByItsRun(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		done := make(chan chain.CallResult, 1)
		go func() {
			done <- b.Call(context.Background(), "probe_write", []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{})
		}()
		b.probes.await(t, "begun")
		list, _, err := b.List(t.Context(), chain.ListOptions{Status: "in_progress"})
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		v, err := b.Cancel(t.Context(), list[0].RunID, "", "")
		if err != nil || v.Status != chain.Cancelled || len(v.Warnings) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
		if r := <-done; r.Err == nil || r.Err.Type != executors.Cancelled || !strings.Contains(r.Err.Message, "cancelled by the caller") {
			t.Errorf("%v", r.Err)
		}
	})
}

func TestCallsWaitForPermits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe_write": {MaxParallel: 1}}}}
		b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{MaxParallel: 2}, cfg)
		begun := time.Now()
		done := make(chan chain.CallResult)
		for _, executor := range []string{"probe_write", "probe_write", "probe", "probe"} {
			go func() {
				done <- b.Call(t.Context(), executor, []byte(`{"sleep":10}`), chain.CallOptions{})
			}()
		}
		for range 4 {
			if r := <-done; r.Err != nil {
				t.Error(r.Err)
			}
		}
		if took := time.Since(begun); took < 20*time.Second || took > 30*time.Second || b.probes.most != 2 {
			t.Errorf("they took %s, %d at once", took, b.probes.most)
		}
		// One who gives up waiting leaves the line.
		go func() {
			done <- b.Call(t.Context(), "probe_write", []byte(`{"sleep":10}`), chain.CallOptions{})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := b.Call(ctx, "probe_write", nil, chain.CallOptions{}); r.Err == nil || r.Err.Type != executors.TimeoutError {
			t.Errorf("%v", r.Err)
		}
		<-done
		if r := b.Call(t.Context(), "probe_write", nil, chain.CallOptions{}); r.Err != nil {
			t.Error(r.Err)
		}
	})
}

func TestCallProgress(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		var said []string
		r := b.Call(t.Context(), "probe", []byte(`{"mark":"one"}`), chain.CallOptions{OnProgress: func(p executors.Progress) { said = append(said, p.Message) }})
		if r.Err != nil || len(said) != 1 || said[0] != "at one" {
			t.Errorf("%v, %v", said, r.Err)
		}
	})
}

func TestListIsPaged(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		for range 5 {
			b.Call(t.Context(), "probe", nil, chain.CallOptions{Principal: "ann"})
		}
		b.Call(t.Context(), "probe", nil, chain.CallOptions{Principal: "bob"})
		seen := map[string]bool{}
		cursor, pages := "", 0
		for pages == 0 || cursor != "" {
			page, next, err := b.List(t.Context(), chain.ListOptions{Principal: "ann", Limit: 2, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				seen[r.RunID] = true
			}
			cursor = next
			pages++
		}
		if len(seen) != 5 || pages != 3 {
			t.Errorf("%d runs on %d pages", len(seen), pages)
		}
	})
}
