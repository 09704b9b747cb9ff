package mcp

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

const jsonType = "application/json"

func serverResources(set *tools.Set) []server.ServerResource {
	var list []server.ServerResource
	for _, resource := range set.ExecutorResources(context.Background()) {
		list = append(list, server.ServerResource{
			Resource: mcp.NewResource(resource.URI, resource.Name, mcp.WithResourceTitle(resource.Title),
				mcp.WithResourceDescription(resource.Description), mcp.WithMIMEType(jsonType)),
			Handler: func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				raw, err := set.ReadExecutor(ctx, resource.Name)
				return contents(ctx, req, raw, err)
			},
		})
	}
	return list
}

func resourceTemplates(set *tools.Set) []server.ServerResourceTemplate {
	list := []server.ServerResourceTemplate{
		resourceTemplate(tools.RunResource, "run", "A run", "A run of a task tree, with its tasks and their results",
			func(ctx context.Context, req mcp.ReadResourceRequest) (json.RawMessage, *executors.Error) {
				return set.ReadRun(ctx, variable(req, "id"))
			}),
		resourceTemplate(tools.ResultResource, "result", "A task's result", "The whole result of one task of a run, however long",
			func(ctx context.Context, req mcp.ReadResourceRequest) (json.RawMessage, *executors.Error) {
				return set.ReadResult(ctx, variable(req, "id"), variable(req, "task"))
			}),
		resourceTemplate(tools.ExecutorResource, "executor", "An executor", "An executor's description: schemas, annotations, examples, and what opens it where policy closes it",
			func(ctx context.Context, req mcp.ReadResourceRequest) (json.RawMessage, *executors.Error) {
				return set.ReadExecutor(ctx, variable(req, "id"))
			}),
	}
	if set.HasTrees() {
		list = append(list, resourceTemplate(tools.TreeResource, "tree", "A saved task tree", "A saved task tree, as run_task_tree takes it by its name",
			func(_ context.Context, req mcp.ReadResourceRequest) (json.RawMessage, *executors.Error) {
				return set.ReadTree(variable(req, "name"))
			}))
	}
	return list
}

func resourceTemplate(uri, name, title, description string,
	read func(context.Context, mcp.ReadResourceRequest) (json.RawMessage, *executors.Error)) server.ServerResourceTemplate {
	return server.ServerResourceTemplate{
		Template: mcp.NewResourceTemplate(uri, name, mcp.WithTemplateTitle(title),
			mcp.WithTemplateDescription(description), mcp.WithTemplateMIMEType(jsonType)),
		Handler: func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			raw, err := read(ctx, req)
			return contents(ctx, req, raw, err)
		},
	}
}

// variable returns the value of a variable in a resource's address.
func variable(req mcp.ReadResourceRequest, name string) string {
	var value string
	switch v := req.Params.Arguments[name].(type) {
	case string:
		value = v
	case []string:
		if len(v) > 0 {
			value = v[0]
		}
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

func contents(ctx context.Context, req mcp.ReadResourceRequest, raw json.RawMessage, err *executors.Error) ([]mcp.ResourceContents, error) {
	if err != nil {
		return nil, refuse(ctx, err, notFoundCode(ctx))
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, MIMEType: jsonType, Text: string(raw)}}, nil
}
