package mcp

import (
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// encodeMessage encodes a reply of the SDK; nil if there is none. The id is
// sent as received: the SDK reads numbers as floats and rounds long ones.
func encodeMessage(id json.RawMessage, reply mcp.JSONRPCMessage) []byte {
	var member string
	var value any
	switch reply := reply.(type) {
	case mcp.JSONRPCResponse:
		member, value = "result", reply.Result
	case mcp.JSONRPCError:
		member, value = "error", reply.Error
	default:
		return nil
	}
	b := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,%q:`, id, member)
	return append(append(b, plainjson.Must(value)...), '}') // a panic reaches the wire, which reports a defect
}
