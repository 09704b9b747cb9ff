package stdio

import (
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/toolcall"
)

const echoCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_echo","arguments":{"text":"x"}}}`

// BenchmarkCall is what one call costs, from its line to its reply's. The
// library's figure is what its handler alone takes for the least tool.
func BenchmarkCall(b *testing.B) {
	b.Run("library", func(b *testing.B) {
		srv := server.NewMCPServer("bare", "1")
		srv.AddTool(mcp.NewTool("test_echo", mcp.WithString("text")), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
		b.ReportAllocs()
		for b.Loop() {
			raw, err := json.Marshal(srv.HandleMessage(b.Context(), json.RawMessage(echoCall)))
			if err != nil || len(raw) == 0 {
				b.Fatal(err)
			}
		}
	})
	for name, short := range map[string]bool{"short": true, "long": false} {
		b.Run(name, func(b *testing.B) { benchmarkLoop(b, short) })
	}
}

func benchmarkLoop(b *testing.B, short bool) {
	stack, err := toolstest.New()
	if err != nil {
		b.Fatal(err)
	}
	defer stack.Close()
	l := &loop{srv: tools.NewServer(stack.Set, tools.ServerOptions{}), session: newSession(), out: newWriter(io.Discard), queue: make(chan job, queued), room: newRoom(maxPending)}
	l.ctx = l.srv.WithContext(tools.WithCaller(context.Background(), &tools.Caller{Notify: l.out.line}), l.session)
	l.workers = maxWorkers
	if short {
		l.short = toolcall.New(stack.Set, l.srv)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.line([]byte(echoCall))
		j := <-l.queue
		l.handle(j)
		j.end()
		l.room.give(len(j.message.Raw))
		l.running.Done()
	}
}
