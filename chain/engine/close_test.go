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
	"github.com/chainwright/chainwright/executors/policy"
)

// Close gives up tasks that ignore the end of the engine. They have the grace
// period to end, and once more to stop. Their runs are recorded as failed.
func TestCloseGivesUpDeafTasks(t *testing.T) {
	t.Parallel()
	const (
		grace = 3 * time.Second
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
				b := newBench(t, memory.Open(memory.Options{}), engine.Options{Grace: grace}, policy.Config{})
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
				if took := time.Since(begun); took > 2*grace {
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
