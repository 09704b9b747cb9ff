package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/transport/app"
)

// leave records a run of ann that another process left: it had other settings,
// or its caller had more scopes.
func leave(t *testing.T, s *site, id, kind, name, inputs, task string) {
	t.Helper()
	row := &store.Run{
		ID: id, Kind: kind, Name: name, Principal: "ann", Owner: "gone", Status: string(chain.Failed), Inputs: []byte(inputs),
		Tasks: []store.Task{{ID: "a", Executor: task, Parent: -1}}, MaxParallel: 1, OnFailure: chain.OnFailureContinue, CreatedAt: time.Now(), Policy: "another",
	}
	if kind == store.KindTree {
		row.Tree = fmt.Appendf(nil, `{"tasks": [%s]}`, map[string]string{"write": writeTask, "indirect": indirect}[task])
	} else {
		row.Outcome = &store.Transition{State: string(chain.Failed), Attempt: 1, Problem: &store.Problem{Type: string(executors.NetworkError), Message: "x"}}
	}
	if _, err := s.Parts().Store.Create(t.Context(), row); err != nil {
		t.Fatal(err)
	}
}

// Work that another process left is continued under what the server and the
// present caller allow, and only by its principal.
func TestContinuedRunsAreCheckedAgain(t *testing.T) {
	t.Parallel()
	scopes := func(list ...string) *tools.Caller {
		return &tools.Caller{Principal: "ann", Scopes: list, Narrow: tools.Scopes(list).Selection()}
	}
	const allowed, notFound, refused = "", executors.NotFound, executors.PermissionDenied
	for name, c := range map[string]struct {
		selection app.Selection
		readOnly  bool
		caller    *tools.Caller
		// of a run that uses write, of a tree with the user-made executor that does,
		// and of a prompt chain that does
		write, nested, chained executors.ErrorType
	}{
		"its principal":           {caller: &tools.Caller{Principal: "ann"}},
		"another principal":       {caller: &tools.Caller{Principal: "bob"}, write: notFound, nested: notFound, chained: notFound},
		"the local principal":     {caller: &tools.Caller{}, write: notFound, nested: notFound, chained: notFound},
		"the server excludes":     {selection: app.Selection{Exclude: []string{"write"}}, caller: &tools.Caller{Principal: "ann"}, write: refused, nested: refused, chained: refused},
		"the server is read-only": {readOnly: true, caller: &tools.Caller{Principal: "ann"}, write: refused, nested: refused, chained: refused},
		"the request excludes":    {caller: &tools.Caller{Principal: "ann", Narrow: &tools.Selection{Exclude: []string{"write"}}}, write: refused, nested: refused, chained: refused},
		"the request only reads":  {caller: &tools.Caller{Principal: "ann", Narrow: &tools.Selection{ReadOnly: true}}, write: notFound, nested: notFound, chained: notFound}, // it has no retry_run
		"scopes with all":         {caller: scopes("tools:call", "tool:retry_run", "tool:write", "tool:indirect", "tool:prompt_chain")},
		"scopes with the chain":   {caller: scopes("tools:call", "tool:retry_run", "tool:prompt_chain"), write: refused, nested: refused, chained: refused},
		"scopes with the wrapper": {caller: scopes("tools:call", "tool:retry_run", "tool:indirect"), write: refused, nested: allowed, chained: refused}, // its file decides what it uses
		"scopes for retries":      {caller: scopes("tools:call", "tool:retry_run"), write: refused, nested: refused, chained: refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.selection, c.readOnly)
			ctx := tools.WithCaller(t.Context(), c.caller)
			leave(t, s, "tree", store.KindTree, "", `{}`, "write")
			leave(t, s, "nested", store.KindTree, "", `{}`, "indirect")
			leave(t, s, "chain", store.KindCall, promptchain.ID, `{"input": "x", "steps": [{"executor": "write", "inputs": {"text": "x"}}]}`, promptchain.ID)
			for id, want := range map[string]executors.ErrorType{"tree": c.write, "nested": c.nested, "chain": c.chained} {
				arguments := fmt.Sprintf(`{"run_id": %q, "wait_seconds": 30}`, id)
				if id != "chain" {
					arguments = fmt.Sprintf(`{"run_id": %q, "tasks": ["a"], "wait_seconds": 30}`, id)
				}
				_, err := s.use(ctx, tools.RetryRun, arguments)
				switch {
				case want == allowed && err != nil:
					t.Errorf("%s: %v (%s)", id, err, err.Type)
				case want == allowed:
				case err == nil:
					t.Errorf("%s: it was continued", id)
				case want == notFound && err.Type != notFound && !strings.Contains(err.Message, "not published"):
					t.Errorf("%s: %v (%s)", id, err, err.Type)
				case want == refused && !refusal(err):
					t.Errorf("%s: %v (%s)", id, err, err.Type)
				}
				if want == notFound && c.caller.Principal != "ann" {
					_, err := s.use(ctx, tools.CancelRun, fmt.Sprintf(`{"run_id": %q}`, id))
					if err == nil || err.Type != notFound {
						t.Errorf("%s: cancel: %v", id, err)
					}
				}
			}
		})
	}
}
