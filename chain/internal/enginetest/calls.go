package enginetest

import (
	"context"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// A direct call is a run of one task, which can be read directly after the
// reply.
func call(t *testing.T, b *Bench) {
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
		v, err := b.Get(t.Context(), r.RunID, "ann")
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
		if _, err := b.Get(t.Context(), r.RunID, "bob"); executors.AsError(err).Type != executors.NotFound {
			t.Errorf("another principal can read it: %v", err)
		}
	}
}

// A call that is refused before it starts leaves no record.
func callRefused(t *testing.T, b *Bench) {
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
}

func callCancelled(t *testing.T, b *Bench) {
	for _, executor := range []string{"probe", "probe_write"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			b.Probes.Await(t, "begun")
			cancel()
		}()
		r := b.Call(ctx, executor, []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{})
		if r.Err == nil || r.Err.Type != executors.Cancelled {
			t.Errorf("%s: %v", executor, r.Err)
		}
		if v, err := b.Get(t.Context(), r.RunID, ""); err != nil || v.Status != chain.Cancelled {
			t.Errorf("%s: %+v, %v", executor, v, err)
		}
	}
}

// A call that is recorded before it starts can be found and cancelled while it
// runs.
func callCancelledByItsRun(t *testing.T, b *Bench) {
	done := make(chan chain.CallResult, 1)
	go func() {
		done <- b.Call(context.Background(), "probe_write", []byte(`{"sleep":29,"mark":"begun"}`), chain.CallOptions{})
	}()
	b.Probes.Await(t, "begun")
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
}

func callProgress(t *testing.T, b *Bench) {
	var said []string
	r := b.Call(t.Context(), "probe", []byte(`{"mark":"one"}`), chain.CallOptions{OnProgress: func(p executors.Progress) { said = append(said, p.Message) }})
	if r.Err != nil || len(said) != 1 || said[0] != "at one" {
		t.Errorf("%v, %v", said, r.Err)
	}
}

func listIsPaged(t *testing.T, b *Bench) {
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
}
