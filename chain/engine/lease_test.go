package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// frozen is the store of a process that can be stopped and continued: while it is
// stopped, nothing it does comes to an end.
type frozen struct {
	store.Store
	mu   sync.RWMutex
	open chan struct{} // closed: the process runs
}

func newFrozen(s store.Store) *frozen {
	f := &frozen{Store: s, open: make(chan struct{})}
	close(f.open)
	return f
}

func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = make(chan struct{})
}

func (f *frozen) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.open)
}

func (f *frozen) wait() {
	f.mu.RLock()
	open := f.open
	f.mu.RUnlock()
	<-open
}

func (f *frozen) Append(b *store.Batch, done func(error)) {
	f.mu.RLock()
	open := f.open
	f.mu.RUnlock()
	select {
	case <-open:
		f.Store.Append(b, done)
	default:
		go func() {
			<-open
			f.Store.Append(b, done)
		}()
	}
}

func (f *frozen) Beat(ctx context.Context, owner string) error {
	f.wait()
	return f.Store.Beat(ctx, owner)
}

func (f *frozen) Held(ctx context.Context, owner string) (map[string]int64, error) {
	f.wait()
	return f.Store.Held(ctx, owner)
}

func (f *frozen) TakeCancels(ctx context.Context, owner string) ([]store.Cancel, error) {
	f.wait()
	return f.Store.TakeCancels(ctx, owner)
}

func (f *frozen) Close() error { return nil }

// counting counts the heartbeats.
type counting struct {
	store.Store
	mu    sync.Mutex
	beats int
}

func (c *counting) Beat(ctx context.Context, owner string) error {
	c.mu.Lock()
	c.beats++
	c.mu.Unlock()
	return c.Store.Beat(ctx, owner)
}

// A process stores one heartbeat, whatever the number of its runs, and no other
// process takes them meanwhile.
func TestOneHeartbeat(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "unused"}, func(t *testing.T, unused *bench) {
		c := &counting{Store: unclosed{unused.store}}
		a := newBench(t, c, engine.Options{Owner: "a", Lease: 2 * time.Second}, policy.Config{})
		other := newBench(t, unclosed{unused.store}, engine.Options{Owner: "b", Lease: 2 * time.Second}, policy.Config{})
		other.engine.Adopt(anything)
		tree := a.Tree(t, `[{"id":"s","name":"s","schemas":{"method":"probe"},"inputs":{"sleep":5}}]`)
		var ids []string
		for range 50 {
			run, err := a.Start(t.Context(), tree, chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, run.ID)
		}
		begun := time.Now()
		for _, id := range ids {
			if v := a.End(t, id); v.Status != chain.Completed {
				t.Errorf("%+v", v)
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if most := int(time.Since(begun)/(500*time.Millisecond)) + 2; c.beats == 0 || c.beats > most {
			t.Errorf("%d heartbeats", c.beats)
		}
		if n := len(other.Probes.Seen()) + other.Probes.Called("s"); n > 0 {
			t.Errorf("another process ran %d tasks", n)
		}
	})
}

// A process that can't reach the store stops what can't be repeated before its
// lease ends, and starts nothing.
func TestFence(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "unused"}, func(t *testing.T, unused *bench) {
		first := newFrozen(unused.store)
		a := newBench(t, first, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
		run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"w","name":"w","schemas":{"method":"probe_write"},"inputs":{"sleep":29,"mark":"w"}},
			{"id":"r","name":"r","schemas":{"method":"probe"},"inputs":{"sleep":1,"mark":"r"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitMarks(t, a.Probes, map[string]int{"w": 1, "r": 1})
		first.freeze()
		for a.Probes.InFlight() > 1 {
			time.Sleep(time.Millisecond)
		}
		first.thaw()
		v := a.End(t, run.ID)
		if v.Tasks[0].ErrorType != executors.Interrupted || v.Tasks[1].Status != chain.Completed {
			t.Errorf("%+v", v.Tasks)
		}
	})
}

// away is a store that fails for a while.
type away struct {
	store.Store
	mu   sync.Mutex
	gone bool
}

var errAway = errors.New("it is away")

func (a *away) Append(b *store.Batch, done func(error)) {
	a.mu.Lock()
	gone := a.gone
	a.mu.Unlock()
	if gone {
		done(errAway)
		return
	}
	a.Store.Append(b, done)
}

// A run whose records can't be stored for a while goes on when they can.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "unused"}, func(t *testing.T, unused *bench) {
		s := &away{Store: unclosed{unused.store}}
		a := newBench(t, s, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
		a.engine.Adopt(anything)
		run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"r","name":"r","schemas":{"method":"probe"},"inputs":{"sleep":0.3,"mark":"r"}},
			{"id":"next","name":"next","schemas":{"method":"probe"},"dependencies":["r"]}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitMarks(t, a.Probes, map[string]int{"r": 1})
		s.mu.Lock()
		s.gone = true
		s.mu.Unlock()
		v := a.awaitWarning(t, run.ID)
		if v.Status != chain.InProgress || !strings.Contains(v.Warnings[0], "it is away") {
			t.Errorf("while the store is away: %+v", v)
		}
		s.mu.Lock()
		s.gone = false
		s.mu.Unlock()
		if v := a.End(t, run.ID); v.Status != chain.Completed || len(v.Warnings) > 0 {
			t.Errorf("%+v", v)
		}
	})
}

// A run whose records can't be stored once, although the ones after could be, is
// stopped here and goes on: that it was stopped is not on record.
func TestStoreFailsOnce(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "unused"}, func(t *testing.T, unused *bench) {
		s := &once{away: away{Store: unclosed{unused.store}}}
		a := newBench(t, s, engine.Options{Owner: "a", Lease: shortLease}, policy.Config{})
		a.engine.Adopt(anything)
		run, err := a.Start(t.Context(), a.Tree(t, `[{"id":"slow","name":"slow","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"slow"}},
			{"id":"r","name":"r","schemas":{"method":"probe"},"inputs":{"sleep":0.2,"mark":"r"}},
			{"id":"next","name":"next","schemas":{"method":"probe"},"dependencies":["r"]}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitMarks(t, a.Probes, map[string]int{"r": 1, "slow": 1})
		s.mu.Lock()
		s.gone = true
		s.mu.Unlock()
		late := time.AfterFunc(2*time.Second, a.Probes.Release) // what is in progress keeps the run here for a while
		defer late.Stop()
		if v := a.End(t, run.ID); v.Status != chain.Completed || v.Counts[chain.Completed] != 3 {
			t.Errorf("%+v", v)
		}
		list, err := unused.store.Transitions(t.Context(), run.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range list {
			if tr.Problem != nil {
				t.Errorf("on record: %+v, %+v", tr, tr.Problem)
			}
		}
	})
}

// once is away for one batch.
type once struct{ away }

func (o *once) Append(b *store.Batch, done func(error)) {
	o.away.Append(b, done)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = false
}
