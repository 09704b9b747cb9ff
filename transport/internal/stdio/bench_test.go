package stdio

import (
	"context"
	"io"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/internal/weight"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/mcp/mcptest"
)

const echoCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_echo","arguments":{"text":"x"}}}`

// BenchmarkCall measures one call, from its line to the line of the reply.
// "sdk" is the time of the SDK's handler for the simplest tool.
func BenchmarkCall(b *testing.B) {
	b.Run("sdk", func(b *testing.B) {
		srv := mcptest.Bare(mcptest.Tool{Name: "test_echo", Argument: "text"})
		messages, _, err := jsonrpc.Parse([]byte(echoCall))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if len(srv.Handle(b.Context(), &messages[0], nil)) == 0 {
				b.Fatal("no reply")
			}
		}
	})
	b.Run("ours", benchmarkLoop)
}

func benchmarkLoop(b *testing.B) {
	stack, err := toolstest.New()
	if err != nil {
		b.Fatal(err)
	}
	defer stack.Close()
	l := &loop{srv: mcp.New(stack.Set, mcp.Options{}), out: newWriter(io.Discard), queue: make(chan job, queued), held: weight.New(weight.Held)}
	ctx := mcp.WithPeer(context.Background(), &mcp.Peer{Notify: l.out.line})
	if l.session, err = l.srv.Open(ctx, zerolog.Nop(), l.out.line); err != nil {
		b.Fatal(err)
	}
	l.workers = maxWorkers
	b.ReportAllocs()
	for b.Loop() {
		l.line([]byte(echoCall))
		a := &answer{loop: l, job: <-l.queue}
		a.end(l.answer(&a.job, a.givenUp))
	}
}
