package endtoend

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"
)

// soon is well over what a start waits for MCP servers, on a busy machine,
// and under what these may take.
const soon = 10 * time.Second

// aSilentServer accepts connections and says nothing.
func aSilentServer(t *testing.T) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String() + "/mcp" // the system accepts, and nobody reads
}

// aSlowServer has the tool later, and answers nothing for four seconds from
// its first request on.
func aSlowServer(t *testing.T) (url string) {
	t.Helper()
	srv := server.NewMCPServer("slow", "1")
	srv.AddTool(mcp.NewTool("later"), server.ToolHandlerFunc(nil))
	inner := server.NewStreamableHTTPServer(srv, server.WithStateLess(true))
	asked, awake := make(chan struct{}, 100), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-awake:
			inner.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(web.Close)
	go func() {
		select {
		case <-asked:
			time.AfterFunc(4*time.Second, func() { close(awake) })
		case <-t.Context().Done():
		}
	}()
	return web.URL + "/mcp"
}

// Given a server that says nothing and one that takes its time, when a client
// starts the program, then it is answered soon, with the tools of a quick
// server among the first, and hears of the slow one's when they have come.
func TestServersThatKeepTheProgramWaiting(t *testing.T) {
	t.Parallel()
	quick := newHome(t, map[string]any{"executors_dir": "none"}).serve(t)
	own := t.TempDir()
	for name, url := range map[string]string{"silent": aSilentServer(t), "slow": aSlowServer(t), "quick": quick} {
		text := fmt.Sprintf("run: {kind: mcp, url: %q}\n", url)
		if name == "quick" {
			text = fmt.Sprintf("run: {kind: mcp, url: %q, tools: [data_processor]}\n", url)
		}
		require.NoError(t, os.WriteFile(filepath.Join(own, name+".yaml"), []byte(text), 0o600))
	}
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	legacy := client.NewClient(h.wire(), client.WithLegacyProtocolOnly()) //nolint:staticcheck // sessions are told without asking, which is what is tested
	changed := make(chan struct{}, 100)
	legacy.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			changed <- struct{}{}
		}
	})
	started := time.Now()
	require.NoError(t, legacy.Start(t.Context()))
	c := handshake(t, legacy)
	names := func() (all []string) {
		list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
		require.NoError(t, err)
		for _, tool := range list.Tools {
			all = append(all, tool.Name)
		}
		return all
	}
	first := names()
	took := time.Since(started)
	require.Less(t, took, soon)
	require.Contains(t, first, "quick_data_processor")
	t.Logf("the first list after %s", took.Round(time.Millisecond))

	if took < 4*time.Second {
		require.NotContains(t, first, "slow_later")
		wait(t, changed, "the word that the tools have changed")
	}
	require.Contains(t, names(), "slow_later")

	ended := time.Now()
	require.NoError(t, c.Close())
	require.Less(t, time.Since(ended), soon, "it waited for the server that says nothing")
}

// Given a server that says nothing, an HTTP server listens soon all the same,
// and one that is to publish a tool by name waits for it, and takes it.
func TestServingBesideASilentServer(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own})
	require.NoError(t, os.WriteFile(filepath.Join(own, "silent.yaml"), []byte("run: {kind: mcp, url: \""+aSilentServer(t)+"\"}\n"), 0o600))
	started := time.Now()
	h.http(t)
	require.Less(t, time.Since(started), soon)

	own = t.TempDir()
	h = newHome(t, map[string]any{"executors_dir": own, "tools": []string{"slow_later"}})
	require.NoError(t, os.WriteFile(filepath.Join(own, "slow.yaml"), []byte("run: {kind: mcp, url: \""+aSlowServer(t)+"\"}\n"), 0o600))
	list, err := h.stdio(t).ListTools(t.Context(), mcp.ListToolsRequest{})
	require.NoError(t, err)
	require.Len(t, list.Tools, 1)
	require.Equal(t, "slow_later", list.Tools[0].Name)
}
