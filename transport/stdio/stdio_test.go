package stdio_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/stdio"
)

// child, when set, makes this test program the server.
const child = "CHAINWRIGHT_TEST_STDIO"

func TestMain(m *testing.M) {
	if grace := os.Getenv(child); grace != "" {
		if err := serve(grace); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func serve(grace string) error {
	wait, err := time.ParseDuration(grace)
	if err != nil {
		return err
	}
	stack, err := toolstest.New(toolstest.WithGrace(wait))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = stdio.Serve(ctx, tools.NewServer(stack.Set, tools.ServerOptions{}), os.Stdin, os.Stdout, stdio.Options{
		Log: zerolog.Nop(), Tools: stack.Set, Grace: wait, Drain: stack.Runner.Close,
	})
	fmt.Fprintf(os.Stderr, "running %d\n", stack.Running.Load())
	return err
}

// message is a line that the server wrote.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int
		Message string
	} `json:"error"`
	Params struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress float64         `json:"progress"`
		Message  string          `json:"message"`
	} `json:"params"`

	raw string
}

func (m message) envelope(t *testing.T) (e struct {
	Status    string
	ErrorType string `json:"error_type"`
	RunID     string `json:"run_id"`
	Result    json.RawMessage
}) {
	t.Helper()
	var result struct {
		Structured json.RawMessage `json:"structuredContent"`
		Content    []struct{ Text string }
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || len(result.Content) != 1 {
		t.Fatalf("not a tool's result: %s", m.raw)
	}
	if result.Content[0].Text != string(result.Structured) {
		t.Errorf("the text is %s, and the structured content %s", result.Content[0].Text, result.Structured)
	}
	if err := json.Unmarshal(result.Structured, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// client is the other end of the streams.
type client struct {
	t    *testing.T
	in   io.WriteCloser
	cmd  *exec.Cmd
	errs *bytes.Buffer
	all  chan message // closed at the end of the output
	end  func()       // ends the input and waits for the server
	mu   sync.Mutex
}

// start starts a server in a process of its own.
func start(t *testing.T, grace string) *client {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, cmd: exec.Command(program), errs: new(bytes.Buffer), all: make(chan message, 100_000)}
	c.cmd.Env = append(os.Environ(), child+"="+grace)
	c.cmd.Stderr = c.errs
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.receive(out)
	}()
	c.end = sync.OnceFunc(func() {
		c.in.Close()
		<-done
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, c.errs)
		}
	})
	t.Cleanup(c.end)
	return c
}

// receive reads what the server writes until it ends.
func (c *client) receive(out io.Reader) {
	defer close(c.all)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if line != "" {
				c.t.Errorf("the last line has no end: %q", line)
			}
			return
		}
		m := message{raw: line}
		if err := json.Unmarshal([]byte(line), &m); err != nil && line[0] != '[' {
			c.t.Errorf("not JSON: %q", line)
		}
		c.all <- m
	}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.t.Error(err)
	}
}

func (c *client) initialize(version string) {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, version)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if m := c.reply(`"init"`); m.Error != nil {
		c.t.Fatalf("initialize: %s", m.raw)
	}
}

func (c *client) next() message {
	c.t.Helper()
	select {
	case m, ok := <-c.all:
		if !ok {
			c.t.Fatal("the output has ended")
		}
		return m
	case <-time.After(30 * time.Second):
		c.t.Fatal("nothing came for 30 s")
		return message{}
	}
}

// reply waits for the answer to a request; everything before it is dropped.
func (c *client) reply(id string) message {
	c.t.Helper()
	for {
		if m := c.next(); m.Method == "" && string(m.ID) == id {
			return m
		}
	}
}

func call(id, tool, arguments, meta string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, id, tool, arguments, meta)
}

func token(token string) string { return `,"_meta":{"progressToken":` + token + `}` }

