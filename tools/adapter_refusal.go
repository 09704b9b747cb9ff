package tools

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
)

// refuse gives a handler's error to the library, and its code to the
// transport: what is not there and what is asked for in a wrong way is no
// defect of the server. What can't be found has a code of its own.
func refuse(ctx context.Context, err *executors.Error, notFound int) error {
	refusal, ok := ctx.Value(refusalKey{}).(*Refusal)
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

// notFoundCode is the revision's code for a resource that is not there.
func notFoundCode(ctx context.Context) int {
	if mcp.IsModernProtocol(server.RequestProtocolVersion(ctx)) {
		return mcp.INVALID_PARAMS
	}
	return mcp.RESOURCE_NOT_FOUND
}
