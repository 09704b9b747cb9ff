package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// The scopes. tool:ID and toolset:NAME are scopes as well: they limit a caller
// to these tools.
const (
	ScopeToolsRead      = "tools:read"
	ScopeToolsCall      = "tools:call"
	ScopeRunsRead       = "runs:read"
	ScopeRunsWrite      = "runs:write"
	ScopeTreesWrite     = "trees:write"
	ScopeSchedulesWrite = "schedules:write"
	ScopeApprove        = "approve"
	ScopeMetrics        = "metrics"

	scopeTool    = "tool:"
	scopeToolset = "toolset:"
)

var plainScopes = []string{
	ScopeToolsRead, ScopeToolsCall, ScopeRunsRead, ScopeRunsWrite, ScopeTreesWrite, ScopeSchedulesWrite, ScopeApprove, ScopeMetrics,
}

// PlainScopes returns the scopes that name no tool and no toolset.
func PlainScopes() []string { return slices.Clone(plainScopes) }

// Scopes are what a caller may do. Nil allows everything.
type Scopes []string

// ParseScopes checks the names of scopes. Set.CheckNames checks the tools and
// toolsets that they name.
func ParseScopes(list []string) (Scopes, error) {
	if list != nil && len(list) == 0 {
		return nil, errors.New("the list is empty; leave it out to allow everything")
	}
	for _, scope := range list {
		tool, isTool := strings.CutPrefix(scope, scopeTool)
		toolset, isToolset := strings.CutPrefix(scope, scopeToolset)
		if !slices.Contains(plainScopes, scope) && (!isTool || tool == "") && (!isToolset || toolset == "") {
			return nil, fmt.Errorf("there is no scope %q; the scopes are %s, tool:ID and toolset:NAME", scope, strings.Join(plainScopes, ", "))
		}
	}
	return slices.Clone(list), nil
}

// Allow reports whether all needed scopes are there.
func (s Scopes) Allow(needed ...string) bool {
	return s == nil || !slices.ContainsFunc(needed, func(scope string) bool { return !slices.Contains(s, scope) })
}

// Selection returns the tools to which the scopes limit the caller; nil if they
// name no tool and no toolset.
func (s Scopes) Selection() *Selection {
	selection := &Selection{Strict: true}
	for _, scope := range s {
		if id, ok := strings.CutPrefix(scope, scopeTool); ok {
			selection.Tools = append(selection.Tools, id)
		} else if name, ok := strings.CutPrefix(scope, scopeToolset); ok {
			selection.Toolsets = append(selection.Toolsets, name)
		}
	}
	if selection.Tools == nil && selection.Toolsets == nil {
		return nil
	}
	return selection
}

// Scoped is implemented by executors whose calls need scopes in addition to
// tools:call.
type Scoped interface {
	// Scopes returns the scopes that a call with these inputs needs.
	Scopes(inputs json.RawMessage) []string
}

// runScopes are the scopes of the tools that work on runs.
var runScopes = map[string]string{
	GetRun: ScopeRunsRead, ListRuns: ScopeRunsRead, CancelRun: ScopeRunsWrite, RetryRun: ScopeRunsWrite, AnswerRun: ScopeApprove,
	ListSchedules: ScopeRunsRead, SetSchedule: ScopeSchedulesWrite,
}

// Needs returns all scopes that a call of a tool needs from a caller with these
// scopes. If they limit the caller to other tools, the tool's own is one of
// them.
func (s *Set) Needs(scopes Scopes, name string, arguments json.RawMessage) []string {
	needed := []string{ScopeToolsCall}
	if scope, ok := runScopes[name]; ok {
		needed = append(needed, scope)
	}
	needed = append(needed, s.executorNeeds(name, arguments)...)
	if selection := scopes.Selection(); selection != nil {
		if tool, ok := s.Lookup(name); ok && !selection.takes(tool.Name, tool.Toolset) {
			needed = append(needed, scopeTool+name)
		}
	}
	return needed
}

// executorNeeds returns the scopes that an executor declares for these inputs.
// A call of run_executor needs those of the executor that it names.
func (s *Set) executorNeeds(name string, arguments json.RawMessage) []string {
	if name == RunExecutor {
		var inputs json.RawMessage
		for key, value := range strictjson.Members(arguments) {
			switch key {
			case "executor":
				name = strictjson.Text(value)
			case "inputs":
				inputs = value
			}
		}
		arguments = inputs
	}
	executor, _ := s.opts.Registry.Lookup(name)
	if scoped, ok := executor.(Scoped); ok {
		return scoped.Scopes(arguments)
	}
	return nil
}

// PromptNeeds returns the scopes that reading a prompt needs.
func (s *Set) PromptNeeds(name string) []string {
	needed := []string{ScopeToolsRead}
	for _, p := range prompts() {
		if p.Name == name && slices.ContainsFunc(p.Arguments, func(a PromptArgument) bool { return a.Complete == "run" }) {
			needed = append(needed, ScopeRunsRead)
		}
	}
	return needed
}
