package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/mcp"
)

// bytesPerToken is the usual estimate for the tokens of a text.
const bytesPerToken = 4

type toolsCmd struct {
	JSON bool
}

func (c *toolsCmd) takes() []*param {
	return []*param{
		flag("json", &c.JSON, "", "Print JSON: name, title, toolset, annotations, tokens and schemas."),
	}
}

// priced is a published tool with the tokens of its listing.
type priced struct {
	Name        string                `json:"name"`
	Title       string                `json:"title"`
	Toolset     string                `json:"toolset"`
	Tokens      int                   `json:"tokens"`
	Annotations executors.Annotations `json:"annotations"`
	Description string                `json:"description"`
	Input       json.RawMessage       `json:"input_schema"`
	Output      json.RawMessage       `json:"output_schema,omitempty"`

	whole json.RawMessage
}

// Run lists the tools that the selection in force publishes.
func (c *toolsCmd) Run(s *session) error {
	p, err := s.open(unaudited)
	if err != nil {
		return err
	}
	p.completeFor(s)
	list, total, err := price(s.ctx, p.tools)
	if err == nil && c.JSON {
		err = s.printJSON(struct {
			Tools  []priced `json:"tools"`
			Tokens int      `json:"tokens"`
		}{list, total})
	} else if err == nil {
		err = tellTools(s, list, total)
	}
	return finishing(s, p, err)
}

func tellTools(s *session, list []priced, total int) error {
	t := table{right: map[int]bool{3: true}}
	t.add("TOOL", "TOOLSET", "EFFECT", "TOKENS", "WHAT IT DOES")
	for _, tool := range list {
		t.add(tool.Name, tool.Toolset, effect(tool.Annotations), thousands(tool.Tokens), tool.Title)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "\n%s, about %s tokens in all\n", plural(len(list), "tool"), thousands(total))
	return err
}

// effect returns what calls may do, as one word.
func effect(a executors.Annotations) string {
	switch {
	case a.ReadOnly:
		return "reads"
	case a.Destructive:
		return "changes"
	default:
		return "adds"
	}
}

// price lists the tools over MCP, as a client gets them. It returns the tools
// with the tokens of each, and the tokens of the whole list.
func price(ctx context.Context, set *tools.Set) ([]priced, int, error) {
	raw, entries, err := mcp.New(set, mcp.Options{Version: version()}).List(ctx)
	if err != nil {
		return nil, 0, err
	}
	var list []priced
	for _, text := range entries {
		var named struct{ Name string }
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, 0, fmt.Errorf("listing the tools: %w", err)
		}
		tool, ok := set.Lookup(named.Name)
		if !ok {
			continue
		}
		list = append(list, priced{
			Name: tool.Name, Title: tool.Title, Toolset: tool.Toolset, Tokens: len(text) / bytesPerToken,
			Annotations: tool.Annotations, Description: tool.Description, Input: tool.Input, Output: tool.Output, whole: tool.Whole,
		})
	}
	return list, len(raw) / bytesPerToken, nil
}
