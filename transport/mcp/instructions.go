package mcp

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/tools"
)

// instructionsText has three paragraphs: what the program does, how to use
// run_task_tree, and what answers are.
//
//go:embed instructions.md
var instructionsText string

// maxNamed is how many tools the instructions name.
const maxNamed = 40

// instructions returns the text that clients show to the model before it knows
// any tool: what each tool does that this caller can see.
func instructions(ctx context.Context, set *tools.Set) string {
	var listed []tools.Tool
	if tools.CallerFrom(ctx).Scopes.Allow(tools.ScopeToolsRead) {
		for _, tool := range set.Tools() {
			if tool, ok := set.ForCaller(ctx, tool); ok {
				listed = append(listed, tool)
			}
		}
	}
	parts := strings.Split(strings.TrimSpace(instructionsText), "\n\n")
	if !slices.ContainsFunc(listed, func(tool tools.Tool) bool { return tool.Name == tools.RunTaskTree }) {
		parts = slices.Delete(parts, 1, 2)
	}
	text := strings.Join(parts, " ")
	if len(listed) > 0 {
		text += "\n\nTools:"
	}
	for _, tool := range listed[:min(maxNamed, len(listed))] {
		text += "\n- " + tool.Name + ": " + tool.SearchHint
	}
	if more := len(listed) - maxNamed; more > 0 {
		text += fmt.Sprintf("\n- %d more: see the list of tools", more)
	}
	return text
}
