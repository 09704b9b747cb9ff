package mcp

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

type refusalKey struct{}

// withRefusal returns a context in which a handler of prompts or resources can
// store its error. The SDK reports every error of a handler as an internal
// error, which means a defect of the server. The transports send the stored
// error instead. Its code is 0 if nothing was refused.
func withRefusal(ctx context.Context) (context.Context, *jsonrpc.Error) {
	refusal := &jsonrpc.Error{}
	return context.WithValue(ctx, refusalKey{}, refusal), refusal
}

// refuse returns an error for the SDK and stores its code in the context.
// notFound is the code for something that does not exist.
func refuse(ctx context.Context, err *executors.Error, notFound int) error {
	refusal, ok := ctx.Value(refusalKey{}).(*jsonrpc.Error)
	if !ok {
		return err
	}
	switch err.Type {
	case executors.NotFound:
		refusal.Code = notFound
	case executors.ValidationError:
		refusal.Code = mcp.INVALID_PARAMS
	default:
		return err
	}
	refusal.Message = err.Error()
	if err.Hint != "" {
		refusal.Message += "; " + err.Hint
	}
	return err
}

// notFoundCode is the revision's code for a resource that does not exist.
func notFoundCode(ctx context.Context) int {
	if Modern(server.RequestProtocolVersion(ctx)) {
		return mcp.INVALID_PARAMS
	}
	return mcp.RESOURCE_NOT_FOUND
}
