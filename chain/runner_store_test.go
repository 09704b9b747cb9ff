package chain_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

var errNoSpace = errors.New("no space left on the device")

// failing is a store whose disk is full after some batches.
type failing struct {
	store.Store
	creates bool
	left    atomic.Int64
}

func (f *failing) Create(ctx context.Context, run *store.Run) (*store.Run, error) {
	if f.creates {
		return nil, errNoSpace
	}
	return f.Store.Create(ctx, run)
}

func (f *failing) Append(b *store.Batch, done func(error)) {
	if f.left.Add(-1) < 0 {
		done(errNoSpace)
		return
	}
	f.Store.Append(b, done)
}

// A store that fails ends the run with a clear error; nothing hangs.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for after := range int64(8) {
		f := &failing{Store: memory.Open(memory.Options{})}
		f.left.Store(after)
		b := newBench(t, f, chain.RunnerOptions{}, policy.Config{})
		v := b.run(t, `[
			{"id":"a","name":"a","schemas":{"method":"probe"}},
			{"id":"b","name":"b","schemas":{"method":"probe_write"},"dependencies":["a"]},
			{"id":"c","name":"c","schemas":{"method":"probe"},"dependencies":["b"]},
			{"id":"d","name":"d","schemas":{"method":"probe"},"dependencies":["c"],"when":"${{ 1 }}"}]`, chain.RunOptions{})
		if v.Status == chain.Completed && after > 6 {
			continue
		}
		if v.Status != chain.Failed || !strings.Contains(v.Error, "no space left") || v.Hint == "" {
			t.Errorf("after %d batches the run is %s: %s", after, v.Status, v.Error)
		}
		if v.Counts[chain.InProgress] > 0 {
			t.Errorf("after %d batches: %v", after, v.Counts)
		}
		if list, _, err := b.List(t.Context(), chain.ListOptions{}); err != nil || list[0].Status != chain.Failed {
			t.Errorf("the list says %+v, %v", list, err)
		}
	}
}

// held is a store that keeps batches back until it is let go.
type held struct {
	store.Store
	mu   sync.Mutex
	free bool
	kept []func()
}

func (h *held) Append(b *store.Batch, done func(error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.free {
		h.Store.Append(b, done)
	} else {
		h.kept = append(h.kept, func() { h.Store.Append(b, done) })
	}
}

func (h *held) Flush(ctx context.Context) error { return nil }

func (h *held) letGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = true
	for _, fn := range h.kept {
		fn()
	}
}

// What follows from a task starts only when the task's end is stored, and
// what can't be done twice only when its start is. Nothing else waits.
func TestDependentsWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &held{Store: memory.Open(memory.Options{})}
		b := newBench(t, h, chain.RunnerOptions{}, policy.Config{})
		run, err := b.Start(t.Context(), b.tree(t, `[
			{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"mark":"a"}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"],"inputs":{"mark":"b"}},
			{"id":"once","name":"once","schemas":{"method":"probe_write"},"inputs":{"mark":"once"}},
			{"id":"c","name":"c","schemas":{"method":"probe"},"inputs":{"mark":"c"}}]`), chain.RunOptions{MaxParallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if seen := b.probes.seen(); len(seen) != 2 || slices.Contains(seen, "b") || slices.Contains(seen, "once") {
			t.Errorf("started before anything was stored: %v", seen)
		}
		h.letGo()
		if v := b.wait(t, run.ID); v.Status != chain.Completed || len(b.probes.seen()) != 4 {
			t.Errorf("the run is %s, %v", v.Status, b.probes.seen())
		}
	})
}

func TestStoreFailsAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, &failing{Store: memory.Open(memory.Options{}), creates: true}, chain.RunnerOptions{}, policy.Config{})
	_, err := b.Start(t.Context(), b.tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"mark":"a"}}]`), chain.RunOptions{})
	if !errors.Is(err, errNoSpace) || executors.AsError(err).Type != executors.ExecutionError {
		t.Errorf("the run: %v", err)
	}
	if r := b.Call(t.Context(), "probe_write", []byte(`{"mark":"b"}`), chain.CallOptions{}); r.Err == nil || !errors.Is(r.Err, errNoSpace) {
		t.Errorf("the call: %v", r.Err)
	}
	if seen := b.probes.seen(); len(seen) > 0 {
		t.Errorf("%v was started without a record", seen)
	}
}

// A full disk in the middle of a fan-out, with a real file.
func TestFullFile(t *testing.T) {
	t.Parallel()
	s := sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{MaxPages: 200})
	b := newBench(t, s, chain.RunnerOptions{}, policy.Config{})
	v := b.run(t, `[{"id":"many","name":"many","schemas":{"method":"probe"},"inputs":{"size":500000}},
		{"id":"more","name":"more","schemas":{"method":"probe"},"dependencies":["many"],"inputs":{"size":500000}},
		{"id":"last","name":"last","schemas":{"method":"probe"},"dependencies":["more"],"inputs":{"mark":"last"}}]`, chain.RunOptions{})
	if v.Status != chain.Failed || !strings.Contains(v.Error, "full") {
		t.Errorf("the run is %s: %s", v.Status, v.Error)
	}
	if v.Tasks[0].Status != chain.Completed || len(b.probes.seen()) > 0 {
		t.Errorf("%+v", v.Counts)
	}
}

// A run whose process is gone can be cancelled by another one.
func TestCancelOfALostRun(t *testing.T) {
	t.Parallel()
	s := memory.Open(memory.Options{})
	gone := newBench(t, s, chain.RunnerOptions{Owner: "gone"}, policy.Config{})
	tree := gone.tree(t, killed)
	row := &store.Run{ID: "r", Kind: store.KindTree, Owner: "dead", Status: "in_progress", Tree: tree.Source(), MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now()}
	for _, task := range tree.Tasks {
		row.Tasks = append(row.Tasks, store.Task{ID: task.ID, Name: task.Name, Executor: task.Executor, Parent: -1})
	}
	if _, err := s.Create(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	gone.SetOwnerTimeout(time.Nanosecond)
	v, err := gone.Cancel(t.Context(), "r", "", "")
	if err != nil || v.Status != chain.Cancelled || v.Counts[chain.Cancelled] != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

// panicky is a store with a defect.
type panicky struct{ store.Store }

func (panicky) Append(b *store.Batch, _ func(error)) {
	if b.Problem == nil {
		panic("a defect")
	}
}

// A defect under the coordinator ends its run, and nothing else.
func TestCoordinatorPanics(t *testing.T) {
	t.Parallel()
	b := newBench(t, panicky{memory.Open(memory.Options{})}, chain.RunnerOptions{}, policy.Config{})
	v := b.run(t, `[{"name":"a","schemas":{"method":"probe"}},{"name":"b","schemas":{"method":"probe"},"inputs":{"sleep":29}}]`, chain.RunOptions{})
	if v.Status != chain.Failed || !strings.Contains(v.Error, "internal error") {
		t.Errorf("the run is %s: %s", v.Status, v.Error)
	}
	if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
		t.Errorf("a call after that: %v", r.Err)
	}
}

// The end of the context of a wait, or of a start, is not the end of the run.
func TestRunGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		run, err := b.Start(ctx, b.tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"a"}},{"name":"b","schemas":{"method":"probe"},"dependencies":["task_1"]}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.probes.await(t, "a")
		cancel()
		v, err := b.Wait(ctx, run.ID, "")
		if err != nil || v.Status != chain.InProgress || v.Counts[chain.Pending] != 1 || v.Tasks[0].Status != chain.InProgress {
			t.Errorf("%+v, %v", v, err)
		}
		close(b.probes.released)
		if v := b.wait(t, run.ID); v.Status != chain.Completed {
			t.Errorf("the run is %s", v.Status)
		}
	})
}

func TestStartRefusesOptions(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{}, policy.Config{})
	tree := b.tree(t, `[{"name":"a","schemas":{"method":"probe"}}]`)
	for field, opts := range map[string]chain.RunOptions{
		"on_failure":      {OnFailure: "give up"},
		"max_parallel":    {MaxParallel: -1},
		"idempotency_key": {IdempotencyKey: strings.Repeat("k", 256)},
	} {
		if _, err := b.Start(t.Context(), tree, opts); err == nil || executors.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Several servers work on one file at once, each on its own runs.
func TestServersShareAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	var all sync.WaitGroup
	var servers []*bench
	for range 3 {
		servers = append(servers, newBench(t, sqlite.Open(path, sqlite.Options{}), chain.RunnerOptions{}, policy.Config{}))
	}
	for _, b := range servers {
		tree := b.tree(t, fanOut(50))
		for range 5 {
			all.Go(func() {
				run, err := b.Start(context.Background(), tree, chain.RunOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				for range 20 {
					if r := b.Call(context.Background(), "probe_write", nil, chain.CallOptions{}); r.Err != nil {
						t.Error(r.Err)
					}
				}
				if v, err := b.Wait(context.Background(), run.ID, ""); err != nil || v.Status != chain.Completed {
					t.Errorf("%+v, %v", v, err)
				}
			})
		}
	}
	all.Wait()
	list, _, err := servers[0].List(t.Context(), chain.ListOptions{Limit: 200, Status: "completed"})
	if err != nil || len(list) != 200 {
		t.Errorf("%d runs, %v", len(list), err)
	}
}
