package stdio

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/weight"
	"github.com/chainwright/chainwright/transport/mcp"
)

// TestMessagesHaveABudget: calls that take long with large messages don't keep
// another from being read. What they hold is bounded, and given back.
func TestMessagesHaveABudget(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	const budget = weight.Held / 16 // with messages as much smaller
	var out lockedBuffer
	l := &loop{srv: mcp.New(stack.Set, mcp.Options{}), log: zerolog.Nop(), out: newWriter(&out), queue: make(chan job, queued), held: weight.New(budget)}
	ctx, stop := context.WithCancel(mcp.WithPeer(t.Context(), &mcp.Peer{Notify: l.out.line}))
	defer stop()
	if l.session, err = l.srv.Open(ctx, zerolog.Nop(), l.out.line); err != nil {
		t.Fatal(err)
	}
	defer l.session.Close()
	large := func(tool, arguments string) []byte {
		return []byte(`{"jsonrpc":"2.0","id":"` + tool + `","method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `,"more":"` + strings.Repeat("x", 250_000) + `"}}`)
	}
	var held int64
	for i := range int64(5) {
		line := large("test_steps", `{"steps":1,"hold":true}`)
		held += weight.Of(line)
		l.line(line)
		executortest.Await(t, "a call that takes long", func() bool { return stack.Running.Load() == i+1 })
	}
	if !l.held.Try(budget-held) || l.held.Try(1) {
		t.Errorf("other bytes are held than %d", held)
	}
	l.held.Give(budget - held)
	l.line(large("test_echo", `{"text":"x"}`))
	executortest.Await(t, "a large call beside them", func() bool { return strings.Contains(out.String(), `"id":"test_echo"`) })

	stop()
	l.running.Wait()
	executortest.Await(t, "the memory", func() bool { return l.held.Try(budget) })
	l.line(large("test_big", `{"bytes":1}`)) // it does not wait: its context has ended
	if !strings.Contains(out.String(), `"id":"test_big","error":{"code":-32603,"message":"too many large requests`) {
		t.Errorf("got %.300s", out.String())
	}
	close(l.queue)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}