// Given 64 calls at once that report progress, every call hears of all that
// is its own and of nothing else, the last before its answer.
func TestRaceProbe(t *testing.T) {
	t.Parallel()
	c := start(t, "5s")
	c.initialize("2025-11-25")
	const calls, rounds = 64, 5
	for round := range rounds {
		for i := range calls {
			id := fmt.Sprintf("%d", round*calls+i)
			c.send("%s", call(id, "test_steps", fmt.Sprintf(`{"steps":%d,"delay_ms":%d,"label":"of %s"}`, 3+i%5, i%3, id), token(`"t`+id+`"`)))
		}
		last := map[string]float64{}
		for answered := 0; answered < calls; {
			m := c.next()
			if m.Method == "notifications/progress" {
				id := strings.Trim(string(m.Params.Token), `"t`)
				if m.Params.Message != "of "+id {
					t.Fatalf("the event %q came to call %s", m.Params.Message, id)
				}
				if m.Params.Progress <= last[id] {
					t.Fatalf("call %s: %v after %v", id, m.Params.Progress, last[id])
				}
				last[id] = m.Params.Progress
				continue
			}
			answered++
			var i int
			if _, err := fmt.Sscan(string(m.ID), &i); err != nil || m.Error != nil {
				t.Fatalf("got %s", m.raw)
			}
			if want := float64(3 + i%calls%5); last[string(m.ID)] != want {
				t.Errorf("call %s was answered after progress %v of %v", m.ID, last[string(m.ID)], want)
			}
		}
	}
}

