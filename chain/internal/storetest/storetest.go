// Package storetest checks what every store must do.
package storetest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/chainwright/chainwright/chain/store"
)

// Run runs the suite. open returns a new store, which the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"a run is read as it was written", roundTrip},
		{"a recorded call is read as it was written", recorded},
		{"what is not there is not found", missing},
		{"an idempotency key holds for one principal", keys},
		{"transitions are kept in order, and read from anywhere", transitions},
		{"elements have transitions of their own", elements},
		{"long results can be left out", longResults},
		{"a batch of another owner is lost", lost},
		{"a batch can end a run and open it again", ending},
		{"a run is claimed once it is free", claim},
		{"a batch of an earlier epoch is lost", epochs},
		{"a run is released, and is free when it is due", release},
		{"runs of an owner that is gone are free", free},
		{"queued runs are claimed in turns", queued},
		{"several writers share a run", shared},
		{"lists are paged, the newest first", list},
		{"runs that have ended are removed", remove},
		{"cancel requests reach the owner once", cancels},
		{"a note is kept once, for its life", notes},
		{"a question and its answer are kept", questions},
		{"the first answer counts", answers},
		{"an answer frees a run that was released", wakened},
		{"logs are read as they came, from anywhere", logs},
		{"a log is cut at its beginning", trimmedLogs},
		{"several write a log at once", logsAtOnce},
		{"many write at once", many},
		{"a read sees the writes before it", readYourWrites},
		{"schedules are read as they were written", schedules},
		{"one of many writes a schedule", schedulesAtOnce},
		{"it is known whether a process fires schedules", schedulers},
		{"nothing is written once it is closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
			c.test(t, s)
		})
	}
}

// at is a time that does not change when it is stored.
var at = time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)

// run returns a run of three tasks.
func run(id string) *store.Run {
	return &store.Run{
		ID: id, Kind: store.KindTree, Principal: "ann", Name: "a tree", UserID: "u1", Owner: "me", Status: "in_progress",
		Counts: map[string]int{"pending": 3}, Tree: []byte(`[1,2,3]`), Inputs: []byte(`{"a":1}`),
		Tasks:       []store.Task{{ID: "a", Name: "first", Executor: "x", Parent: -1}, {ID: "b", Executor: "y", UserID: "u1"}, {ID: "c", Executor: "x", Parent: 1}},
		MaxParallel: 4, OnFailure: "stop", CreatedAt: at,
		Policy: "p1", Config: "c1", Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Labels: map[string]string{"team": "a"}, Within: `{"read_only":true}`, Parent: "r0",
	}
}

func create(t *testing.T, s store.Store, r *store.Run) {
	t.Helper()
	old, err := s.Create(t.Context(), r)
	if err != nil || old != nil {
		t.Fatalf("creating %s: %v, %v", r.ID, old, err)
	}
}

// write appends a batch and waits for it.
func write(s store.Store, b *store.Batch) error {
	done := make(chan error, 1)
	s.Append(b, func(err error) { done <- err })
	return <-done
}

func get(t *testing.T, s store.Store, id string) *store.Run {
	t.Helper()
	r, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatalf("reading %s: %v", id, err)
	}
	return r
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func roundTrip(t *testing.T, s store.Store) {
	want := run("r1")
	create(t, s, want)
	got := get(t, s, "r1")
	if time.Since(got.OwnerSeen).Abs() > time.Minute {
		t.Errorf("the owner was seen at %v", got.OwnerSeen)
	}
	if !got.OwnerSince.Equal(at) && time.Since(got.OwnerSince).Abs() > time.Minute {
		t.Errorf("it is its owner's since %v", got.OwnerSince)
	}
	if got.OwnerPID != os.Getpid() {
		t.Errorf("the owner is process %d", got.OwnerPID)
	}
	got.OwnerSeen, got.OwnerSince, got.OwnerPID, got.OwnerHost = time.Time{}, time.Time{}, 0, ""
	same(t, "the run", got, want)
}

