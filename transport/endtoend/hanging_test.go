package endtoend

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// silent is a server that accepts connections and never answers.
type silent struct {
	address string
	mu      sync.Mutex
	open    []net.Conn
}

func listenSilently(t *testing.T) *silent {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &silent{address: listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, conn)
			s.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
		for _, conn := range s.open {
			_ = conn.Close()
		}
	})
	return s
}

// asked is how often the server was asked. It has answered none of them.
func (s *silent) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// blackhole is an address that drops packets.
const blackhole = "192.0.2.1"

// TestHangingPartsSlowDownNothingElse has a configuration in which all that can
// be away is: some of it accepts connections and never answers, some drops packets.
// What does not use a part does not even connect to it, and what asks all of them
// ends with an answer about each. The test would not end otherwise.
func TestHangingPartsSlowDownNothingElse(t *testing.T) {
	t.Parallel()
	hangs := listenSilently(t)
	host, port, err := net.SplitHostPort(hangs.address)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	own := t.TempDir()
	write(t, filepath.Join(own, "remote.yaml"), "run: {kind: mcp, url: \"http://"+hangs.address+"/mcp\"}\n")
	h := newHome(t, map[string]any{"log_level": "error", "executors_dir": own, "policy": map[string]any{
		"connections": map[string]any{
			"orders": map[string]any{"kind": "postgres", "dsn": "postgres://reader@" + hangs.address + "/orders"},
			"far":    map[string]any{"kind": "mysql", "dsn": "reader@tcp(" + blackhole + ":3306)/shop"},
			"mail":   map[string]any{"kind": "smtp", "host": host, "port": number},
			"shop":   map[string]any{"kind": "grpc", "host": blackhole, "port": 443},
			"peer":   map[string]any{"kind": "mcp", "url": "http://" + hangs.address + "/mcp"},
		},
		"secrets": map[string]any{"TOKEN": map[string]any{"env": "TOKEN", "hosts": []any{blackhole}}},
	}})
	h.variables = []string{"TOKEN=0123456789", "OPENAI_BASE_URL=http://" + hangs.address + "/v1"}

	_, exit := h.command(t, "call", "system_info_executor")
	require.Zero(t, exit)
	_, exit = h.command(t, "executors", "list", "rest_executor")
	require.Zero(t, exit)
	_, exit = h.command(t, "runs")
	require.Zero(t, exit)
	require.Zero(t, hangs.asked(), "nothing that was used needs the server")

	h.printed(t, 0, &struct{}{}, "executors", "--json")
	listed := hangs.asked()
	require.Positive(t, listed, "a list of all executors asks the server for its own")

	var report struct {
		Problems []struct{ Part, Message string }
		Model    string
		Store    struct{ Server string }
	}
	h.printed(t, 1, &report, "doctor", "--json")
	parts := map[string]string{}
	for _, each := range report.Problems {
		parts[each.Part] += each.Message
	}
	require.Contains(t, parts["executors"], "remote.yaml: the MCP server has not listed its tools")
	require.Contains(t, report.Model, "no model")
	require.NotEmpty(t, report.Store.Server)

	c := h.stdio(t)
	tools, err := c.Tools(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, tools)
	answer, err := c.Call(t.Context(), "system_info_executor", map[string]any{"resource": "host"})
	require.NoError(t, err)
	require.Contains(t, string(answer), `"status":"completed"`)

	far := h
	far.variables = append(far.variables, "CHAINWRIGHT_STORE=postgres://reader@"+hangs.address+"/runs", "CHAINWRIGHT_EXECUTORS_DIR=none")
	_, exit = far.command(t, "executors")
	require.Zero(t, exit)
	report.Problems = nil
	far.printed(t, 1, &report, "doctor", "--json")
	require.Len(t, report.Problems, 2, "the store, and the schedules in it")
	require.Equal(t, "store", report.Problems[0].Part)
	require.NoError(t, os.RemoveAll(own))
}
