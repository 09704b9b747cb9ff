package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	runner "github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/mcp"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// ownClient is not the default client: every test server that ends closes the
// connections of the default client, including those of other tests.
var ownClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// whole serves the real tools.
func whole(t *testing.T, opts Options, more ...toolstest.Option) (*toolstest.Stack, string) {
	t.Helper()
	return wholeWith(t, opts, mcp.Options{}, more...)
}

func wholeWith(t *testing.T, opts Options, over mcp.Options, more ...toolstest.Option) (*toolstest.Stack, string) {
	t.Helper()
	stack, err := toolstest.New(append([]toolstest.Option{toolstest.WithGrace(100 * time.Millisecond)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return stack, serve(t, mcp.New(stack.Set, over), opts)
}

// event is a message of a stream, or the reply itself.
type event struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress float64         `json:"progress"`
		Message  string          `json:"message"`
	} `json:"params"`
	Result struct {
		Structured json.RawMessage `json:"structuredContent"`
		Content    []struct{ Text string }
		Tools      []struct{ Name string }
	} `json:"result"`
	Error *struct {
		Code    int
		Message string
	} `json:"error"`
}

func (e event) status(t *testing.T) (status, runID string) {
	t.Helper()
	var envelope struct {
		Status string
		RunID  string `json:"run_id"`
	}
	if err := json.Unmarshal(e.Result.Structured, &envelope); err != nil {
		t.Fatalf("%v in %+v", err, e)
	}
	var text any
	if err := json.Unmarshal([]byte(e.Result.Content[0].Text), &text); err != nil {
		t.Errorf("the text is not JSON: %s", e.Result.Content[0].Text)
	}
	return envelope.Status, envelope.RunID
}

// era is a revision, with or without sessions.
type era struct {
	name    string
	opts    Options
	modern  bool
	session bool
	further bool // _meta has a key that the server does not know
}

var eras = []era{
	{"with a session", Options{}, false, true, false},
	{"with a session, a further key", Options{}, false, true, true},
	{"stateless", Options{Stateless: true}, false, false, false},
	{"modern", Options{}, true, false, false},
	{"modern, a further key", Options{}, true, false, true},
	{"modern, stateless", Options{Stateless: true}, true, false, false},
}

var listAll = runner.ListOptions{Limit: 100}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`

// headers returns the headers of a call.
func (e era) headers(t *testing.T, url, tool string) []string {
	t.Helper()
	switch {
	case e.modern:
		return []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", tool}
	case e.session:
		return []string{"MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", session(t, url)}
	}
	return []string{"MCP-Protocol-Version", "2025-11-25"}
}

func (e era) call(id, tool, arguments, token string) string {
	var meta []string
	if e.modern {
		meta = append(meta, modernMeta)
	}
	if e.further {
		meta = append(meta, `"io.modelcontextprotocol/further":true`)
	}
	if token != "" {
		meta = append(meta, `"progressToken":`+token)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{%s}}}`,
		id, tool, arguments, strings.Join(meta, ","))
}

// open sends a request and returns its response while it arrives.
func open(t *testing.T, ctx context.Context, url, body string, headers ...string) (*http.Response, func() (event, bool)) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+Path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := ownClient.Do(req)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	lines := bufio.NewReaderSize(res.Body, 1<<20)
	return res, func() (e event, more bool) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil && line == "" {
				return e, false
			}
			line = strings.TrimPrefix(strings.TrimSpace(line), "data: ")
			if !strings.HasPrefix(line, "{") {
				continue
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%v in %q", err, line)
			}
			return e, true
		}
	}
}

// With 64 calls at once that report progress, each call receives only its own
// progress, and the last notification before its reply.
func TestRaceProbe(t *testing.T) {
	t.Parallel()
	for _, e := range eras {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			_, url := whole(t, e.opts)
			headers := e.headers(t, url, "test_steps")
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() {
					for round := range 3 {
						probe(t, e, url, i, round, headers)
					}
				})
			}
			all.Wait()
		})
	}
}