func recorded(t *testing.T, s store.Store) {
	call := &store.Run{
		ID: "c1", Kind: store.KindCall, Principal: "ann", Name: "rest", Owner: "me", Status: "failed", Inputs: []byte(`{"url":"x"}`),
		MaxParallel: 1, OnFailure: "continue", Seq: 2, CreatedAt: at, CompletedAt: at.Add(time.Second),
		Outcome: &store.Transition{Seq: 2, State: "failed", Attempt: 3, At: at.Add(time.Second), Started: at, Result: []byte(`{"status_code":500}`), Size: 19,
			Problem: &store.Problem{Type: "network_error", Message: "refused", Code: "500", Field: "url", Hint: "try", Retryable: true, RetryAfter: time.Second}},
	}
	s.Record(call)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := get(t, s, "c1")
	same(t, "the outcome", got.Outcome, call.Outcome)
	same(t, "the arguments", string(got.Inputs), string(call.Inputs))
	same(t, "the counts", got.Counts, map[string]int{"failed": 1})
	same(t, "the task", got.Tasks, []store.Task{{ID: "task_1", Name: "rest", Executor: "rest", Parent: -1}})
	if got.Status != "failed" || got.Problem != nil || got.Kind != store.KindCall {
		t.Errorf("the call is %+v", got)
	}
}

func missing(t *testing.T, s store.Store) {
	ctx := t.Context()
	if _, err := s.Run(ctx, "no"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Run: %v", err)
	}
	if _, err := s.Transitions(ctx, "no", 0, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Transitions: %v", err)
	}
	if _, err := s.Last(ctx, "no", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Last: %v", err)
	}
	if _, err := s.Claim(ctx, store.Claim{RunID: "no", Owner: "me", UnseenSince: at}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Claim: %v", err)
	}
	if err := s.RequestCancel(ctx, store.Cancel{RunID: "no", Task: -1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RequestCancel: %v", err)
	}
	if list, err := s.List(ctx, store.Query{Limit: 10, Anyone: true}); err != nil || len(list) != 0 {
		t.Errorf("List: %v, %v", list, err)
	}
	create(t, s, run("r1"))
	if last, err := s.Last(ctx, "r1", 0); last != nil || err != nil {
		t.Errorf("Last of a task that did nothing: %v, %v", last, err)
	}
}

func keys(t *testing.T, s store.Store) {
	first := run("r1")
	first.Key, first.Digest = "k", "d1"
	create(t, s, first)
	again := run("r2")
	again.Key, again.Digest = "k", "d2"
	old, err := s.Create(t.Context(), again)
	if err != nil || old == nil || old.ID != "r1" || old.Digest != "d1" {
		t.Fatalf("the key's run: %+v, %v", old, err)
	}
	if _, err := s.Run(t.Context(), "r2"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the second run was written: %v", err)
	}
	other := run("r3")
	other.Key, other.Principal = "k", "bob"
	create(t, s, other)
	create(t, s, run("r4"))
	create(t, s, run("r5")) // an empty key matches no run
}

func transitions(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	want := []store.Transition{
		{Seq: 1, Task: -1, State: "in_progress", At: at},
		{Seq: 2, Task: 0, State: "in_progress", Attempt: 1, At: at, Skip: &store.Skip{Of: 3}},
		{Seq: 3, Task: 0, State: "failed", Attempt: 1, At: at.Add(1), Started: at, Result: []byte(`{}`), Size: 2,
			Problem: &store.Problem{Type: "execution_error", Message: "no", Elements: []store.ElementError{{Index: 2, Error: "e", ErrorType: "network_error"}}}},
		{Seq: 4, Task: 1, State: "skipped", At: at.Add(2), Skip: &store.Skip{Reason: "dependency", By: []int{0}, Roots: []int{0}}},
		{Seq: 5, Task: 0, State: "pending", Attempt: 1, At: at.Add(3)},
	}
	for _, part := range [][]store.Transition{want[:2], want[2:3], want[3:]} {
		if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Transitions: part, Counts: map[string]int{"failed": len(part)}}); err != nil {
			t.Fatal(err)
		}
	}
	for after := range int64(6) {
		got, err := s.Transitions(t.Context(), "r1", after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("the transitions after %d", after), got, want[after:])
	}
	last, err := s.Last(t.Context(), "r1", 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the last transition", last, &want[4])
	r := get(t, s, "r1")
	if r.Seq != 5 || r.Counts["failed"] != 2 || r.Status != "in_progress" {
		t.Errorf("the run is %+v", r)
	}
}

