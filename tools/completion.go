package tools

import (
	"context"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

// maxCompletions is the most values that the protocol allows in one result.
const maxCompletions = 100

// CompletePrompt suggests values for an argument of a prompt.
func (s *Set) CompletePrompt(ctx context.Context, prompt, argument, begun string) []string {
	for _, p := range prompts() {
		if p.Name != prompt {
			continue
		}
		for _, a := range p.Arguments {
			if a.Name != argument {
				continue
			}
			switch a.Complete {
			case "executor":
				return beginning(s.executorIDs(ctx), begun)
			case "run":
				return beginning(s.runIDs(ctx), begun)
			}
			return beginning(a.Enum, begun)
		}
	}
	return nil
}

// CompleteResource suggests values for a variable in a resource's address.
// given are the variables that are already set.
func (s *Set) CompleteResource(ctx context.Context, uri, place, begun string, given map[string]string) []string {
	switch {
	case uri == ExecutorResource && place == "id":
		return beginning(s.executorIDs(ctx), begun)
	case (uri == RunResource || uri == ResultResource) && place == "id":
		return beginning(s.runIDs(ctx), begun)
	case uri == ResultResource && place == "task":
		return beginning(s.taskIDs(ctx, given["id"]), begun)
	case uri == TreeResource && place == "name":
		return beginning(s.SavedTrees(), begun)
	}
	return nil
}

func (s *Set) executorIDs(ctx context.Context) []string {
	var ids []string
	for _, resource := range s.ExecutorResources(ctx) {
		ids = append(ids, resource.Name)
	}
	return ids
}

// runIDs returns the ids of the newest runs that the caller may read.
func (s *Set) runIDs(ctx context.Context) []string {
	if !CallerFrom(ctx).Scopes.Allow(ScopeRunsRead) {
		return nil
	}
	list, _, err := s.opts.Runner.List(ctx, chain.ListOptions{Limit: maxCompletions, Principal: CallerFrom(ctx).Principal})
	if err != nil {
		s.opts.Log.Warn().Err(err).Msg("completing a run id")
	}
	var ids []string
	for _, run := range list {
		ids = append(ids, run.RunID)
	}
	return ids
}

func (s *Set) taskIDs(ctx context.Context, run string) []string {
	if run == "" || !CallerFrom(ctx).Scopes.Allow(ScopeRunsRead) {
		return nil
	}
	view, err := s.opts.Runner.Get(ctx, run, CallerFrom(ctx).Principal, chain.ResultsUpTo(0))
	if err != nil {
		return nil
	}
	var ids []string
	for _, task := range view.All() {
		ids = append(ids, task.ID)
	}
	return ids
}

// beginning returns the values that begin with the typed text.
func beginning(values []string, begun string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool {
		return !strings.HasPrefix(strings.ToLower(value), strings.ToLower(begun))
	})
}
