package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
)

// Selection selects tools: those in Toolsets or Tools, or all if both are empty,
// without those in Exclude. ReadOnly allows only calls that change nothing.
type Selection struct {
	Toolsets []string
	Tools    []string
	Exclude  []string
	ReadOnly bool
	// Strict selects executors too: no task tree and no plan may use others.
	Strict bool
	// Within is a second selection; nil: none. A tool must be in both.
	Within *Selection
}

// toolsetAll is the toolset that contains all tools.
const toolsetAll = "all"

// takes reports whether a tool is selected.
func (s *Selection) takes(name, toolset string) bool {
	if slices.Contains(s.Exclude, name) {
		return false
	}
	if s.Within != nil && !s.Within.takes(name, toolset) {
		return false
	}
	if len(s.Toolsets) == 0 && len(s.Tools) == 0 {
		return true
	}
	return s.names(name, toolset)
}

// names reports whether the selection names a tool or its toolset.
func (s *Selection) names(tool, toolset string) bool {
	return slices.Contains(s.Tools, tool) || slices.Contains(s.Toolsets, toolset) || slices.Contains(s.Toolsets, toolsetAll)
}

// Withheld returns the executors that task trees and plans may not use: those in
// Exclude, and with Strict all that are not selected.
func (s *Selection) Withheld(registry *executors.Registry) []string {
	if s == nil {
		return nil
	}
	withheld := append(s.Within.Withheld(registry), s.Exclude...)
	if s.Strict {
		for _, executor := range registry.All() {
			if def := executor.Definition(); !s.takes(def.ID, def.Toolset) {
				withheld = append(withheld, def.ID)
			}
		}
	}
	return withheld
}

// reaches reports whether discovery may return an executor. Unless the selection
// is strict, names in Tools do not count without toolsets: they are the tools to
// publish, and with discovery executors are none.
func (s *Selection) reaches(def *executors.Definition) bool {
	if s == nil {
		return true
	}
	own := Selection{Toolsets: s.Toolsets, Exclude: s.Exclude}
	if len(s.Toolsets) > 0 || s.Strict {
		own.Tools = s.Tools
	}
	_, readable := def.ReadOnlyInput()
	return own.takes(def.ID, def.Toolset) && (readable || !s.ReadOnly) && s.Within.reaches(def)
}

// readOnly reports whether the selection allows only calls that change nothing.
func (s *Selection) readOnly() bool { return s != nil && (s.ReadOnly || s.Within.readOnly()) }

// Narrowed applies a selection to a published tool. It reports false if the
// selection removes the tool.
func (s *Set) Narrowed(tool Tool, narrow *Selection) (Tool, bool) {
	if narrow == nil {
		return tool, true
	}
	if !narrow.takes(tool.Name, tool.Toolset) {
		return Tool{}, false
	}
	if narrow.readOnly() {
		tool, ok := s.current.Load().reading[tool.Name]
		return tool, ok
	}
	return tool, true
}

// check checks the names in the server's selection. A typing error in Exclude
// would leave the tool published.
func (s *Set) check() error {
	if err := s.CheckNames(&s.opts.Selection); err != nil {
		return err
	}
	for _, name := range s.opts.Tools {
		if setting, closed := s.opts.Registry.Closed(name); closed {
			return fmt.Errorf("tool %q is closed by policy; the setting %s opens it", name, setting)
		}
	}
	return nil
}

// CheckNames returns an error for a name in a selection that does not exist.
func (s *Set) CheckNames(selection *Selection) error {
	var names, toolsets []string
	for _, tool := range s.runs.tools(false) {
		names, toolsets = append(names, tool.Name), append(toolsets, tool.Toolset)
	}
	names, toolsets = slices.Concat(names, discoveryTools, scheduleTools), append(toolsets, toolsetDiscovery, toolsetSchedules)
	for _, executor := range s.opts.Registry.All() {
		def := executor.Definition()
		names, toolsets = append(names, def.ID), append(toolsets, def.Toolset)
	}
	toolsets = append(toolsets, toolsetAll)
	for each := selection; each != nil; each = each.Within {
		for _, name := range slices.Concat(each.Tools, each.Exclude) {
			if !slices.Contains(names, name) {
				return unknown("tool", name, names)
			}
		}
		for _, name := range each.Toolsets {
			if !slices.Contains(toolsets, name) {
				return unknown("toolset", name, toolsets)
			}
		}
	}
	return nil
}

func unknown(kind, name string, known []string) error {
	slices.Sort(known)
	known = slices.Compact(known)
	if hint := nearest.Hint(name, known); hint != "" {
		return fmt.Errorf("there is no %s %q; %s", kind, name, hint)
	}
	return fmt.Errorf("there is no %s %q; the known names are %s", kind, name, strings.Join(known, ", "))
}

// rebuild replaces the snapshot of the usable and selected tools.
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
		if !tool.onRequest || s.opts.names(tool.Name, tool.Toolset) {
			next.list = append(next.list, tool)
		}
		next.byName[tool.Name] = tool
		if readable {
			next.reading[tool.Name] = reading
		}
	}
	held := s.opts.Registry.Policy().ReadOnly()
	for _, tool := range s.runs.tools(held) {
		add(tool, tool, tool.Annotations.ReadOnly)
	}
	for _, tool := range s.discovery() {
		reading := tool // run_executor itself refuses calls that change something
		reading.Annotations.ReadOnly, reading.Annotations.Destructive = true, false
		if held {
			tool = reading
		}
		add(tool, reading, true)
	}
	if !s.opts.Discovery {
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
	s.nameTools(next)
	s.current.Store(next)
}

// usable reports whether an executor can be a tool: policy allows it, and it
// works outside of a tree.
func (s *Set) usable(def *executors.Definition) bool {
	_, closed := s.opts.Registry.Closed(def.ID)
	return !closed && !def.AcceptsDependencies
}
