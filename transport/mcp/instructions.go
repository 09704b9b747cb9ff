package mcp

import (
	"context"
	_ "embed"
	"slices"
	"strings"
	"text/template"

	"github.com/chainwright/chainwright/tools"
)

//go:embed instructions.md
var instructionsText string

var instructionsTemplate = template.Must(template.New("instructions").Parse(instructionsText))

// maxNamed is how many tools the instructions name.
const maxNamed = 40

// told is what the instructions are made of.
type told struct {
	Tools []tools.Tool
	More  int // tools that are not named
}

// Has reports whether the instructions may name a tool.
func (t told) Has(name string) bool {
	return slices.ContainsFunc(t.Tools, func(tool tools.Tool) bool { return tool.Name == name })
}

// instructions returns the text that clients show to the model before it knows
// any tool: what each tool does that this caller can see.
func instructions(ctx context.Context, set *tools.Set) string {
	var t told
	if tools.CallerFrom(ctx).Scopes.Allow(tools.ScopeToolsRead) {
		for _, tool := range set.Tools() {
			if tool, ok := set.ForCaller(ctx, tool); ok {
				t.Tools = append(t.Tools, tool)
			}
		}
	}
	if len(t.Tools) > maxNamed {
		t.More, t.Tools = len(t.Tools)-maxNamed, t.Tools[:maxNamed]
	}
	var b strings.Builder
	if err := instructionsTemplate.Execute(&b, t); err != nil {
		panic(err) // a test writes them
	}
	return strings.TrimSpace(b.String())
}
