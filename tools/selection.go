package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
)

// Selection chooses tools. Toolsets and Tools add up, and where both are
// empty everything is chosen; Exclude takes away from that; ReadOnly holds
// what is left to calls that change nothing.
type Selection struct {
	Toolsets []string
	Tools    []string
	Exclude  []string
	ReadOnly bool
}

// toolsetAll is the toolset that everything belongs to.
const toolsetAll = "all"

// takes reports whether a tool is chosen.
func (s *Selection) takes(name, toolset string) bool {
	if slices.Contains(s.Exclude, name) {
		return false
	}
	if len(s.Toolsets) == 0 && len(s.Tools) == 0 {
		return true
	}
	return slices.Contains(s.Tools, name) || slices.Contains(s.Toolsets, toolset) || slices.Contains(s.Toolsets, toolsetAll)
}

// Narrowed gives the published tool as a smaller selection leaves it, and
// false where it takes the tool away.
func (s *Set) Narrowed(tool Tool, narrow *Selection) (Tool, bool) {
	if narrow == nil {
		return tool, true
	}
	if !narrow.takes(tool.Name, tool.Toolset) {
		return Tool{}, false
	}
	if narrow.ReadOnly {
		tool, ok := s.current.Load().reading[tool.Name]
		return tool, ok
	}
	return tool, true
}

// check refuses a selection that names what does not exist: a name mistyped
// in an exclusion would leave the tool published.
func (s *Set) check() error {
	var names, toolsets []string
	for _, tool := range s.runs.tools(false) {
		names, toolsets = append(names, tool.Name), append(toolsets, tool.Toolset)
	}
	names, toolsets = append(names, discoveryTools...), append(toolsets, toolsetDiscovery)
	for _, executor := range s.opts.Registry.All() {
		def := executor.Definition()
		names, toolsets = append(names, def.ID), append(toolsets, def.Toolset)
	}
	toolsets = append(toolsets, toolsetAll)
	for _, name := range slices.Concat(s.opts.Tools, s.opts.Exclude) {
		if !slices.Contains(names, name) {
			return unknown("tool", name, names)
		}
	}
	for _, name := range s.opts.Toolsets {
		if !slices.Contains(toolsets, name) {
			return unknown("toolset", name, toolsets)
		}
	}
	for _, name := range s.opts.Tools {
		if setting, closed := s.opts.Registry.Closed(name); closed {
			return fmt.Errorf("tool %q is closed by policy: %s opens it", name, setting)
		}
	}
	return nil
}

func unknown(kind, name string, known []string) error {
	slices.Sort(known)
	known = slices.Compact(known)
	if hint := nearest.Hint(name, known); hint != "" {
		return fmt.Errorf("there is no %s %q: %s", kind, name, hint)
	}
	return fmt.Errorf("there is no %s %q; there are %s", kind, name, strings.Join(known, ", "))
}

// rebuild takes a new snapshot of what is usable and chosen.
func (s *Set) rebuild() {
	next := &snapshot{byName: map[string]Tool{}, reading: map[string]Tool{}}
	add := func(tool, reading Tool, readable bool) {
		if !s.opts.takes(tool.Name, tool.Toolset) {
			return
		}
		if s.opts.ReadOnly {
			if !readable {
				return
			}
			tool = reading
		}
		tool.Handle = guarded(tool.Name, s.opts.Log, tool.Handle)
		next.list = append(next.list, tool)
		next.byName[tool.Name] = tool
		if readable {
			reading.Handle = guarded(reading.Name, s.opts.Log, reading.Handle)
			next.reading[tool.Name] = reading
		}
	}
	held := s.opts.Registry.Policy().ReadOnly()
	for _, tool := range s.runs.tools(held) {
		add(tool, tool, tool.Annotations.ReadOnly)
	}
	if s.opts.Discovery {
		for _, tool := range s.discovery() {
			reading := tool // run_executor itself holds the call at hand to reading
			reading.Annotations.ReadOnly, reading.Annotations.Destructive = true, false
			if held {
				tool = reading
			}
			add(tool, reading, true)
		}
	} else {
		for _, executor := range s.opts.Registry.All() {
			def := executor.Definition()
			if !s.usable(def) {
				continue
			}
			reading, readable := s.readingTool(def)
			if held && !readable {
				continue
			}
			tool := s.executorTool(def)
			if held {
				tool = reading
			}
			add(tool, reading, readable)
		}
	}
	slices.SortFunc(next.list, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	s.current.Store(next)
}

// usable reports whether an executor is published as a tool: policy leaves it
// open, and it can do something outside of a tree.
func (s *Set) usable(def *executors.Definition) bool {
	_, closed := s.opts.Registry.Closed(def.ID)
	return !closed && !def.AcceptsDependencies
}
