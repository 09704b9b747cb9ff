package tools

import (
	"context"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

// maxCompletions is how many values the protocol lets one answer hold.
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

// CompleteResource suggests values for a place in a resource's address; given
// are the places filled in already.
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

// runIDs are the newest runs.
func (s *Set) runIDs(ctx context.Context) []string {
	list, _, err := s.opts.Runner.List(ctx, chain.ListOptions{Limit: maxCompletions, Principal: CallerFrom(ctx).Principal})
	if err != nil {
		s.opts.Log.Warn().Err(err).Msg("completing a run's id")
	}
	var ids []string
	for _, run := range list {
		ids = append(ids, run.RunID)
	}
	return ids
}

func (s *Set) taskIDs(ctx context.Context, run string) []string {
	if run == "" {
		return nil
	}
	view, err := s.opts.Runner.Run(ctx, run, CallerFrom(ctx).Principal, chain.ResultsUpTo(0))
	if err != nil {
		return nil
	}
	var ids []string
	for _, task := range view.Tasks {
		ids = append(ids, task.ID)
	}
	return ids
}

// beginning keeps the values that begin with what is typed so far.
func beginning(values []string, begun string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool {
		return !strings.HasPrefix(strings.ToLower(value), strings.ToLower(begun))
	})
}
