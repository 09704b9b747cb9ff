package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// bytesPerToken is the usual estimate of what a text costs a model.
const bytesPerToken = 4

type toolsCmd struct {
	JSON bool
}

func (c *toolsCmd) takes() []*param {
	return []*param{
		flag("json", &c.JSON, "", "Print JSON: name, title, toolset, annotations, tokens and schemas."),
	}
}

// priced is a published tool with what its listing costs.
type priced struct {
	Name        string                `json:"name"`
	Title       string                `json:"title"`
	Toolset     string                `json:"toolset"`
	Tokens      int                   `json:"tokens"`
	Annotations executors.Annotations `json:"annotations"`
	Description string                `json:"description"`
	Input       json.RawMessage       `json:"input_schema"`
	Output      json.RawMessage       `json:"output_schema,omitempty"`
}

// Run lists what is published, as the selection in force leaves it.
func (c *toolsCmd) Run(s *session) error {
	p, err := s.open(unaudited)
	if err != nil {
		return err
	}
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

// effect says in a word what calls may do to the world.
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

// price lists the set over MCP, as a client gets it, and counts what each
// tool costs and what the whole reply does.
func price(ctx context.Context, set *tools.Set) ([]priced, int, error) {
	server := tools.NewServer(set, tools.ServerOptions{Version: version()})
	request := json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	raw, err := encode(server.HandleMessage(ctx, request))
	if err != nil {
		return nil, 0, fmt.Errorf("listing the tools: %w", err)
	}
	var reply struct {
		Result struct{ Tools []json.RawMessage }
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, 0, fmt.Errorf("listing the tools: %w", err)
	}
	var list []priced
	for _, text := range reply.Result.Tools {
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
			Annotations: tool.Annotations, Description: tool.Description, Input: tool.Input, Output: tool.Output,
		})
	}
	return list, len(raw) / bytesPerToken, nil
}
