package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// shortLease is the lease of tests that wait for its end.
const shortLease = 400 * time.Millisecond

// anything may be adopted.
func anything(*store.Run) bool { return true }

// awaitWarning waits until a run has a warning.
func (b *bench) awaitWarning(t *testing.T, id string) *chain.RunView {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		v, err := b.Get(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Warnings) > 0 {
			return v
		}
		if time.Now().After(end) {
			t.Fatalf("no warning: %+v", v)
		}
	}
}

// awaitElements waits until elements, as task and index, are on record as completed.
func (b *bench) awaitElements(t *testing.T, id string, want ...string) {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(time.Millisecond) {
		events, err := b.Events(t.Context(), id, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		ended := map[string]bool{}
		for _, e := range events {
			if e.Element != nil && e.State == chain.Completed {
				ended[fmt.Sprint(e.Task, *e.Element)] = true
			}
		}
		if !slices.ContainsFunc(want, func(each string) bool { return !ended[each] }) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("on record are %v", ended)
		}
	}
}

// awaitMarks waits until as many calls with each mark have begun.
func awaitMarks(t *testing.T, p *enginetest.Probes, want map[string]int) {
	t.Helper()
	left := 0
	for _, n := range want {
		left += n
	}
	for left > 0 {
		select {
		case mark := <-p.Begun:
			if want[mark] > 0 {
				want[mark]--
				left--
			}
		case <-time.After(executortest.Patience):
			t.Fatalf("calls that have not begun: %v", want)
		}
	}
}

// severed is a run of two processes: the first one is stopped in the middle, and
// the second one may adopt.
const severed = `[
	{"id":"done","name":"done","schemas":{"method":"probe"},"inputs":{"mark":"done"}},
	{"id":"read","name":"read","schemas":{"method":"probe"},"dependencies":["done"],"inputs":{"sleep":"${{ inputs.long }}","mark":"read","value":7}},
	{"id":"after","name":"after","schemas":{"method":"probe"},"dependencies":["read"],"inputs":{"value":"${{ tasks.read.result.value }}"}},
	{"id":"write","name":"write","schemas":{"method":"probe_write"},"dependencies":["done"],"inputs":{"sleep":29,"mark":"write"}},
	{"id":"blocked","name":"blocked","schemas":{"method":"probe_write"},"dependencies":["write"],"inputs":{"mark":"blocked"}},
	{"id":"reads","name":"reads","schemas":{"method":"probe"},"for_each":[0,0,1,1,1],"max_parallel":3,"inputs":{"sleep":"${{ item * 0.3 }}","mark":"reads ${{ index }}","value":"${{ index }}"}},
	{"id":"writes","name":"writes","schemas":{"method":"probe_write"},"for_each":[0,29,0],"max_parallel":1,"inputs":{"sleep":"${{ item }}","mark":"writes ${{ index }}"}}]`

