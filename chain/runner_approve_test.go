package chain_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// What is not approved is not started, and leaves no record; what can't be
// started anyway is not asked about.
func TestApprove(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		no := executors.Errorf(executors.PermissionDenied, "not this one")
		var asked []string
		call := chain.CallOptions{Approve: func(def *executors.Definition, inputs map[string]any) error {
			asked = append(asked, fmt.Sprint(def.ID, inputs["value"]))
			return no
		}}
		if r := b.Call(t.Context(), "probe_write", []byte(`{"value":2}`), call); r.Err != no || r.RunID != "" {
			t.Errorf("%+v", r)
		}
		if r := b.Call(t.Context(), "probe_write", []byte(`{"value":`), call); r.Err == nil || r.Err.Type != executors.ValidationError {
			t.Errorf("%+v", r)
		}
		tree := b.tree(t, `[{"id":"a","schemas":{"method":"probe"},"inputs":{"value":"${{ inputs.n }}"}}]`)
		opts := chain.RunOptions{Inputs: map[string]any{"n": json.Number("7")}, IdempotencyKey: "k", Approve: func(tree *chain.Tree, inputs map[string]any) error {
			asked = append(asked, fmt.Sprintf("%d of %v", len(tree.Tasks), inputs["n"]))
			return no
		}}
		if _, err := b.Start(t.Context(), tree, opts); err != no {
			t.Errorf("%v", err)
		}
		without := opts
		without.Inputs = nil
		if _, err := b.Start(t.Context(), tree, without); executors.AsError(err).Type != executors.ValidationError {
			t.Errorf("%v", err)
		}
		if got := fmt.Sprint(asked); got != "[probe_write2 1 of 7]" {
			t.Errorf("asked about %s", got)
		}
		if list, _, err := b.List(t.Context(), chain.ListOptions{Limit: 10}); err != nil || len(list) > 0 || b.probes.called("a") > 0 {
			t.Errorf("%v were recorded, %v", list, err)
		}
		opts.Approve = func(*chain.Tree, map[string]any) error { return nil }
		if run, err := b.Start(t.Context(), tree, opts); err != nil || run.Reused || b.wait(t, run.ID).Status != chain.Completed {
			t.Errorf("%+v, %v", run, err)
		}
	})
}

// A retry that is not approved leaves the run as it was.
func TestApproveRetry(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, retried, chain.RunOptions{})
		no := executors.Errorf(executors.PermissionDenied, "not this one")
		for want, tasks := range map[string][]string{"[1 2]": nil, "[0 1 2]": {"a"}, "[3]": {"d"}} {
			_, err := b.Retry(t.Context(), v.RunID, tasks, "", func(tree *chain.Tree, _ map[string]any, again []int) error {
				if fmt.Sprint(again) != want || len(tree.Tasks) != 4 {
					t.Errorf("%v: asked about %v", tasks, again)
				}
				return no
			})
			if err != no {
				t.Errorf("%v: %v", tasks, err)
			}
			after, err := b.Run(t.Context(), v.RunID, "")
			if err != nil || after.Status != chain.Failed || after.Tasks[2].Status != chain.Skipped || after.Tasks[3].Status != chain.Completed {
				t.Errorf("%v: %+v, %v", tasks, after, err)
			}
		}
		run, err := b.Retry(t.Context(), v.RunID, nil, "", func(*chain.Tree, map[string]any, []int) error { return nil })
		if err != nil || b.wait(t, run.ID).Status != chain.Completed {
			t.Errorf("%+v, %v", run, err)
		}
	})
}
