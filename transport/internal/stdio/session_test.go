package stdio_test

import (
	"io"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/stdio"
	"github.com/chainwright/chainwright/transport/mcp"
)

// pair is a server on pipes inside this process. It has its own session, so
// that one process can serve several.
func pair(t *testing.T) (*toolstest.Stack, *client) {
	t.Helper()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	serverIn, clientOut := io.Pipe()
	clientIn, serverOut := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- stdio.Serve(t.Context(), mcp.New(stack.Set, mcp.Options{}), serverIn, serverOut, stdio.Options{Log: zerolog.Nop(), Drain: stack.Runner.Close})
		serverOut.Close()
	}()
	c := &client{t: t, in: clientOut, all: make(chan message, 1000)}
	go c.receive(clientIn)
	t.Cleanup(func() {
		clientOut.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack, c
}

// If an executor is withdrawn, the client is notified of the change, and a
// subscription gets a notification with its id.
func TestListChanged(t *testing.T) {
	t.Parallel()
	stack, c := pair(t)
	c.initialize("2025-11-25")
	stack.Registry.Withdraw("test_big")
	heard := map[string]bool{}
	for len(heard) < 2 {
		heard[c.next().Method] = true
	}
	if !heard["notifications/tools/list_changed"] || !heard["notifications/resources/list_changed"] {
		t.Errorf("heard %v", heard)
	}
	c.send("%s", call("1", "test_big", `{"bytes":1}`, ""))
	if m := c.reply("1"); m.Error == nil {
		t.Errorf("the tool can still be called: %s", m.raw)
	}

	stack, c = pair(t)
	c.send(`{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)
	c.next()
	stack.Registry.Withdraw("test_big")
	if m := c.next(); m.Method != "notifications/tools/list_changed" || !strings.Contains(m.raw, `"io.modelcontextprotocol/subscriptionId":"sub"`) {
		t.Errorf("got %s", m.raw)
	}
}
