package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/names"
)

// mostOfNames is how many bytes of names the descriptions of all tools may have
// together: 250 tokens.
const mostOfNames = 1000

// naming is a tool whose description has the names that its calls are about.
type naming struct {
	id              string
	groups, reading []names.Group // reading: for callers that may change nothing
}

// nameTools puts the names of this server into the descriptions of the tools:
// fewer of each kind if all together are too long.
func (s *Set) nameTools(next *snapshot) {
	var all []naming
	for i := range next.list {
		tool := &next.list[i]
		executor, ok := s.opts.Registry.Lookup(tool.Name)
		if _, run := s.runs.defs[tool.Name]; run || !ok {
			continue
		}
		def := executor.Definition()
		named := naming{tool.Name, names.Own(s.opts.Registry, def, s.opts.ReadOnly), names.Own(s.opts.Registry, def, true)}
		if named.groups != nil || named.reading != nil {
			all = append(all, named)
		}
	}
	_, described := next.byName[DescribeExecutor]
	for most := names.OfKind; len(all) > 0; most-- {
		texts, size := make([][2]string, len(all)), [2]int{}
		for i, each := range all {
			more := DescribeExecutor
			if !described {
				more = "executor://" + each.id
			}
			texts[i] = [2]string{here(each.groups, most, more), here(each.reading, most, more)}
			size[0], size[1] = size[0]+len(texts[i][0]), size[1]+len(texts[i][1])
		}
		if most > 0 && max(size[0], size[1]) > mostOfNames {
			continue
		}
		for i, each := range all {
			next.describe(each.id, texts[i])
		}
		return
	}
}

// describe adds the names to the descriptions of a tool and of its reading form.
func (n *snapshot) describe(id string, texts [2]string) {
	tool := n.byName[id]
	tool.Description = beforeExample(tool.Description, texts[0])
	n.byName[id] = tool
	for i := range n.list {
		if n.list[i].Name == id {
			n.list[i] = tool
		}
	}
	if reading, ok := n.reading[id]; ok {
		reading.Description = beforeExample(reading.Description, texts[1])
		n.reading[id] = reading
	}
}

// here writes the names, at most so many of each kind. more is where all are.
func here(groups []names.Group, most int, more string) string {
	var kinds []string
	for _, group := range groups {
		text, left := names.Enumerate(group.Names, most, "")
		switch {
		case text == "":
			text = fmt.Sprintf("%d %s: %s", left, group.Kind, more)
		case left > 0:
			text = fmt.Sprintf("%s %s, %d more: %s", group.Kind, text, left, more)
		default:
			text = group.Kind + " " + text
		}
		kinds = append(kinds, text)
	}
	if kinds == nil {
		return ""
	}
	return "Here: " + strings.Join(kinds, "; ") + "."
}

// beforeExample puts a text before the example of a description: clients cut off
// the end of a long one.
func beforeExample(description, text string) string {
	if text == "" {
		return description
	}
	if before, example, found := strings.Cut(description, "Example: "); found {
		return strings.TrimSpace(before) + " " + text + " Example: " + example
	}
	return description + " " + text
}

// ForCaller returns a published tool as the caller of a request may see it. It
// reports false if the caller may not use it.
func (s *Set) ForCaller(ctx context.Context, tool Tool) (Tool, bool) {
	caller := CallerFrom(ctx)
	tool, ok := s.Narrowed(tool, caller.Narrow)
	if executor, found := s.opts.Registry.Lookup(tool.Name); found && !caller.Scopes.Allow(ScopeToolsCall) {
		tool.Description = executor.Definition().Description // the names are for calls
	}
	return tool, ok
}

// SeesAll reports whether the caller of a request sees each published tool as it
// is.
func SeesAll(ctx context.Context) bool {
	caller := CallerFrom(ctx)
	return caller.Narrow == nil && caller.Scopes.Allow(ScopeToolsCall)
}

// namesFor returns all names that the calls of an executor may use, by their
// kind; nil if the caller may not call it.
func (s *Set) namesFor(ctx context.Context, def *executors.Definition) map[string][]names.Name {
	if _, ok := s.opts.Registry.Lookup(def.ID); !ok || !s.reachable(ctx, def) || !CallerFrom(ctx).Scopes.Allow(ScopeToolsCall) {
		return nil
	}
	all := map[string][]names.Name{}
	for _, group := range names.Of(s.opts.Registry, def, s.readingOnly(ctx)) {
		all[strings.ReplaceAll(group.Kind, " ", "_")] = group.Names
	}
	return all
}