// A run whose process is lost goes on in another one. What is done is not
// repeated, work in progress is repeated if that is safe, and else ends as
// interrupted. The first process, when it comes back, changes nothing.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := open(t)
			first := newFrozen(kept)
			a := newBench(t, first, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
			b := newBench(t, kept, engine.Options{Owner: "b", Lease: shortLease}, policy.Config{})
			tree := a.Tree(t, `{"inputs":{"long":{"type":"number"}},"tasks":`+severed+`}`)
			run, err := a.Start(t.Context(), tree, chain.RunOptions{Inputs: map[string]any{"long": 1}})
			if err != nil {
				t.Fatal(err)
			}
			awaitMarks(t, a.Probes, map[string]int{"done": 1, "read": 1, "write": 1, "reads 0": 1, "reads 1": 1, "writes 0": 1, "writes 1": 1})
			b.awaitElements(t, run.ID, "reads0", "reads1", "writes0")
			for { // so is what they depend on
				v, err := b.Get(t.Context(), run.ID, "")
				if err != nil {
					t.Fatal(err)
				}
				if v.Tasks[0].Status == chain.Completed && v.Tasks[3].Status == chain.InProgress {
					break
				}
			}
			first.freeze()
			b.engine.Adopt(anything)
			v := b.End(t, run.ID)
			if v.Status != chain.Failed {
				t.Errorf("the run is %s", v.Status)
			}
			want := map[string]chain.State{"done": chain.Completed, "read": chain.Completed, "after": chain.Completed, "write": chain.Failed,
				"blocked": chain.Skipped, "reads": chain.Completed, "writes": chain.Failed}
			for _, task := range v.Tasks {
				if task.Status != want[task.ID] {
					t.Errorf("%s is %s: %s", task.ID, task.Status, task.Error)
				}
			}
			if w := v.Tasks[3]; w.ErrorType != executors.Interrupted || !strings.Contains(w.Hint, "retry_run") {
				t.Errorf("the task that can't be repeated: %+v", w)
			}
			if w := v.Tasks[6]; len(w.Errors) != 1 || w.Errors[0].Index != 1 || w.Errors[0].ErrorType != executors.Interrupted {
				t.Errorf("the elements that can't be repeated: %+v", w)
			}
			if got := string(v.Tasks[2].Result); got != `{"value":7}` {
				t.Errorf("the task after gave %s", got)
			}
			for task, most := range map[string]int{"done": 0, "write": 0, "blocked": 0, "read": 1, "reads": 3, "writes": 1} {
				if n := b.Probes.Called(task); n > most {
					t.Errorf("%s was called %d times again: %v", task, n, b.Probes.Seen())
				}
			}
			before := len(a.Probes.Seen())
			first.thaw()
			list, err := b.Events(t.Context(), run.ID, "", 0)
			if err != nil {
				t.Fatal(err)
			}
			if waited, err := a.Wait(t.Context(), run.ID, ""); err != nil || waited.Status != chain.Failed {
				t.Errorf("the first process says %+v, %v", waited, err)
			}
			if again, err := b.Events(t.Context(), run.ID, "", 0); err != nil || len(again) != len(list) {
				t.Errorf("the first process wrote: %d events, then %d, %v", len(list), len(again), err)
			}
			if n := len(a.Probes.Seen()); n != before {
				t.Errorf("the first process began %v", a.Probes.Seen()[before:])
			}
			b.Consistent(t, run.ID)

			if _, err := b.Retry(t.Context(), run.ID, nil, ""); err != nil {
				t.Fatal(err)
			}
			awaitMarks(t, b.Probes, map[string]int{"write": 1, "writes 1": 1})
			if n := b.Probes.Called("writes"); n != 2 {
				t.Errorf("after the retry, elements were called %d times: %v", n, b.Probes.Seen())
			}
			if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// A process that was stopped finds out that it lost its runs before it does
// anything more, also if their work is only now to begin.
func TestZombie(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := open(t)
			first := newFrozen(kept)
			a := newBench(t, first, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
			b := newBench(t, kept, engine.Options{Owner: "b", Lease: shortLease}, policy.Config{})
			run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"posts","name":"posts","schemas":{"method":"probe_write"},"for_each":[1,2,3,4,5,6,7,8],"max_parallel":2,
				"inputs":{"sleep":0.1,"mark":"n${{ item }}"}}]`), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			awaitMarks(t, a.Probes, map[string]int{"n1": 1, "n2": 1})
			first.freeze()
			b.engine.Adopt(anything)
			v := b.End(t, run.ID)
			first.thaw()
			if _, err := a.Wait(t.Context(), run.ID, ""); err != nil {
				t.Error(err)
			}
			if err := a.engine.Close(t.Context()); err != nil {
				t.Error(err)
			}
			times := map[string]int{}
			for _, mark := range append(a.Probes.Seen(), b.Probes.Seen()...) {
				times[mark]++
			}
			for item := range 8 {
				if n := times[fmt.Sprint("n", item+1)]; n != 1 {
					t.Errorf("element %d was called %d times: %v then %v", item, n, a.Probes.Seen(), b.Probes.Seen())
				}
			}
			if v.Status != chain.Failed && v.Status != chain.Completed {
				t.Errorf("the run is %s", v.Status)
			}
		})
	}
}

// A run that is left when its engine is closed goes on in another one.
func TestLeave(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "a"}, func(t *testing.T, a *bench) {
		a.engine.Adopt(anything)
		run, err := a.Start(t.Context(), a.Tree(t, `[
			{"id":"one","name":"one","schemas":{"method":"probe"},"inputs":{"mark":"one"}},
			{"id":"two","name":"two","schemas":{"method":"probe"},"dependencies":["one"],"inputs":{"mark":"two","sleep":29,"timeout":60}},
			{"id":"inner","name":"inner","schemas":{"method":"probe"},"dependencies":["one"],"inputs":{"mark":"inner"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitMarks(t, a.Probes, map[string]int{"two": 1, "inner": 1})
		if err := a.engine.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := a.Get(t.Context(), run.ID, "")
		if err != nil || v.Status != chain.InProgress || v.Tasks[1].Status != chain.Pending || len(v.Warnings) != 1 {
			t.Errorf("after the end of its program: %+v, %v", v, err)
		}
		b := newBench(t, unclosed{a.store}, engine.Options{Owner: "b"}, policy.Config{})
		b.engine.Adopt(anything)
		awaitMarks(t, b.Probes, map[string]int{"two": 1})
		if v, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil || v.Status != chain.Cancelled {
			t.Errorf("%+v, %v", v, err)
		}
		if b.Probes.Called("one") > 0 {
			t.Error("what was done was repeated")
		}
	})
}

// What a process must not run is left to others for a while, and then ended.
func TestAdoptRefused(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "a"}, func(t *testing.T, a *bench) {
		a.engine.Adopt(anything)
		run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"w","name":"w","schemas":{"method":"probe"},"inputs":{"mark":"w","sleep":29}},
			{"id":"v","name":"v","schemas":{"method":"probe_write"},"dependencies":["w"]}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitMarks(t, a.Probes, map[string]int{"w": 1})
		if err := a.engine.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := newBench(t, unclosed{a.store}, engine.Options{Owner: "b", Lease: shortLease}, policy.Config{ReadOnly: true})
		b.engine.Adopt(anything)
		v := b.End(t, run.ID)
		if v.Status != chain.Failed || v.ErrorType != executors.Interrupted || !strings.Contains(v.Error+v.Hint, "read_only") {
			t.Errorf("%+v", v)
		}
		if n := len(b.Probes.Seen()); n > 0 {
			t.Error("it ran")
		}
	})
}

