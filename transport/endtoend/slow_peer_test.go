package endtoend

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/transport/mcp/mcptest"
)

// aSilentServer accepts connections and sends nothing. The channel is closed
// when a client has disconnected.
func aSilentServer(t *testing.T) (url string, left <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	gone := make(chan struct{})
	leave := sync.OnceFunc(func() { close(gone) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer leave()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return "http://" + listener.Addr().String() + "/mcp", gone
}

// given reports whether the channel was signalled.
func given(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

// aSlowServer has the tool later, and answers nothing before awake is closed.
// It signals each request.
func aSlowServer(t *testing.T, awake <-chan struct{}) (url string, asked <-chan struct{}) {
	t.Helper()
	inner := mcptest.BareHTTP(mcptest.Tool{Name: "later", Argument: "text"})
	came := make(chan struct{}, 100)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		select {
		case <-awake:
			inner.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(web.Close)
	return web.URL + "/mcp", came
}

// With one silent and one slow server configured, a client that starts the
// program gets replies before these time out, with the tools of a quick server,
// and is notified of the slow server's tools when they are available.
func TestServersThatKeepTheProgramWaiting(t *testing.T) {
	t.Parallel()
	quick := newHome(t, map[string]any{"executors_dir": "none"}).serve(t)
	own := t.TempDir()
	silent, left := aSilentServer(t)
	awake := make(chan struct{})
	slow, _ := aSlowServer(t, awake)
	for name, url := range map[string]string{"silent": silent, "slow": slow, "quick": quick} {
		text := fmt.Sprintf("run: {kind: mcp, url: %q}\n", url)
		if name == "quick" {
			text = fmt.Sprintf("run: {kind: mcp, url: %q, tools: [data_processor]}\n", url)
		}
		require.NoError(t, os.WriteFile(filepath.Join(own, name+".yaml"), []byte(text), 0o600))
	}
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	c, changed := h.told(t)
	first := published(t, c)
	require.False(t, given(left), "it waited until the silent server was given up")
	require.Contains(t, first, "quick_data_processor")
	require.NotContains(t, first, "slow_later")
	close(awake)
	wait(t, changed, "the word that the tools have changed")
	require.Contains(t, published(t, c), "slow_later")
	executortest.Ends(t, "the program beside a silent server", func() { require.NoError(t, c.Close()) })
}

// With a silent server configured, an HTTP server listens before the timeout. A
// server that is to publish a tool by name waits for it and publishes it.
func TestServingBesideASilentServer(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own})
	silent, left := aSilentServer(t)
	require.NoError(t, os.WriteFile(filepath.Join(own, "silent.yaml"), []byte("run: {kind: mcp, url: \""+silent+"\"}\n"), 0o600))
	h.http(t)
	require.False(t, given(left), "it waited until the silent server was given up")

	own = t.TempDir()
	h = newHome(t, map[string]any{"executors_dir": own, "tools": []string{"slow_later"}})
	awake := make(chan struct{})
	slow, asked := aSlowServer(t, awake)
	require.NoError(t, os.WriteFile(filepath.Join(own, "slow.yaml"), []byte("run: {kind: mcp, url: \""+slow+"\"}\n"), 0o600))
	named := make(chan []string, 1)
	go func() {
		defer close(named)
		named <- published(t, h.stdio(t))
	}()
	wait(t, asked, "the request of the program that waits")
	// A program to which the tool is not named waits from now on, and has waited
	// long enough when it lists its tools.
	other := newHome(t, map[string]any{"executors_dir": own})
	require.NotContains(t, published(t, other.stdio(t)), "slow_later")
	close(awake)
	require.Equal(t, []string{"slow_later"}, <-named)
}
