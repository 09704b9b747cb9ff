package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// FireSchedules starts the runs of the saved trees whose schedules are enabled
// and due, until the context ends. Serve calls it; a program that uses Handler
// calls it itself. Any number of processes that share a store may fire: each run
// is started once.
func (a *App) FireSchedules(ctx context.Context) {
	if a.book == nil {
		return
	}
	schedule.NewScheduler(schedule.Options{Book: a.book, Engine: a.runner, Permit: a.permit, Log: a.options.log}).Run(ctx)
}

// serverToken is the principal of HTTP.Token.
const serverToken = "token"

// permit returns an error if a principal may not run a tree now: its token is
// gone, or the scopes of all its tokens exclude an executor of the tree. The
// user of this machine has no token and no scopes.
func (a *App) permit(principal string, tree *chain.Tree) error {
	if principal == "" || principal == serverToken && a.options.http.Token != "" {
		return nil
	}
	if a.options.http.OAuth.issued(principal) {
		return nil // its token is not kept: its scopes were checked when it enabled this tree
	}
	refused := executors.Errorf(executors.PermissionDenied, "there is no token of the principal %q any more", principal).
		WithHint("the operator gives it one in http.tokens, or enables the schedule for another principal")
	for i := range a.options.http.Tokens {
		t := &a.options.http.Tokens[i]
		if cmp.Or(t.Principal, t.Name) != principal {
			continue
		}
		scopes := tools.Scopes(t.Scopes)
		if !scopes.Allow(tools.ScopeToolsCall) {
			refused = executors.Errorf(executors.PermissionDenied, "the token %s may not call tools", t.Name).WithHint("the operator adds the scope " + tools.ScopeToolsCall)
			continue
		}
		excluded := a.excluded(scopes, tree)
		if excluded == nil {
			return nil
		}
		refused = executors.Errorf(executors.PermissionDenied, "task %s uses %s, which the scopes of the token %s do not allow", excluded.ID, excluded.Executor, t.Name).
			WithHint("the operator adds the scope tool:" + excluded.Executor)
	}
	return refused
}

// excluded returns a task of a tree that scopes do not allow; nil: there is none.
func (a *App) excluded(scopes tools.Scopes, tree *chain.Tree) *chain.Task {
	withheld := scopes.Selection().Withheld(a.registry)
	for task := range tree.Every() {
		if slices.Contains(withheld, task.Executor) {
			return task
		}
	}
	return nil
}