// A run that ends its process again and again is ended.
func TestPoison(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := open(t)
			tree := `[{"id":"bad","name":"bad","schemas":{"method":"probe"},"inputs":{"mark":"bad","sleep":29}}]`
			id := ""
			for i := range 3 {
				s := newFrozen(kept)
				b := newBench(t, s, engine.Options{Owner: fmt.Sprint(i), Lease: shortLease}, policy.Config{})
				if i == 0 {
					run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
					if err != nil {
						t.Fatal(err)
					}
					id = run.ID
				} else {
					b.engine.Adopt(func(row *store.Run) bool { return row.Owner == fmt.Sprint(i-1) })
				}
				awaitMarks(t, b.Probes, map[string]int{"bad": 1})
				if _, err := b.Get(t.Context(), id, ""); err != nil { // its start is on record
					t.Fatal(err)
				}
				s.freeze()
				t.Cleanup(s.thaw)
			}
			last := newBench(t, kept, engine.Options{Owner: "last", Lease: shortLease}, policy.Config{})
			last.engine.Adopt(anything)
			v := last.End(t, id)
			if v.Status != chain.Failed || !strings.Contains(v.Error, "in progress: bad") || !strings.Contains(v.Hint, "retry_run") {
				t.Errorf("%+v", v)
			}
			if n := len(last.Probes.Seen()); n > 0 {
				t.Error("it ran once more")
			}
			if v.Tasks[0].Attempts < 3 {
				t.Errorf("%d attempts", v.Tasks[0].Attempts)
			}
		})
	}
}

// The pause before the next attempt survives the loss of a process. A call that
// can't be repeated is not, unless its next attempt was still to come.
func TestBackOffSurvives(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := open(t)
			first := newFrozen(kept)
			a := newBench(t, first, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
			b := newBench(t, kept, engine.Options{Owner: "b", Lease: shortLease}, policy.Config{})
			run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"r","name":"r","schemas":{"method":"probe"},"retry":{"max_attempts":3,"initial_seconds":3},
				"inputs":{"mark":"r","fail":"not yet","error_type":"network_error","retryable":true,"times":1}}]`), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var next time.Time
			for next.IsZero() {
				list, err := kept.Transitions(t.Context(), run.ID, 0, 1000)
				if err != nil {
					t.Fatal(err)
				}
				for _, tr := range list {
					if !tr.Next.IsZero() {
						next = tr.Next
					}
				}
				if next.IsZero() {
					if _, err := a.Get(t.Context(), run.ID, ""); err != nil {
						t.Fatal(err)
					}
				}
			}
			first.freeze()
			t.Cleanup(first.thaw)
			b.engine.Adopt(anything)
			v := b.End(t, run.ID)
			if v.Status != chain.Completed || v.Tasks[0].Attempts != 2 {
				t.Errorf("%+v", v.Tasks)
			}
			if begun := *v.Tasks[0].CompletedAt; begun.Before(next) {
				t.Errorf("the next attempt was to begin at %v, and ended at %v", next, begun)
			}
		})
	}
}
