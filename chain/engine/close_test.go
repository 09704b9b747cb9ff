package engine_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// Close interrupts what runs at once: direct calls are cancelled, nothing new
// starts, and a retry by another process continues without repeating what is done.
func TestClose(t *testing.T) {
	t.Parallel()
	kept := memory.Open(memory.Options{})
	b := newBench(t, kept, engine.Options{Owner: "here"}, policy.Config{})
	run, err := b.Start(t.Context(), b.Tree(t, `[
		{"id":"done","name":"done","schemas":{"method":"probe"}},
		{"id":"read","name":"read","schemas":{"method":"probe"},"inputs":{"sleep":29,"mark":"read"},"dependencies":["done"]},
		{"id":"after","name":"after","schemas":{"method":"probe"},"dependencies":["read"]},
		{"id":"write","name":"write","schemas":{"method":"probe_write"},"inputs":{"sleep":29,"mark":"write"},"dependencies":["done"]},
		{"id":"blocked","name":"blocked","schemas":{"method":"probe"},"dependencies":["write"]},
		{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":[0,0,29,29,29],"max_parallel":3,"inputs":{"sleep":"${{ item }}","mark":"each ${{ item }}"}},
		{"id":"writes","name":"writes","schemas":{"method":"probe_write"},"for_each":[0,29],"inputs":{"sleep":"${{ item }}","mark":"writes ${{ item }}"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan chain.CallResult, 1)
	go func() {
		calls <- b.Call(t.Context(), "probe", []byte(`{"sleep":29,"mark":"call"}`), chain.CallOptions{})
	}()
	begun := map[string]int{}
	for begun["read"] < 1 || begun["write"] < 1 || begun["call"] < 1 || begun["each 29"] < 3 || begun["writes 29"] < 1 {
		begun[<-b.Probes.Begun]++
	}
	b.awaitElements(t, run.ID, "each0", "each1", "writes0")
	if err := b.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := <-calls
	if r.Err == nil || r.Err.Type != executors.Cancelled || r.Err.Hint == "" {
		t.Errorf("the call ended with %v", r.Err)
	}
	if v, err := b.Get(t.Context(), r.RunID, ""); err != nil || v.Status != chain.Cancelled {
		t.Errorf("the call on record: %+v, %v", v, err)
	}
	v := b.End(t, run.ID)
	if v.Status != chain.Failed || v.ErrorType != executors.Interrupted || v.Hint == "" {
		t.Errorf("the run: %+v", v)
	}
	want := map[string]chain.State{
		"done": chain.Completed, "read": chain.Pending, "after": chain.Pending, "write": chain.Failed,
		"blocked": chain.Skipped, "each": chain.Pending, "writes": chain.Failed,
	}
	for _, task := range v.Tasks {
		if task.Status != want[task.ID] || task.Status == chain.Failed && task.ErrorType != executors.Interrupted {
			t.Errorf("%s: %+v", task.ID, task)
		}
	}
	if _, err := b.Start(t.Context(), b.Tree(t, sleepers(1, 1)), chain.RunOptions{}); err == nil {
		t.Error("a run is started after the end")
	}
	if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err == nil {
		t.Error("a call is made after the end")
	}

	next := newBench(t, unclosed{kept}, engine.Options{Owner: "next"}, policy.Config{})
	if _, err := next.Retry(t.Context(), run.ID, nil, ""); err != nil {
		t.Fatal(err)
	}
	begun = map[string]int{}
	for begun["read"] < 1 || begun["write"] < 1 || begun["each 29"] < 3 || begun["writes 29"] < 1 {
		begun[<-next.Probes.Begun]++
	}
	if begun["each 0"] > 0 || begun["writes 0"] > 0 || next.Probes.Called("done") > 0 {
		t.Errorf("what was done is repeated: %v", begun)
	}
	if _, err := next.Cancel(t.Context(), run.ID, "", ""); err != nil {
		t.Error(err)
	}
}

// What completes while the engine is closed is completed.
func TestCloseKeepsWhatCompletes(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
	run, err := b.Start(t.Context(), b.Tree(t, `[
		{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"a"}},
		{"id":"b","name":"b","for_each":[1,2],"schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"b"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-b.Probes.Begun
	}
	closed := make(chan error, 1)
	go func() { closed <- b.engine.Close(t.Context()) }()
	for b.Call(t.Context(), "probe", nil, chain.CallOptions{}).Err == nil {
		continue // until it is being closed
	}
	b.Probes.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if v := b.End(t, run.ID); v.Status != chain.Completed {
		t.Errorf("%+v", v)
	}
}

// unclosed is a store that another bench closes.
type unclosed struct{ store.Store }

func (unclosed) Close() error { return nil }

// Close gives up tasks that ignore the end of the engine. Their runs are recorded
// as failed.
func TestCloseGivesUpDeafTasks(t *testing.T) {
	t.Parallel()
	const (
		limit = 1500 * time.Millisecond // on the clock of synctest
		deaf  = `"schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"deaf"}`
	)
	for name, tree := range map[string]string{
		"a task":                   `[{"name":"a",` + deaf + `}]`,
		"elements":                 `[{"name":"a","for_each":"${{ [1, 2] }}",` + deaf + `}]`,
		"a task of a nested run":   `[{"name":"a","schemas":{"method":"probe"},"inputs":{"inner":"[{\"name\":\"in\",` + strings.ReplaceAll(deaf, `"`, `\"`) + `}]"}}]`,
		"a task that is repeated":  `[{"name":"a","retry":{"max_attempts":3},` + deaf + `}]`,
		"a task, and one after it": `[{"name":"a","id":"a",` + deaf + `},{"name":"b","id":"b","schemas":{"method":"probe"},"dependencies":["a"]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
				defer b.Probes.Release()
				run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				b.Probes.Await(t, "deaf")
				begun := time.Now()
				if err := b.engine.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took > limit {
					t.Errorf("closing took %s", took)
				}
				if v, err := b.Get(t.Context(), run.ID, ""); err != nil || v.Status != chain.Failed {
					t.Errorf("%+v, %v", v, err)
				}
			})
		})
	}
}

// Close returns although the store never confirms a record.
func TestCloseDoesNotWaitForAStuckRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &silentStore{Store: memory.Open(memory.Options{})}
		b := newBench(t, s, engine.Options{}, policy.Config{})
		if _, err := b.Start(t.Context(), b.Tree(t, `[{"name":"a","schemas":{"method":"probe"}}]`), chain.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := b.engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s.confirm()
	})
}

// silentStore does not confirm records until confirm is called.
type silentStore struct {
	store.Store
	mu     sync.Mutex
	silent []func(error)
	speaks bool
}

func (s *silentStore) Append(_ *store.Batch, done func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.speaks {
		go done(nil)
		return
	}
	s.silent = append(s.silent, done)
}

func (s *silentStore) confirm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speaks = true
	for _, done := range s.silent {
		go done(nil)
	}
}
