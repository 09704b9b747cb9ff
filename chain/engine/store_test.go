package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
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

// If the store fails, the run ends with a clear error, and nothing hangs.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for after := range int64(8) {
		f := &failing{Store: memory.Open(memory.Options{})}
		f.left.Store(after)
		b := newBench(t, f, engine.Options{}, policy.Config{})
		v := b.RunTree(t, `[
			{"id":"a","name":"a","schemas":{"method":"probe"}},
			{"id":"b","name":"b","schemas":{"method":"probe_write"},"dependencies":["a"]},
			{"id":"c","name":"c","schemas":{"method":"probe"},"dependencies":["b"]},
			{"id":"d","name":"d","schemas":{"method":"probe"},"dependencies":["c"],"when":"${{ 1 }}"}]`, chain.RunOptions{})
		if f.left.Load() >= 0 && after > 3 { // none was refused: a busy machine needs fewer batches
			if v.Status != chain.Completed {
				t.Errorf("the store took all batches, and the run is %s: %s", v.Status, v.Error)
			}
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

// held is a store that delays batches until they are released.
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

// A task starts only after the end of its dependencies is stored. A task that
// is not safe to repeat starts only after its own start is stored. Nothing else
// waits for the store.
func TestDependentsWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &held{Store: memory.Open(memory.Options{})}
		b := newBench(t, h, engine.Options{}, policy.Config{})
		run, err := b.Start(t.Context(), b.Tree(t, `[
			{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"mark":"a"}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"],"inputs":{"mark":"b"}},
			{"id":"once","name":"once","schemas":{"method":"probe_write"},"inputs":{"mark":"once"}},
			{"id":"c","name":"c","schemas":{"method":"probe"},"inputs":{"mark":"c"}}]`), chain.RunOptions{MaxParallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if seen := b.Probes.Seen(); len(seen) != 2 || slices.Contains(seen, "b") || slices.Contains(seen, "once") {
			t.Errorf("started before anything was stored: %v", seen)
		}
		h.letGo()
		if v := b.End(t, run.ID); v.Status != chain.Completed || len(b.Probes.Seen()) != 4 {
			t.Errorf("the run is %s, %v", v.Status, b.Probes.Seen())
		}
	})
}

func TestStoreFailsAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, &failing{Store: memory.Open(memory.Options{}), creates: true}, engine.Options{}, policy.Config{})
	_, err := b.Start(t.Context(), b.Tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"mark":"a"}}]`), chain.RunOptions{})
	if !errors.Is(err, errNoSpace) || executors.AsError(err).Type != executors.ExecutionError {
		t.Errorf("the run: %v", err)
	}
	if r := b.Call(t.Context(), "probe_write", []byte(`{"mark":"b"}`), chain.CallOptions{}); r.Err == nil || !errors.Is(r.Err, errNoSpace) {
		t.Errorf("the call: %v", r.Err)
	}
	if seen := b.Probes.Seen(); len(seen) > 0 {
		t.Errorf("%v was started without a record", seen)
	}
}

// The disk is full during a fan-out, with a real file.
func TestFullFile(t *testing.T) {
	t.Parallel()
	s := sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{MaxPages: 200})
	b := newBench(t, s, engine.Options{}, policy.Config{})
	v := b.RunTree(t, `[{"id":"many","name":"many","schemas":{"method":"probe"},"inputs":{"size":500000}},
		{"id":"more","name":"more","schemas":{"method":"probe"},"dependencies":["many"],"inputs":{"size":500000}},
		{"id":"last","name":"last","schemas":{"method":"probe"},"dependencies":["more"],"inputs":{"mark":"last"}}]`, chain.RunOptions{})
	if v.Status != chain.Failed || !strings.Contains(v.Error, "full") {
		t.Errorf("the run is %s: %s", v.Status, v.Error)
	}
	if v.Tasks[0].Status != chain.Completed || len(b.Probes.Seen()) > 0 {
		t.Errorf("%+v", v.Counts)
	}
}

// A run whose process is dead can be cancelled by another process, also if its
// policy does not allow the tasks: they don't run.
func TestCancelOfALostRun(t *testing.T) {
	t.Parallel()
	for _, readOnly := range []bool{false, true} {
		s := memory.Open(memory.Options{})
		gone := newBench(t, s, engine.Options{Owner: "gone", Lease: time.Nanosecond}, policy.Config{ReadOnly: readOnly})
		tree := gone.Tree(t, strings.ReplaceAll(killed, `"probe"`, `"probe_write"`))
		row := &store.Run{ID: "r", Kind: store.KindTree, Owner: "dead", Status: "in_progress", Tree: tree.Source(), MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now()}
		for _, task := range tree.Tasks {
			row.Tasks = append(row.Tasks, store.Task{ID: task.ID, Name: task.Name, Executor: task.Executor, Parent: -1})
		}
		if _, err := s.Create(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		v, err := gone.Cancel(t.Context(), "r", "", "")
		if err != nil || v.Status != chain.Cancelled || v.Counts[chain.Cancelled] != 3 {
			t.Errorf("read-only %t: %+v, %v", readOnly, v, err)
		}
	}
}

// panicky is a store that panics.
type panicky struct{ store.Store }

func (panicky) Append(b *store.Batch, _ func(error)) {
	if b.Problem == nil {
		panic("a defect")
	}
}

// A panic in the coordinator ends its run, and no other run.
func TestCoordinatorPanics(t *testing.T) {
	t.Parallel()
	b := newBench(t, panicky{memory.Open(memory.Options{})}, engine.Options{}, policy.Config{})
	v := b.RunTree(t, `[{"name":"a","schemas":{"method":"probe"}},{"name":"b","schemas":{"method":"probe"},"inputs":{"sleep":29}}]`, chain.RunOptions{})
	if v.Status != chain.Failed || !strings.Contains(v.Error, "internal error") {
		t.Errorf("the run is %s: %s", v.Status, v.Error)
	}
	if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
		t.Errorf("a call after that: %v", r.Err)
	}
}

// Several servers use one file at the same time, each for its own runs.
func TestServersShareAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	var all sync.WaitGroup
	var servers []*bench
	for range 3 {
		servers = append(servers, newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{}))
	}
	for _, b := range servers {
		tree := b.Tree(t, fanOut(50))
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

// The disk is full, with a real file, when a process takes the run of another one.
// The run says so and waits, nothing is lost, and it goes on when there is room.
func TestAdoptOnAFullFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	first := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Owner: "first"}, policy.Config{})
	tree := first.Tree(t, `[{"id":"large","name":"large","schemas":{"method":"probe"},"inputs":{"size":300000,"mark":"large"}},
		{"id":"last","name":"last","schemas":{"method":"probe"},"dependencies":["large"],"inputs":{"mark":"last"}}]`)
	row := &store.Run{ID: "r", Kind: store.KindTree, Owner: "dead", Status: "in_progress", Tree: tree.Source(), MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now()}
	for _, task := range tree.Tasks {
		row.Tasks = append(row.Tasks, store.Task{ID: task.ID, Name: task.Name, Executor: task.Executor, Parent: -1})
	}
	if _, err := first.store.Create(t.Context(), row); err != nil {
		t.Fatal(err)
	}

	// Something else in the file takes the room that the second process may use.
	const pages = 200
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("create table other (content blob)")
	do(fmt.Sprintf("insert into other values (zeroblob(%d))", (pages-60)*4096))
	b := newBench(t, sqlite.Open(path, sqlite.Options{MaxPages: pages}), engine.Options{Owner: "second", Lease: shortLease}, policy.Config{})
	b.engine.Adopt(anything)
	v := b.awaitWarning(t, "r")
	for !strings.Contains(v.Warnings[0], "full") { // another warning comes first: that no process drives the run
		v = b.awaitWarning(t, "r")
	}
	if v.Status != chain.InProgress || slices.Contains(b.Probes.Seen(), "last") {
		t.Errorf("while the disk is full: %+v, %v", v, b.Probes.Seen())
	}
	for len(b.Probes.Seen()) < 5 { // more often than a run may lose its process
		b.awaitWarning(t, "r")
	}
	do("delete from other")
	if v := b.End(t, "r"); v.Status != chain.Completed || len(v.Warnings) > 0 {
		t.Errorf("with room again: %+v", v)
	}
	if n := slices.Index(b.Probes.Seen(), "last"); n != len(b.Probes.Seen())-1 {
		t.Errorf("the last task ran more than once: %v", b.Probes.Seen())
	}
	var found string
	if err := db.QueryRowContext(t.Context(), "pragma integrity_check").Scan(&found); err != nil || found != "ok" {
		t.Errorf("the file: %s, %v", found, err)
	}
}
