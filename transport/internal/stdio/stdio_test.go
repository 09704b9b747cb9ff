package stdio_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// With 64 calls at once that report progress, each call receives only its own
// progress, and the last notification before its reply.
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

// While a hundred runs are waiting, a ping, a list and a cancel are answered at
// once.
func TestWaitingCallsHoldNothingUp(t *testing.T) {
	t.Parallel()
	c := start(t, "100ms")
	c.initialize("2025-11-25")
	for i := range 100 {
		c.send("%s", call(fmt.Sprint(i), "run_task_tree", `{"wait_seconds":60,"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`, ""))
	}
	handles := 0
	for handles < 36 { // 64 calls may wait; the others return at once
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

// A cancel by request id ends a direct call or a run, and nothing else.
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

// At the end of the input, new calls end normally. Calls that take too long are
// cancelled without a reply: clients have closed their session by then.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ settle, steps, status string }{
		"in time":  {"20s", `{"steps":3,"delay_ms":100}`, "completed"},
		"too late": {"200ms", `{"steps":1,"hold":true}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.settle)
			s.initialize("2025-11-25")
			s.send("%s", call("1", "test_steps", c.steps, token("7")))
			for s.next().Method != "notifications/progress" {
				continue
			}
			s.in.Close()
			if c.status != "" {
				if m := s.reply("1"); m.envelope(t).Status != c.status {
					t.Errorf("got %s", m.raw)
				}
			}
			s.end()
			if c.status == "" && !strings.Contains(s.errs.String(), "cancelled without a reply") {
				t.Errorf("no word about the call: %s", s.errs)
			}
			if !strings.Contains(s.errs.String(), "running 0") {
				t.Errorf("work is left: %s", s.errs)
			}
		})
	}
}

// Lines that are not messages get one clear error each, and the server
// continues.
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

// In the revision that has batches, a batch gets a batch of replies.
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

// In each revision, the handshake works and tools can be called.
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
	c.send(`{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{%s}}`, modern)
	if m := c.next(); string(m.ID) != "4" {
		t.Errorf("a subscription that its client has ended is answered: %s", m.raw)
	}
}

// A signal while a call runs and the reader waits for input: the call is
// cancelled and answered. In its own process, because a test that cancels a
// context after a reply would hide a data race from the detector.
func TestSignal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no signal to send to a child on Windows")
	}
	for range 2 {
		c := start(t, "1ms")
		c.initialize("2025-11-25")
		c.send("%s", call("1", "test_steps", `{"steps":1,"hold":true}`, token("7")))
		for c.next().Method != "notifications/progress" {
			continue
		}
		require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
		require.Equal(t, "cancelled", c.reply("1").envelope(t).ErrorType)
		c.end()
	}
}
