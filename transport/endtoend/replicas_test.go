package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// replicas starts three servers over one PostgreSQL, and a proxy that sends each
// request to the next of them. A server that does not listen is left out.
func replicas(t *testing.T, settings map[string]any) (c *crew, proxy string) {
	t.Helper()
	settings["store"] = peers.StartPostgres(t, "max_connections=200").NewDatabase(t)
	c = newCrew(t, 3, settings)
	var turn atomic.Int64
	transport := &http.Transport{DisableKeepAlives: true}
	server := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host
			for range c.addresses {
				r.Out.URL.Host = c.addresses[int(turn.Add(1))%len(c.addresses)]
				if conn, err := net.Dial("tcp", r.Out.URL.Host); err == nil {
					_ = conn.Close()
					return
				}
			}
		},
	})
	t.Cleanup(server.Close)
	return c, server.URL + "/mcp"
}

// rpcReply is the reply to a request of the newest revision.
type rpcReply struct {
	Result struct {
		Type       string          `json:"resultType"`
		State      string          `json:"requestState"`
		Structured map[string]any  `json:"structuredContent"`
		TaskID     string          `json:"taskId"`
		Status     string          `json:"status"`
		Result     json.RawMessage `json:"result"`
	} `json:"result"`
	Error *struct{ Message string } `json:"error"`
	raw   string
}

// rpc sends a request of the newest revision to a server, as its client would: it
// can ask its person and take tasks.
func rpc(t *testing.T, url, method, name string, params map[string]any) (reply rpcReply) {
	t.Helper()
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion": "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": map[string]any{
			"elicitation": map[string]any{}, "extensions": map[string]any{"io.modelcontextprotocol/tasks": map[string]any{}},
		},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	for key, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name,
	} {
		req.Header.Set(key, value)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		text := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "data: ")
		if strings.HasPrefix(text, "{") && !strings.Contains(text, `"method":"notifications/`) {
			reply.raw = text
		}
	}
	require.NoError(t, json.Unmarshal([]byte(reply.raw), &reply), reply.raw)
	return reply
}

func (c *crew) url(i int) string { return "http://" + c.addresses[i] + "/mcp" }

// The conformance suite finds nothing wrong with three servers behind a proxy
// that sends each request to another one.
func TestReplicasConform(t *testing.T) {
	t.Parallel()
	suite := peers.FindProgram(t, "conformance")
	_, proxy := replicas(t, map[string]any{})
	expected, err := filepath.Abs(filepath.Join("testdata", "expected-failures-2026-07-28.yaml"))
	require.NoError(t, err)
	code, out, errs := suite.Run(t, "server", "--url", proxy, "--requirements", "2026-07-28", "--expected-failures", expected)
	_, summary, _ := strings.Cut(out, "=== SUMMARY ===")
	require.True(t, code == 0 && strings.Contains(out, "Baseline check passed"), "exit %d\n%s\n%s", code, summary, errs)
}

// A question that one server asked is answered at another one, once at all of
// them.
func TestReplicasAsk(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	notes := filepath.Join(work, "notes.txt")
	require.NoError(t, os.WriteFile(notes, []byte("old"), 0o600))
	c, proxy := replicas(t, map[string]any{"policy": map[string]any{
		"confirm": "destructive",
		"files":   map[string]any{"roots": map[string]any{"work": map[string]any{"path": work, "write": true}}},
	}})
	replace := map[string]any{"file_path": "notes.txt", "content": "new", "mode": "overwrite"}
	asked := rpc(t, c.url(0), "tools/call", "file_writer", map[string]any{"name": "file_writer", "arguments": replace})
	require.Equal(t, "input_required", asked.Result.Type, asked.raw)
	answer := func(i int, arguments any) rpcReply {
		return rpc(t, c.url(i), "tools/call", "file_writer", map[string]any{"name": "file_writer", "arguments": arguments, "requestState": asked.Result.State,
			"inputResponses": map[string]any{"confirm": map[string]any{"action": "accept", "content": map[string]any{}}}})
	}
	other := map[string]any{"file_path": "notes.txt", "content": "other", "mode": "overwrite"}
	require.Contains(t, answer(1, other).raw, "other arguments")

	var all sync.WaitGroup
	var done, used atomic.Int32
	for i := range 3 {
		all.Go(func() {
			switch reply := answer(i, replace); {
			case reply.Result.Structured["status"] == "completed":
				done.Add(1)
			case strings.Contains(reply.raw, "it was used before"):
				used.Add(1)
			default:
				t.Errorf("server %d: %s", i, reply.raw)
			}
		})
	}
	all.Wait()
	assert.Equal(t, []int32{1, 2}, []int32{done.Load(), used.Load()}, "one answer counts")
	text, err := os.ReadFile(notes)
	require.NoError(t, err)
	assert.Equal(t, "new", string(text))

	p := &person{says: "accept"}
	conn := home{}.connect(t, proxy, client.Options{Revision: "2026-07-28", Ask: p.ask})
	envelope := call(t.Context(), t, conn, "file_writer", replace)
	assert.Equal(t, "completed", envelope["status"], "through the proxy: %v", envelope)
	assert.Len(t, p.heard, 1)
}

