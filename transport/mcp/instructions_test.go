package mcp

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

// The instructions name each tool that the caller sees, with what it does, and no
// other tool.
func TestInstructions(t *testing.T) {
	t.Parallel()
	open := opened(t)
	caller := func(scopes ...string) *tools.Caller {
		return &tools.Caller{Scopes: scopes, Narrow: tools.Scopes(scopes).Selection()}
	}
	for name, c := range map[string]struct {
		cfg    policy.Config
		change func(*tools.Options)
		caller *tools.Caller
		has    []string
		hasNot []string
		tokens int
	}{
		"default":    {has: []string{"- rest_executor: fetch", "- run_task_tree: ", "- get_run: "}, hasNot: []string{"file_reader", "find_executor", "Here:"}, tokens: 350},
		"all open":   {cfg: open, has: []string{"- file_reader: ", "- command_executor: ", "- llm_executor: "}, hasNot: []string{"find_executor", "Here:", "git log"}, tokens: 600},
		"discovery":  {cfg: open, change: func(o *tools.Options) { o.Discovery = true }, has: []string{"- find_executor: ", "- run_executor: ", "- run_task_tree: "}, hasNot: []string{"file_reader", "rest_executor"}, tokens: 350},
		"excluded":   {cfg: open, change: func(o *tools.Options) { o.Exclude = []string{"rest_executor", "run_task_tree"} }, has: []string{"- file_reader: "}, hasNot: []string{"rest_executor", "run_task_tree"}},
		"header":     {cfg: open, caller: &tools.Caller{Narrow: &tools.Selection{Exclude: []string{"rest_executor"}}}, has: []string{"- file_reader: "}, hasNot: []string{"rest_executor"}},
		"reading":    {cfg: open, caller: &tools.Caller{Narrow: &tools.Selection{ReadOnly: true}}, has: []string{"- file_reader: "}, hasNot: []string{"file_writer", "run_task_tree", "command_executor"}},
		"one tool":   {cfg: open, caller: caller("tools:read", "tools:call", "tool:db_query"), has: []string{"- db_query: "}, hasNot: []string{"rest_executor", "run_task_tree", "file_reader"}},
		"no reading": {cfg: open, caller: caller("tools:call"), hasNot: []string{"- ", "Tools:", "run_task_tree"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.caller != nil {
				ctx = tools.WithCaller(ctx, c.caller)
			}
			srv := New(set(t, c.cfg, c.change), Options{})
			for _, request := range []string{
				`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`,
				`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modern + `}}`,
			} {
				var reply struct{ Result struct{ Instructions string } }
				unmarshal(t, srv.Handle(ctx, message(t, request), nil), &reply)
				text := reply.Result.Instructions
				if !strings.HasPrefix(text, "Chainwright runs executors") || c.tokens > 0 && len(text)/4 > c.tokens {
					t.Errorf("%d tokens: %s", len(text)/4, text)
				}
				for _, each := range c.has {
					if !strings.Contains(text, each) {
						t.Errorf("%q is missing in %s", each, text)
					}
				}
				for _, each := range c.hasNot {
					if strings.Contains(text, each) {
						t.Errorf("%q is in %s", each, text)
					}
				}
			}
		})
	}
}

// Hundreds of tools are not all named.
func TestInstructionsOfManyTools(t *testing.T) {
	t.Parallel()
	many := stack(t)
	for i := range 60 {
		def := *many.Registry.All()[0].Definition()
		def.ID = fmt.Sprintf("own_%02d", i)
		own := executors.New(&def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil })
		if err := many.Registry.Register(own); err != nil {
			t.Fatal(err)
		}
	}
	text := instructions(t.Context(), many.Set)
	more := len(many.Set.Tools()) - maxNamed
	if n := strings.Count(text, "\n- "); n != maxNamed+1 || !strings.HasSuffix(text, fmt.Sprintf("\n- %d more: see the list of tools", more)) {
		t.Errorf("%d lines: %s", n, text)
	}
}
