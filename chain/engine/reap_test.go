package engine_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// reaped is an executor that notes the runs whose leftovers it is to end.
type reaped struct {
	executors.Executor
	runs chan string
}

func (r reaped) Reap(ctx context.Context, _ *policy.Policy, run string) error {
	select {
	case r.runs <- run:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// What a process that was killed has left of a run is ended by the one that takes
// the run over, also to cancel it. If that takes long, the engine still closes.
func TestLeftoversEnd(t *testing.T) {
	t.Parallel()
	writes := strings.ReplaceAll(killed, `"probe"`, `"probe_write"`) // their start is on record before they begin
	for name, end := range map[string]func(b *bench, id string) error{
		"retry": func(b *bench, id string) error {
			_, err := b.Retry(context.Background(), id, nil, "")
			return err
		},
		"cancel": func(b *bench, id string) error {
			_, err := b.Cancel(context.Background(), id, "", "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "runs.db")
			id, kill := startChild(t, path, writes)
			b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Grace: executortest.Patience, Lease: shortLease}, policy.Config{})
			probe, _ := b.Registry.Lookup("probe_write")
			left := reaped{probe, make(chan string)}
			if err := b.Registry.Register(left); err != nil {
				t.Fatal(err)
			}
			kill()
			take := func(id string) {
				t.Helper()
				b.awaitWarning(t, id) // that no process drives it
				if err := end(b, id); err != nil {
					t.Fatal(err)
				}
			}
			take(id)
			var got string
			executortest.Ends(t, "the search for leftovers", func() { got = <-left.runs })
			if got != id {
				t.Errorf("reaped %s, not %s", got, id)
			}
			again, kill := startChild(t, path, writes)
			kill()
			take(again) // it is not asked for again
			executortest.Ends(t, "Close", func() {
				if err := b.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
