package tools

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/names"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// The URI templates of the resources.
const (
	RunResource      = "run://{id}"
	ResultResource   = "run://{id}/tasks/{task}/result"
	ExecutorResource = "executor://{id}"
	TreeResource     = "tree://{name}"
)

// Resource is a resource that can be read by its address.
type Resource struct {
	URI, Name, Title, Description string
}

// ExecutorResources returns the published executors as resources, sorted by id.
func (s *Set) ExecutorResources(ctx context.Context) []Resource {
	var list []Resource
	for _, executor := range s.opts.Registry.All() {
		def := executor.Definition()
		if s.reachable(ctx, def) {
			list = append(list, Resource{
				URI: "executor://" + def.ID, Name: def.ID, Title: def.Title, Description: firstSentence(def.Description),
			})
		}
	}
	return list
}

// ReadExecutor returns an executor's description as JSON, also if policy closes
// the executor. It finds none that the caller's scopes exclude.
func (s *Set) ReadExecutor(ctx context.Context, id string) (json.RawMessage, *executors.Error) {
	executor, ok := s.opts.Registry.Lookup(id)
	if !ok || !CallerFrom(ctx).Scopes.Selection().reaches(executor.Definition()) {
		_, err := s.reach(ctx, id)
		return nil, err
	}
	raw, err := plainjson.Marshal(s.description(ctx, executor.Definition()))
	return raw, executors.AsError(err)
}

// ExecutorState is an executor, whether calls may use it, and what they can name.
type ExecutorState struct {
	ID          string                `json:"id"`
	Title       string                `json:"title"`
	Description string                `json:"description"`
	Toolset     string                `json:"toolset"`
	Annotations executors.Annotations `json:"annotations"`
	Open        bool                  `json:"open"`
	// OpenedBy is the setting that opens a closed executor.
	OpenedBy string `json:"opened_by,omitempty"`
	// Names are those that calls can use on this server, by their kind.
	Names map[string][]names.Name `json:"names,omitempty"`
}

// ExecutorStates returns all executors that the scopes of the context's caller do
// not exclude, sorted by id.
func (s *Set) ExecutorStates(ctx context.Context) []ExecutorState {
	list := []ExecutorState{}
	for _, executor := range s.opts.Registry.All() {
		def := executor.Definition()
		if !CallerFrom(ctx).Scopes.Selection().reaches(def) {
			continue
		}
		state := ExecutorState{
			ID: def.ID, Title: def.Title, Description: firstSentence(def.Description), Toolset: def.Toolset,
			Annotations: def.Annotations, Names: s.namesFor(ctx, def),
		}
		setting, closed := s.opts.Registry.Closed(def.ID)
		if state.Open = !closed; closed {
			state.OpenedBy = setting
		}
		list = append(list, state)
	}
	return list
}

// ReadOnly reports whether the context's caller may make only calls that change
// nothing.
func (s *Set) ReadOnly(ctx context.Context) bool { return s.readingOnly(ctx) }

// ConfirmPolicy returns when a person is asked before a call: a value of
// policy.confirm.
func (s *Set) ConfirmPolicy() string { return s.opts.Registry.Policy().Confirm() }

// ReadRun returns a run as JSON, with all its results.
func (s *Set) ReadRun(ctx context.Context, id string) (json.RawMessage, *executors.Error) {
	view, err := s.opts.Runner.Get(ctx, id, CallerFrom(ctx).Principal)
	if err != nil {
		return nil, executors.AsError(err)
	}
	raw, err := plainjson.Marshal(view)
	return raw, executors.AsError(err)
}

// ReadResult returns the whole result of a task; null if it has none.
func (s *Set) ReadResult(ctx context.Context, id, task string) (json.RawMessage, *executors.Error) {
	raw, _, err := s.opts.Runner.TaskResult(ctx, id, task, CallerFrom(ctx).Principal)
	if err == nil && raw == nil {
		raw = json.RawMessage("null")
	}
	return raw, executors.AsError(err)
}
