package mcp

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

// A client sends what is listed to its model in every conversation. A token is
// taken as four bytes.
func TestTokenBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg         policy.Config
		change      func(*tools.Options)
		count, most int
	}{
		"default": {policy.Config{}, nil, 15, 5500},
		// With the policy in tools/toolstest/everything.yaml, and a model.
		"everything open": {opened(t), nil, 25, 10_000},
		"discovery":       {policy.Config{}, func(o *tools.Options) { o.Discovery = true }, 9, 2200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, parsed, _ := list(t, set(t, c.cfg, c.change))
			total := 0
			for i, tool := range parsed {
				tokens := (len(raw[i]) + 3) / 4
				total += tokens
				t.Logf("%-28s %4d", tool.Name, tokens)
				if most, limited := mostTokens[tool.Name]; limited && tokens > most {
					t.Errorf("%s takes %d tokens; at most %d", tool.Name, tokens, most)
				}
			}
			t.Logf("%d tools, %d tokens", len(parsed), total)
			if len(parsed) != c.count || total > c.most {
				t.Errorf("%d tools of %d tokens; want %d of at most %d", len(parsed), total, c.count, c.most)
			}
		})
	}
}

// mostTokens limits single tools.
var mostTokens = map[string]int{"describe_executor": 120, "rest_executor": 700}

// strict are the tools without a free-form object, a list of such, or a map. A
// model provider's strict mode takes no others.
var strict = []string{
	"cancel_run", "describe_executor", "file_reader", "find_executor", "get_run", "list_runs", "retry_run", "scrape_executor",
	"send_email_executor", "ssh_executor", "system_info_executor", "task_tree_generator", "websocket_executor",
}

// OpenAI's strict mode takes exactly the tools in strict: each object there has
// only properties that the schema names.
func TestStrict(t *testing.T) {
	t.Parallel()
	_, parsed := every(t)
	var found []string
	for _, tool := range parsed {
		var schema any
		if err := json.Unmarshal(tool.InputSchema, &schema); err != nil {
			t.Fatal(err)
		}
		if !freeForm(schema) {
			found = append(found, tool.Name)
		}
	}
	if want, got := strings.Join(strict, " "), strings.Join(slices.Sorted(slices.Values(found)), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// freeForm reports whether a published schema has an object without names.
func freeForm(schema any) bool {
	object, _ := schema.(map[string]any)
	properties, named := object["properties"].(map[string]any)
	if object["type"] == "object" && !named {
		return true
	}
	for _, each := range properties {
		if freeForm(each) {
			return true
		}
	}
	choices, _ := object["anyOf"].([]any)
	for _, each := range choices {
		if freeForm(each) {
			return true
		}
	}
	return object["items"] != nil && freeForm(object["items"])
}
