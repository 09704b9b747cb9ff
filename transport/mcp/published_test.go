package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// snapshots has every tool as it is published, in one file each.
const snapshots = "../../testdata/tools"

type listed struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema"`
	Annotations  map[string]any  `json:"annotations"`
}

func list(t *testing.T, s *tools.Set) (raw []json.RawMessage, parsed []listed, size int) {
	t.Helper()
	result := ask(t, New(s, Options{}), "tools/list", "")
	var reply struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(result, &reply); err != nil {
		t.Fatal(err)
	}
	for _, each := range reply.Tools {
		var tool listed
		if err := json.Unmarshal(each, &tool); err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, tool)
	}
	return reply.Tools, parsed, len(result)
}

// every returns every tool that can be published.
func every(t *testing.T) (raw []json.RawMessage, parsed []listed) {
	t.Helper()
	for _, discovery := range []bool{false, true} {
		r, p, _ := list(t, set(t, opened(t), func(o *tools.Options) {
			o.Discovery, o.Toolsets = discovery, []string{"all"} // those on request too
			if discovery {
				o.Toolsets = nil
				o.Tools = []string{tools.FindExecutor, tools.RunExecutor}
			}
		}))
		raw, parsed = append(raw, r...), append(parsed, p...)
	}
	return raw, parsed
}

// With everything opened, each tool is published as in its snapshot.
func TestGoldenSnapshots(t *testing.T) {
	t.Parallel()
	raw, parsed := every(t)
	want := map[string]bool{}
	for i, tool := range parsed {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw[i], "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		file := filepath.Join(snapshots, tool.Name+".json")
		want[filepath.Base(file)] = true
		executortest.Golden(t, file, pretty.Bytes())
	}
	files, err := filepath.Glob(filepath.Join(snapshots, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if want[filepath.Base(file)] {
			continue
		}
		t.Errorf("%s is a snapshot of a tool that is not published", file)
	}
}

// userMade has inputs of all kinds, like executors that users make from saved
// trees and MCP servers.
const userMade = `
id: user_made
title: Made by a user
description: "Example: {}"
toolset: own
tags: [own]
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
rare: [inner.one]
input_schema:
  type: object
  additionalProperties: false
  anyOf: [{required: [any]}, {required: [list]}]
  $defs: {word: {type: [string, "null"], pattern: "^a", default: a}}
  properties:
    any: {description: Any value}
    list: {type: array, items: {}}
    word: {$ref: "#/$defs/word"}
    number: {enum: [1, 2]}
    one: {oneOf: [{type: string}, {type: object, properties: {a: {const: 1}}}, {type: array, items: {anyOf: [{type: integer}, {type: object}]}}]}
    inner: {type: object, additionalProperties: false, properties: {one: {}, two: {type: integer, default: 3, maximum: 5}}, if: {required: [one]}, then: {required: [two]}}
    map: {type: object, patternProperties: {"^x": {type: string}}, additionalProperties: {type: [string, number]}}
output_schema: {type: object, properties: {a: {}, b: {type: [string, "null"]}, c: {$ref: "#/properties/b"}}}
`

// Whatever is selected, each published schema is one that all clients take.
func TestLintOfEverySelection(t *testing.T) {
	t.Parallel()
	own := executors.New(executors.MustParse(userMade), func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil })
	made := stack(t, toolstest.Bare(), toolstest.WithExecutors(own)).Set
	for name, set := range map[string]*tools.Set{
		"default":              set(t, policy.Config{}, nil),
		"everything open":      set(t, opened(t), nil),
		"reading":              set(t, opened(t), func(o *tools.Options) { o.ReadOnly = true }),
		"a policy that reads":  set(t, policy.Config{ReadOnly: true}, nil),
		"discovery":            set(t, opened(t), func(o *tools.Options) { o.Discovery = true }),
		"without descriptions": set(t, opened(t), func(o *tools.Options) { o.Exclude = []string{tools.DescribeExecutor} }),
		"made by users":        made,
	} {
		_, parsed, _ := list(t, set)
		for _, tool := range parsed {
			problems := executortest.LintInput(tool.InputSchema)
			if tool.OutputSchema != nil {
				problems = append(problems, executortest.LintOutput(tool.OutputSchema)...)
			}
			for _, problem := range problems {
				t.Errorf("%s: %s: %s", name, tool.Name, problem)
			}
		}
	}
	tool, ok := made.Lookup("user_made")
	if !ok || strings.Contains(string(tool.Input), `"one":{"anyOf"`+`:[{"type":"object"}`) || !strings.Contains(string(tool.Input), "More: describe_executor") {
		t.Errorf("published as %s", tool.Input)
	}
}

var toolName = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// Every tool is one that assistants and IDEs accept.
func TestLint(t *testing.T) {
	t.Parallel()
	_, parsed := every(t)
	for _, tool := range parsed {
		t.Run(tool.Name, func(t *testing.T) {
			t.Parallel()
			if !toolName.MatchString(tool.Name) {
				t.Errorf("the name %q has other characters than clients take", tool.Name)
			}
			if tool.Title == "" {
				t.Error("has no title")
			}
			if n := len(tool.Description); n == 0 || n >= 1000 {
				t.Errorf("the description has %d characters", n)
			}
			if !strings.Contains(tool.Description, "xample") {
				t.Error("the description has no example")
			}
			for _, problem := range executortest.LintInput(tool.InputSchema) {
				t.Errorf("the input schema %s", problem)
			}
			schemas := []json.RawMessage{tool.InputSchema}
			if tool.OutputSchema != nil {
				schemas = append(schemas, tool.OutputSchema)
				for _, problem := range executortest.LintOutput(tool.OutputSchema) {
					t.Errorf("the output schema %s", problem)
				}
			}
			for _, schema := range schemas {
				if _, err := executors.CompileSchema(tool.Name, schema); err != nil {
					t.Error(err)
				}
			}
			for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
				if _, ok := tool.Annotations[hint].(bool); !ok {
					t.Errorf("does not say %s", hint)
				}
			}
			if tool.Annotations["readOnlyHint"] == true && tool.Annotations["destructiveHint"] == true {
				t.Error("only reads, and destroys")
			}
		})
	}
}

// The same tools are always listed in the same order.
func TestOrder(t *testing.T) {
	t.Parallel()
	_, first, _ := list(t, set(t, policy.Config{}, nil))
	for i := 1; i < len(first); i++ {
		if first[i-1].Name >= first[i].Name {
			t.Errorf("%s comes before %s", first[i-1].Name, first[i].Name)
		}
	}
}
