package engine_test

import (
	"fmt"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// What the request forbade that started a run holds in the process that goes on
// with it, and in the ones after. A retry has a request of its own.
func TestRestrictionIsKept(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]policy.Restriction{"read-only": {ReadOnly: true}, "exclude": {Exclude: []string{"probe_write", "noop"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, engine.Options{Owner: "0"}, func(t *testing.T, a *bench) {
				a.engine.Adopt(anything)
				run, err := a.Start(policy.Restrict(t.Context(), r), a.Tree(t, `[{"id":"r","name":"r","schemas":{"method":"probe"},"inputs":{"mark":"r","sleep":2}},
					{"id":"w","name":"w","schemas":{"method":"probe_write"},"dependencies":["r"],"inputs":{"mark":"w"}}]`), chain.RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				last := a
				for i := range 3 {
					awaitMarks(t, last.Probes, map[string]int{"r": 1})
					if err := last.engine.Close(t.Context()); err != nil {
						t.Fatal(err)
					}
					last = newBench(t, unclosed{a.store}, engine.Options{Owner: fmt.Sprint(i + 1)}, policy.Config{})
					last.engine.Adopt(anything)
				}
				v := last.End(t, run.ID)
				if v.Tasks[0].Status != chain.Completed || v.Tasks[1].ErrorType != executors.PermissionDenied || last.Probes.Called("w") > 0 {
					t.Errorf("%+v", v.Tasks)
				}
				row, err := a.store.Run(t.Context(), run.ID)
				if err != nil || len(row.Within) > 60 {
					t.Errorf("on record is %q, %v", row.Within, err)
				}
				if _, err := last.Retry(t.Context(), run.ID, nil, ""); err != nil {
					t.Fatal(err)
				}
				if v := last.End(t, run.ID); v.Status != chain.Completed {
					t.Errorf("after the retry: %+v", v)
				}
			})
		})
	}
}
