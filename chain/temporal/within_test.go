//go:build temporal

package temporal_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// What the request forbade that started a run holds in the workers, which are other
// processes, for tasks and for elements. A retry has a request of its own.
func TestTemporalRestrictionIsKept(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	path, queue := filepath.Join(t.TempDir(), "runs.db"), fmt.Sprintf("within-%d", queues.Add(1))
	b := bench(t, server, sqlite.Open(path, sqlite.Options{}), false, func(o *temporal.Options) { o.Queue = queue })
	startWorker(t, server, path, queue)
	for name, c := range map[string]struct {
		forbidden policy.Restriction
		left      chain.State // of what only reads
	}{
		"nothing":   {policy.Restriction{}, chain.Completed},
		"read-only": {policy.Restriction{ReadOnly: true}, chain.Completed},
		"writing":   {policy.Restriction{Exclude: []string{"probe_write"}}, chain.Completed},
		"both":      {policy.Restriction{Exclude: []string{"probe_write", "probe"}}, chain.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			run, err := b.Start(policy.Restrict(t.Context(), c.forbidden), b.Tree(t, `[{"id":"r","executor":"probe"},
				{"id":"w","executor":"probe_write"},
				{"id":"each","executor":"probe_write","for_each":[1,2],"inputs":{"value":"${{ item }}"}}]`), chain.RunOptions{OnFailure: chain.OnFailureContinue})
			if err != nil {
				t.Fatal(err)
			}
			v := b.End(t, run.ID)
			if v.Tasks[0].Status != c.left || v.Tasks[0].Status == chain.Failed && v.Tasks[0].ErrorType != executors.PermissionDenied {
				t.Errorf("what only reads is %+v", v.Tasks[0])
			}
			if name == "nothing" {
				if v.Status != chain.Completed {
					t.Errorf("nothing is forbidden: %+v", v)
				}
				return
			}
			for _, w := range v.Tasks[1:] {
				if w.Status != chain.Failed || w.ErrorType != executors.PermissionDenied {
					t.Errorf("what writes is %+v", w)
				}
			}
			if _, err := b.Retry(t.Context(), run.ID, nil, ""); err != nil {
				t.Fatal(err)
			}
			if v := b.End(t, run.ID); v.Status != chain.Completed {
				t.Errorf("after the retry: %+v", v)
			}
			b.Consistent(t, run.ID)
		})
	}
}