// A run can be started, read, followed as a task and cancelled at any server, and
// a key makes one run over all.
func TestReplicasShareRuns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(func() { peer.Close() })
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	c, _ := replicas(t, map[string]any{"policy": map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}}}})
	waits := []map[string]any{{"id": "a", "schemas": map[string]any{"method": "rest_executor"}, "inputs": map[string]any{"url": peer.URL, "method": "GET"}}}
	start := func(i int, key string) string {
		id, _ := c.call(i, "run_task_tree", map[string]any{"tasks": waits, "inputs": map[string]any{}, "wait_seconds": 0, "idempotency_key": key})["run_id"].(string)
		return id
	}

	var all sync.WaitGroup
	var ids [3]string
	for i := range ids {
		all.Go(func() { ids[i] = start(i, "one") })
	}
	all.Wait()
	assert.NotEmpty(t, ids[0])
	assert.Equal(t, [3]string{ids[0], ids[0], ids[0]}, ids, "one key, one run")

	state := func(i int, id string) string {
		status, _ := c.call(i, "get_run", map[string]any{"run_id": id})["status"].(string)
		return status
	}
	for i := range 3 {
		assert.Equal(t, "in_progress", state(i, ids[0]), "at server %d", i)
	}
	c.call(1, "cancel_run", map[string]any{"run_id": ids[0]})
	for i := range 3 {
		assert.Eventually(t, func() bool { return state(i, ids[0]) == "cancelled" }, executortest.Patience, 50*time.Millisecond, "cancelled at server %d", i)
	}

	// A long call is a task, at every server.
	reply := rpc(t, c.url(0), "tools/call", "rest_executor", map[string]any{"name": "rest_executor", "arguments": map[string]any{"url": peer.URL, "method": "GET"}})
	require.Equal(t, "task", reply.Result.Type, reply.raw)
	id := reply.Result.TaskID
	for i := range 3 {
		assert.Equal(t, "working", rpc(t, c.url(i), "tasks/get", id, map[string]any{"taskId": id}).Result.Status, "at server %d", i)
	}
	rpc(t, c.url(2), "tasks/cancel", id, map[string]any{"taskId": id})
	for i := range 3 {
		assert.Eventually(t, func() bool {
			return rpc(t, c.url(i), "tasks/get", id, map[string]any{"taskId": id}).Result.Status == "cancelled"
		}, executortest.Patience, 50*time.Millisecond, "cancelled at server %d", i)
	}
}

// One of three servers is killed in the middle of its runs. Clients of the proxy
// notice nothing, the runs of the others go on, and its own complete elsewhere.
func TestReplicaKilled(t *testing.T) {
	t.Parallel()
	peer := newCounter(t, func() time.Duration { return 50 * time.Millisecond })
	c, proxy := replicas(t, map[string]any{"policy": map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}}}})
	const each = 4
	var ids []string
	for i := range 3 * each {
		id, _ := c.call(i, "run_task_tree", workTree(peer.URL, i, false))["run_id"].(string)
		require.NotEmpty(t, id)
		ids = append(ids, id)
	}
	c.mu.Lock()
	killed := c.running[1]
	c.mu.Unlock()
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()
	at := time.Now()

	through := home{}.connect(t, proxy, client.Options{})
	fresh := call(t.Context(), t, through, "run_task_tree", workTree(peer.URL, 100, false))
	require.NotEmpty(t, fresh["run_id"], "%v", fresh)
	for i, id := range append(ids, fresh["run_id"].(string)) {
		require.Eventually(t, func() bool { // an error is of a server that another test started at the killed one's address
			run, err := c.try(strings.TrimSuffix(strings.TrimPrefix(proxy, "http://"), "/mcp"), "get_run", map[string]any{"run_id": id})
			return err == nil && run["status"] == "completed"
		}, 2*executortest.Patience, 100*time.Millisecond, "run %d, started at server %d", i, i%3)
	}
	t.Logf("%d runs of the killed server completed within %v", each, time.Since(at).Round(time.Second))
}

// The official clients, of an older and of the newest revision, start, follow and
// cancel runs while each of their requests goes to another server.
func TestReplicasOfficialClients(t *testing.T) {
	t.Parallel()
	node := peers.FindProgram(t, "node")
	peer := newCounter(t, func() time.Duration { return 300 * time.Millisecond })
	c, proxy := replicas(t, map[string]any{"policy": map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}}}})
	tree := func(calls int) string {
		elements := make([]int, calls)
		text, err := json.Marshal(map[string]any{"tasks": []map[string]any{{
			"id": "each", "for_each": elements, "max_parallel": 1, "schemas": map[string]any{"method": "rest_executor"}, "inputs": map[string]any{"url": peer.URL, "method": "GET"},
		}}})
		require.NoError(t, err)
		return string(text)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "runs.mjs"))
	require.NoError(t, err)
	for revision, module := range map[string]string{"2025-11-25": "sdk", "2026-07-28": "client"} {
		if _, err := os.Stat(filepath.Join(node.Modules(), "@modelcontextprotocol", module)); err != nil {
			t.Skipf("the client of %s is not installed: %v", revision, err)
		}
		code, out, errs := node.Run(t, script, node.Modules(), revision, tree(6), tree(10_000), proxy)
		var said struct {
			Tools  []string
			Called struct{ Status string }
			Before string
			Ends   []struct {
				ID, Status string
				Polls      int
			}
		}
		err := json.Unmarshal([]byte(out), &said)
		require.True(t, err == nil && code == 0 && len(said.Ends) == 2, "%s: exit %d, %v\n%s\n%s", revision, code, err, out, errs)
		assert.Contains(t, said.Tools, "run_task_tree", revision)
		assert.Equal(t, "completed", said.Called.Status, revision)
		assert.Equal(t, "in_progress", said.Before, revision)
		assert.Equal(t, []string{"completed", "cancelled"}, []string{said.Ends[0].Status, said.Ends[1].Status}, revision)
		assert.Greater(t, said.Ends[0].Polls, 3, "%s: too few requests to reach all servers", revision)
		for i := range 3 {
			for _, end := range said.Ends {
				assert.Equal(t, end.Status, c.call(i, "get_run", map[string]any{"run_id": end.ID})["status"], "%s: at server %d", revision, i)
			}
		}
	}
}