func probe(t *testing.T, e era, url string, i, round int, headers []string) {
	id, steps := fmt.Sprint(i*100+round), 3+i%5
	res, next := open(t, t.Context(), url, e.call(id, "test_steps",
		fmt.Sprintf(`{"steps":%d,"delay_ms":%d,"label":"of %s"}`, steps, i%3, id), `"t`+id+`"`), headers...)
	if res == nil {
		return
	}
	defer res.Body.Close()
	last := 0.0
	for {
		ev, more := next()
		if !more {
			t.Errorf("call %s was not answered (%d)", id, res.StatusCode)
			return
		}
		if ev.Method == "" {
			if string(ev.ID) != id || last != float64(steps) {
				t.Errorf("call %s: answer to %s after progress %v of %d", id, ev.ID, last, steps)
			}
			if status, _ := ev.status(t); status != "completed" {
				t.Errorf("call %s was %s", id, status)
			}
			break
		}
		if strings.HasPrefix(ev.Params.Message, "running test_steps for ") && string(ev.Params.Token) == `"t`+id+`"` {
			continue // a sign of life of a call that waits on a busy machine
		}
		if string(ev.Params.Token) != `"t`+id+`"` || ev.Params.Message != "of "+id || ev.Params.Progress <= last {
			t.Errorf("call %s: got %+v after %v", id, ev, last)
		}
		last = ev.Params.Progress
	}
	if extra, more := next(); more {
		t.Errorf("call %s: %+v came after its answer", id, extra)
	}
}

// A cancel of the same request id by another client, with or without a session,
// does not end the call. The client's own cancel ends it.
func TestCancelReachesOwnCallsOnly(t *testing.T) {
	t.Parallel()
	for _, e := range eras {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			stack, url := whole(t, e.opts)
			headers := e.headers(t, url, "test_steps")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			res, next := open(t, ctx, url, e.call("7", "test_steps", `{"steps":1,"hold":true}`, "1"), headers...)
			defer res.Body.Close()
			if ev, _ := next(); ev.Method != "notifications/progress" {
				t.Fatalf("got %+v", ev)
			}
			for _, others := range [][]string{
				nil,
				{"Mcp-Session-Id", "x"},
				{"MCP-Protocol-Version", "2025-11-25"},
				{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "notifications/cancelled"},
				{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "notifications/cancelled", "Mcp-Session-Id", "y"},
				(era{session: !e.opts.Stateless}).headers(t, url, ""),
			} {
				for _, meta := range []string{"", `,"_meta":{` + modernMeta + `}`} {
					request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7`+meta+`}}`, others...)
				}
			}
			if n := stack.Running.Load(); n != 1 {
				t.Fatalf("%d calls go on", n)
			}
			if !e.session {
				return
			}
			own, _ := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`, headers...)
			if own.StatusCode != http.StatusAccepted {
				t.Errorf("its own cancel got %d", own.StatusCode)
			}
			if ev, _ := next(); ev.Method == "" {
				if status, _ := ev.status(t); status != "cancelled" {
					t.Errorf("the call was %s", status)
				}
			}
		})
	}
}

// If the client closes the stream, a direct call ends. A run continues; only
// the wait ends.
func TestClosedStream(t *testing.T) {
	t.Parallel()
	for _, e := range eras {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			stack, url := whole(t, e.opts)
			for name, c := range map[string]struct {
				tool, arguments string
				left            int64
			}{
				"call": {"test_steps", `{"steps":1,"hold":true}`, 0},
				"run":  {"run_task_tree", `{"wait_seconds":60,"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`, 1},
			} {
				ctx, leave := context.WithCancel(t.Context())
				res, next := open(t, ctx, url, e.call("1", c.tool, c.arguments, "1"), e.headers(t, url, c.tool)...)
				if ev, _ := next(); ev.Method != "notifications/progress" {
					t.Fatalf("%s: got %+v", name, ev)
				}
				for stack.Running.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				leave()
				res.Body.Close()
				until := time.Now().Add(executortest.Patience)
				if c.left > 0 {
					until = time.Now().Add(300 * time.Millisecond) // enough time for a wrong cancel to have an effect
				}
				for stack.Running.Load() != c.left || (c.left > 0 && time.Now().Before(until)) {
					if time.Now().After(until) {
						t.Fatalf("%s: %d go on", name, stack.Running.Load())
					}
					time.Sleep(time.Millisecond)
				}
				list, _, err := stack.Runner.List(t.Context(), listAll)
				if err != nil {
					t.Fatal(err)
				}
				for _, run := range list {
					if _, err := stack.Runner.Cancel(t.Context(), run.RunID, "", ""); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
