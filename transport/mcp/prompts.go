package mcp

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
)

func serverPrompts(set *tools.Set) []server.ServerPrompt {
	var list []server.ServerPrompt
	for _, prompt := range set.Prompts() {
		published := mcp.Prompt{Name: prompt.Name, Title: prompt.Title, Description: prompt.Description}
		for _, argument := range prompt.Arguments {
			published.Arguments = append(published.Arguments, mcp.PromptArgument{
				Name: argument.Name, Description: argument.Description, Required: argument.Required,
			})
		}
		list = append(list, server.ServerPrompt{
			Prompt: published,
			Handler: func(ctx context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				text, err := set.Prompt(ctx, prompt.Name, req.Params.Arguments)
				if err != nil {
					return nil, refuse(ctx, err, mcp.INVALID_PARAMS)
				}
				return mcp.NewGetPromptResult(prompt.Description, []mcp.PromptMessage{
					mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text)),
				}), nil
			},
		})
	}
	return list
}

// maxCompletions is the largest number of values that the protocol allows in
// one result.
const maxCompletions = 100

// completer suggests values for the arguments of prompts and the
// variables of resource addresses.
type completer struct{ set *tools.Set }

// CompletePromptArgument implements server.PromptCompletionProvider.
func (c *completer) CompletePromptArgument(ctx context.Context, prompt string, argument mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	return completion(c.set.CompletePrompt(ctx, prompt, argument.Name, argument.Value)), nil
}

// CompleteResourceArgument implements server.ResourceCompletionProvider.
func (c *completer) CompleteResourceArgument(ctx context.Context, uri string, argument mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	return completion(c.set.CompleteResource(ctx, uri, argument.Name, argument.Value, given.Arguments)), nil
}

func completion(values []string) *mcp.Completion {
	shown := values[:min(len(values), maxCompletions)]
	return &mcp.Completion{Values: append([]string{}, shown...), Total: len(values), HasMore: len(values) > len(shown)}
}