func elements(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	refused := &store.Problem{Type: "network_error", Message: "refused"}
	want := []store.Transition{
		{Seq: 1, Task: 0, State: "in_progress", Attempt: 1, At: at},
		{Seq: 2, Task: 0, Element: 2, State: "in_progress", Attempt: 1, At: at, Problem: refused, Next: at.Add(time.Minute)},
		{Seq: 3, Task: 0, Element: 1, State: "completed", Attempt: 1, At: at, Result: []byte(`{"n":1}`), Size: 7},
		{Seq: 4, Task: 0, Element: 2, State: "failed", Attempt: 2, At: at, Problem: refused},
		{Seq: 5, Task: 1, Element: 1, State: "completed", Attempt: 1, At: at},
		{Seq: 6, Task: 0, State: "failed", Attempt: 2, At: at, Problem: refused},
		{Seq: 7, Task: 0, State: "pending", Attempt: 2, At: at, Generation: 1},
		{Seq: 8, Task: 0, Element: 1, State: "completed", Attempt: 3, At: at, Result: []byte(`{"n":2}`), Size: 7},
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Transitions: want}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Transitions(t.Context(), "r1", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the transitions", got, want)
	for after, wanted := range map[int64][]store.Transition{0: {want[1], want[2], want[3], want[7]}, 3: {want[3], want[7]}, 7: {want[7]}, 8: nil} {
		got, err := s.Elements(t.Context(), "r1", 0, after)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("the elements after %d", after), got, wanted)
	}
	last, err := s.Last(t.Context(), "r1", 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the last transition of the task", last, &want[6])
	if _, err := s.Elements(t.Context(), "no", 0, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("elements of a run that does not exist: %v", err)
	}
}

func longResults(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	long := make([]byte, 5<<20)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	err := write(s, &store.Batch{RunID: "r1", Owner: "me", Transitions: []store.Transition{
		{Seq: 1, Task: 0, State: "completed", At: at, Result: long}, {Seq: 2, Task: 1, State: "completed", At: at, Result: []byte("{}")}}})
	if err != nil {
		t.Fatal(err)
	}
	short, err := s.Transitions(t.Context(), "r1", 0, 1000)
	if err != nil || len(short) != 2 || short[0].Result != nil || short[0].Size != len(long) || string(short[1].Result) != "{}" {
		t.Errorf("with a limit: %d, %v", len(short), err)
	}
	whole, err := s.Transitions(t.Context(), "r1", 0, math.MaxInt)
	if err != nil || string(whole[0].Result) != string(long) {
		t.Errorf("without: %v", err)
	}
	last, err := s.Last(t.Context(), "r1", 0)
	if err != nil || string(last.Result) != string(long) {
		t.Errorf("the last: %v", err)
	}
	for _, c := range []struct {
		seq  int64
		n    int
		want string
	}{{1, 100, string(long[:100])}, {1, 0, ""}, {2, 100, "{}"}, {3, 100, ""}} {
		if head, err := s.Head(t.Context(), "r1", c.seq, c.n); err != nil || string(head) != c.want {
			t.Errorf("the first %d bytes of %d: %q, %v", c.n, c.seq, head, err)
		}
	}
	if _, err := s.Head(t.Context(), "no", 1, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the head of a run that does not exist: %v", err)
	}
}

func lost(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	b := &store.Batch{RunID: "r1", Owner: "another", Transitions: []store.Transition{{Seq: 1, Task: 0, State: "in_progress", At: at}}}
	if err := write(s, b); !errors.Is(err, store.ErrLost) {
		t.Errorf("another's batch: %v", err)
	}
	if list, err := s.Transitions(t.Context(), "r1", 0, 0); err != nil || len(list) != 0 {
		t.Errorf("it was written: %v, %v", list, err)
	}
}

func ending(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	problem := &store.Problem{Type: "interrupted", Message: "stopped", Hint: "again"}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Status: "failed", Problem: problem, CompletedAt: at, Counts: map[string]int{"cancelled": 3}}); err != nil {
		t.Fatal(err)
	}
	r := get(t, s, "r1")
	if r.Status != "failed" || !r.CompletedAt.Equal(at) || r.Counts["cancelled"] != 3 {
		t.Errorf("ended: %+v", r)
	}
	same(t, "the problem", r.Problem, problem)
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Status: "in_progress"}); err != nil {
		t.Fatal(err)
	}
	if r = get(t, s, "r1"); r.Status != "in_progress" || !r.CompletedAt.IsZero() || r.Problem != nil || r.Counts["cancelled"] != 3 {
		t.Errorf("open again: %+v", r)
	}
}
