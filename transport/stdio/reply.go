package stdio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// encodeReply gives an answer's line. The id goes back as it came: the
// library reads numbers as floats, and rounds long ones.
func encodeReply(id json.RawMessage, reply mcp.JSONRPCMessage) ([]byte, error) {
	switch reply := reply.(type) {
	case nil:
		return nil, nil
	case mcp.JSONRPCResponse:
		b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
		b = append(b, `,"result":`...)
		b, err := appendResult(b, reply.Result)
		return append(b, '}'), err
	case mcp.JSONRPCError:
		raw, err := json.Marshal(reply.Error)
		if err != nil {
			return nil, fmt.Errorf("encoding an error: %w", err)
		}
		b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
		return append(append(append(b, `,"error":`...), raw...), '}'), nil
	}
	return json.Marshal(reply)
}

// appendResult appends a result. That of a tool is written by hand: its text
// and its structured content are the same bytes.
func appendResult(b []byte, result any) ([]byte, error) {
	call, ok := result.(*mcp.CallToolResult)
	if !ok || call.RawStructuredContent == nil || len(call.Content) != 1 || call.NeedsInput() {
		raw, err := json.Marshal(result)
		if err != nil {
			return nil, fmt.Errorf("encoding a result: %w", err)
		}
		return append(b, raw...), nil
	}
	content, err := encodePlain(call.Content)
	if err != nil {
		return nil, err
	}
	b = append(append(b, `{"content":`...), content...)
	b = append(append(b, `,"structuredContent":`...), call.RawStructuredContent...)
	if call.IsError {
		b = append(b, `,"isError":true`...)
	}
	if call.ResultType != "" {
		b = append(append(append(b, `,"resultType":"`...), call.ResultType...), '"')
	}
	if call.Meta != nil {
		meta, err := json.Marshal(call.Meta)
		if err != nil {
			return nil, fmt.Errorf("encoding a result: %w", err)
		}
		b = append(append(b, `,"_meta":`...), meta...)
	}
	return append(b, '}'), nil
}

// encodePlain is json.Marshal with nothing escaped for the sake of HTML.
func encodePlain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding a result: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// batch gathers the replies to the messages of a batch, and writes them as
// one line when the last is there.
type batch struct {
	out *writer

	mu      sync.Mutex
	left    int
	replies [][]byte
}

func newBatch(messages []jsonrpc.Message, out *writer) *batch {
	b := &batch{out: out}
	for i := range messages {
		if messages[i].Err != nil || messages[i].IsRequest() {
			b.left++
		}
	}
	return b
}

func (b *batch) add(reply []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left--
	if reply != nil {
		b.replies = append(b.replies, reply)
	}
	if b.left == 0 && len(b.replies) > 0 {
		line := append([]byte{'['}, bytes.Join(b.replies, []byte{','})...)
		_ = b.out.line(append(line, ']'))
	}
}