// Given a hundred waiting runs, a ping, a list and a cancel are
// answered at once.
func TestWaitingCallsHoldNothingUp(t *testing.T) {
	t.Parallel()
	c := start(t, "100ms")
	c.initialize("2025-11-25")
	for i := range 100 {
		c.send("%s", call(fmt.Sprint(i), "run_task_tree", `{"wait_seconds":60,"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`, ""))
	}
	handles := 0
	for handles < 36 { // 64 may wait; the others get their handle at once
		m := c.next()
		if status := m.envelope(t).Status; status != "in_progress" && status != "pending" {
			t.Fatalf("got %s", m.raw)
		}
		handles++
	}
	c.send(`{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
	c.reply(`"ping"`)
	c.send("%s", call(`"list"`, "list_runs", `{"limit":1}`, ""))
	e := c.reply(`"list"`).envelope(t)
	var page struct {
		Runs []struct {
			RunID string `json:"run_id"`
		}
	}
	if err := json.Unmarshal(e.Result, &page); err != nil || len(page.Runs) != 1 {
		t.Fatalf("listing gave %s", e.Result)
	}
	c.send("%s", call(`"cancel"`, "cancel_run", `{"run_id":"`+page.Runs[0].RunID+`"}`, ""))
	if e := c.reply(`"cancel"`).envelope(t); e.Status != "cancelled" {
		t.Errorf("cancelling gave %s", e.Status)
	}
}

// Given a cancel by name, a direct call and a run end, and nothing else does.
func TestCancel(t *testing.T) {
	t.Parallel()
	c := start(t, "5s")
	c.initialize("2025-11-25")
	c.send("%s", call("1", "test_steps", `{"steps":1,"hold":true}`, token("1")))
	c.send("%s", call("2", "run_task_tree", `{"wait_seconds":60,"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`, token("2")))
	c.send("%s", call("3", "test_steps", `{"steps":1,"hold":true}`, token("3")))
	for begun := map[string]bool{}; len(begun) < 3; {
		m := c.next()
		begun[string(m.Params.Token)] = true
	}
	for _, id := range []string{"1", "2"} {
		c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`, id)
		m := c.reply(id)
		if e := m.envelope(t); e.Status != "cancelled" || e.RunID == "" {
			t.Errorf("call %s: %s", id, m.raw)
		}
	}
	c.send(`{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
	if m := c.next(); string(m.ID) != `"ping"` {
		t.Errorf("call 3 was answered: %s", m.raw)
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
	c.reply("3")
}

// Given the end of the input, running calls still end; what takes too long is
// interrupted, and every call is answered.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ grace, steps, status, kind string }{
		"in time":  {"20s", `{"steps":3,"delay_ms":100}`, "completed", ""},
		"too late": {"200ms", `{"steps":1,"hold":true}`, "failed", "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.grace)
			s.initialize("2025-11-25")
			s.send("%s", call("1", "test_steps", c.steps, token("7")))
			for s.next().Method != "notifications/progress" {
				continue
			}
			s.in.Close()
			m := s.reply("1")
			if e := m.envelope(t); e.Status != c.status || e.ErrorType != c.kind {
				t.Errorf("got %s", m.raw)
			}
			s.end()
			if !strings.Contains(s.errs.String(), "running 0") {
				t.Errorf("work is left: %s", s.errs)
			}
		})
	}
}

// Given lines that are no messages, each gets one clear error, and the server
// goes on.
func TestBadLines(t *testing.T) {
	t.Parallel()
	c := start(t, "5s")
	c.initialize("2025-11-25")
	for name, b := range map[string]struct {
		line string
		code int
		id   string
	}{
		"not JSON":        {`{"jsonrpc":"2.0","id":1`, -32700, "null"},
		"4 MiB and 1":     {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"` + strings.Repeat("x", 4<<20) + `"}}`, -32600, "null"},
		"10,000 levels":   {strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), -32700, "null"},
		"a batch":         {`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, -32600, "null"},
		"a key twice":     {`{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, -32700, "null"},
		"a null id":       {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, "null"},
		"invalid UTF-8":   {"{\"jsonrpc\":\"2.0\",\"id\":\"\xc3\x28\",\"method\":\"ping\"}", -32700, "null"},
		"no such method":  {`{"jsonrpc":"2.0","id":9007199254740993,"method":"none"}`, -32601, "9007199254740993"},
		"no such tool":    {call("5", "none", "{}", ""), -32602, "5"},
		"a removed thing": {`{"jsonrpc":"2.0","id":6,"method":"logging/setLevel","params":{"level":"info"}}`, -32601, "6"},
	} {
		c.send("%s", b.line)
		m := c.next()
		if m.Error == nil || m.Error.Code != b.code || string(m.ID) != b.id {
			t.Errorf("%s: got %.300s", name, m.raw)
		}
	}
	c.send("\r\n   \n%s", `{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	c.reply("2")
}

// Given a client of the revision that has batches, one is answered as one.
func TestBatch(t *testing.T) {
	t.Parallel()
	c := start(t, "5s")
	c.initialize("2025-03-26")
	c.send(`[%s,{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":2,"method":"ping"},7,%s]`,
		call("1", "test_echo", `{"text":"x"}`, ""), `{"jsonrpc":"2.0","id":3,"method":"initialize","params":{}}`)
	var replies []message
	if err := json.Unmarshal([]byte(c.next().raw), &replies); err != nil || len(replies) != 4 {
		t.Fatalf("got %v, %v", replies, err)
	}
	failed := 0
	for _, m := range replies {
		if m.Error != nil {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d of them failed", failed)
	}
	c.send(`[{"jsonrpc":"2.0","method":"notifications/initialized"}]`)
	c.send(`{"jsonrpc":"2.0","id":4,"method":"ping"}`)
	if m := c.next(); string(m.ID) != "4" {
		t.Errorf("a batch of notifications was answered: %s", m.raw)
	}
}

// Given each revision, its way in works and its tools can be called.
func TestRevisions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		c := start(t, "5s")
		c.initialize(version)
		c.send("%s", call("1", "test_echo", `{"text":"<x>"}`, ""))
		if e := c.reply("1").envelope(t); e.Status != "completed" || string(e.Result) != `{"text":"<x>"}` {
			t.Errorf("%s: got %s", version, e.Result)
		}
	}
	c := start(t, "5s")
	const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}`
	c.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{%s}}`, modern)
	if m := c.reply("1"); m.Error != nil || !strings.Contains(m.raw, `"2026-07-28"`) {
		t.Errorf("discover: %s", m.raw)
	}
	c.send("%s", call("2", "test_steps", `{"steps":2}`, ","+modern))
	progress := 0.0
	m := c.next()
	for ; m.Method != ""; m = c.next() {
		progress = m.Params.Progress
	}
	if e := m.envelope(t); e.Status != "completed" || progress != 2 || !strings.Contains(m.raw, `"resultType":"complete"`) {
		t.Errorf("after progress %v: %s", progress, m.raw)
	}
	c.send(`{"jsonrpc":"2.0","id":3,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},%s}}`, modern)
	if m := c.next(); m.Method != "notifications/subscriptions/acknowledged" {
		t.Errorf("listen: %s", m.raw)
	}
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
	c.reply("3")
}
