package stdio_test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/stdio"
	"github.com/chainwright/chainwright/transport/mcp"
)

// confirming is a client of a server that requires confirmations.
type confirming struct {
	*client
	wiper *toolstest.Wiper
}

func newConfirming(t *testing.T, within time.Duration) *confirming {
	t.Helper()
	wiper := toolstest.NewWiper()
	stack, err := toolstest.New(toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper))
	if err != nil {
		t.Fatal(err)
	}
	in, writing := io.Pipe()
	reading, out := io.Pipe()
	c := &confirming{client: &client{t: t, in: writing, all: make(chan message, 1000)}, wiper: wiper}
	var both sync.WaitGroup
	both.Go(func() {
		if err := stdio.Serve(t.Context(), mcp.New(stack.Set, mcp.Options{AnswerWithin: within}), in, out, stdio.Options{
			Log: zerolog.Nop(), Settle: 20 * time.Second, Drain: stack.Runner.Close,
		}); err != nil {
			t.Error(err)
		}
		out.Close()
	})
	both.Go(func() { c.receive(reading) })
	c.end = sync.OnceFunc(func() {
		writing.Close()
		both.Wait()
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(c.end)
	return c
}

// hello sends the handshake of a client with these capabilities.
func (c *confirming) hello(version, capabilities string) {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"1"}}}`, version, capabilities)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if m := c.reply(`"init"`); m.Error != nil {
		c.t.Fatalf("initialize: %s", m.raw)
	}
}

// question waits for the server's question.
func (c *confirming) question() message {
	c.t.Helper()
	m := c.next()
	if m.Method != "elicitation/create" || m.Params.Message == "" || !strings.Contains(m.raw, `"requestedSchema":{"type":"object","properties":{}}`) {
		c.t.Fatalf("not a question: %s", m.raw)
	}
	return m
}

const tree = `{"wait_seconds":10,"tasks":[
{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}},
{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"b"},"dependencies":["a"]},
{"id":"c","schemas":{"method":"test_wipe"},"inputs":{"what":"c"},"dependencies":["b"]}]}`

var oneLine = strings.NewReplacer("\n", "")

// In a revision with questions within calls, the person's answer decides.
func TestConfirmWithin(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		for _, meta := range []string{"", `,"_meta":{"io.modelcontextprotocol/long":true}`} {
			c := newConfirming(t, time.Minute)
			c.hello(version, `{"elicitation":{}}`)
			for answer, status := range map[string]string{
				`"result":{"action":"decline"}`:                    "failed",
				`"result":{"action":"cancel"}`:                     "failed",
				`"error":{"code":-1,"message":"no"}`:               "failed",
				`"result":{"action":"accept","content":{"x":"y"}}`: "completed",
			} {
				c.send("%s", call("1", "run_task_tree", oneLine.Replace(tree), meta))
				q := c.question()
				if n := strings.Count(q.Params.Message, "test_wipe"); n != 3 {
					t.Errorf("it asks about %d: %q", n, q.Params.Message)
				}
				// Other requests are answered in the meantime.
				c.send(`{"jsonrpc":"2.0","id":"ping","method":"ping"}`)
				c.send("%s", call("2", "test_wipe", `{"what":"x","mode":"look"}`, meta))
				for range 2 {
					if m := c.next(); m.Method != "" || string(m.ID) == "1" {
						t.Errorf("got %s", m.raw)
					}
				}
				c.send(`{"jsonrpc":"2.0","id":%s,%s}`, q.ID, answer)
				m := c.reply("1")
				if e := m.envelope(t); e.Status != status || status == "failed" && e.ErrorType != "permission_denied" {
					t.Errorf("%s: %s", answer, m.raw)
				}
				c.send(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, q.ID) // too late
			}
			if wiped := c.wiper.Wiped(); !slices.Equal(wiped, []string{"a", "b", "c"}) {
				t.Errorf("%v were wiped", wiped)
			}
			c.end()
		}
	}
}

// A client that can't ask gets no question, and nothing is started.
func TestConfirmNobody(t *testing.T) {
	t.Parallel()
	for _, client := range [][2]string{
		{"2024-11-05", `{"elicitation":{}}`}, {"2025-03-26", `{"elicitation":{}}`},
		{"2025-06-18", `{}`}, {"2025-11-25", `{"elicitation":{"url":{}}}`}, {"2025-11-25", `{"sampling":{}}`},
	} {
		c := newConfirming(t, time.Minute)
		c.hello(client[0], client[1])
		c.send("%s", call("1", "test_wipe", `{"what":"a"}`, ""))
		m := c.next()
		if e := m.envelope(t); e.ErrorType != "permission_denied" || !strings.Contains(m.raw, "policy.confirm") || len(c.wiper.Wiped()) > 0 {
			t.Errorf("%v: %s", client, m.raw)
		}
		c.end()
	}
}

// A question that is not answered is withdrawn when its time is over, when its
// call is cancelled, and when the client disconnects.
func TestConfirmEnds(t *testing.T) {
	t.Parallel()
	off := func(c *confirming, q message) {
		t.Helper()
		if m := c.next(); m.Method != "notifications/cancelled" || !strings.Contains(m.raw, `"requestId":`+string(q.ID)) {
			t.Errorf("got %s", m.raw)
		}
	}
	late := newConfirming(t, 20*time.Millisecond)
	late.hello("2025-11-25", `{"elicitation":{"form":{}}}`)
	late.send("%s", call("1", "test_wipe", `{"what":"a"}`, ""))
	off(late, late.question())
	if m := late.next(); m.envelope(t).ErrorType != "permission_denied" || !strings.Contains(m.raw, "did not answer within") {
		t.Errorf("got %s", m.raw)
	}

	c := newConfirming(t, time.Hour)
	c.hello("2025-11-25", `{"elicitation":{}}`)
	c.send("%s", call("1", "test_wipe", `{"what":"a"}`, ""))
	q := c.question()
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	off(c, q)
	if m := c.reply("1"); m.envelope(t).Status != "cancelled" {
		t.Errorf("got %s", m.raw)
	}

	c.send("%s", call("2", "test_wipe", `{"what":"a"}`, ""))
	c.question()
	c.in.Close()
	if m := c.reply("2"); m.envelope(t).ErrorType != "permission_denied" {
		t.Errorf("got %s", m.raw)
	}
	if n := len(late.wiper.Wiped()) + len(c.wiper.Wiped()); n > 0 {
		t.Errorf("%d were wiped", n)
	}
}

// With ten calls at once and answers in another order, each call gets its own
// answer.
func TestConfirmAtOnce(t *testing.T) {
	t.Parallel()
	c := newConfirming(t, time.Minute)
	c.hello("2025-11-25", `{"elicitation":{}}`)
	var questions []message
	for i := range 10 {
		c.send("%s", call(fmt.Sprint(i), "test_wipe", fmt.Sprintf(`{"what":"%d"}`, i), ""))
	}
	for range 10 {
		questions = append(questions, c.question())
	}
	for _, q := range slices.Backward(questions) {
		action := "decline"
		for _, even := range []string{"0", "2", "4", "6", "8"} {
			if strings.Contains(q.Params.Message, `"what":"`+even+`"`) {
				action = "accept"
			}
		}
		c.send(`{"jsonrpc":"2.0","id":%s,"result":{"action":%q}}`, q.ID, action)
	}
	for range 10 {
		m := c.next()
		want := "completed"
		if int(m.ID[0])%2 == 1 {
			want = "failed"
		}
		if e := m.envelope(t); e.Status != want {
			t.Errorf("call %s: %s", m.ID, m.raw)
		}
	}
	wiped := c.wiper.Wiped()
	if slices.Sort(wiped); strings.Join(wiped, "") != "02468" {
		t.Errorf("%v were wiped", wiped)
	}
}

// asked is the reply in the first round.
type asked struct {
	Type     string `json:"resultType"`
	State    string `json:"requestState"`
	Requests map[string]struct {
		Method string
		Params struct{ Message string }
	} `json:"inputRequests"`
}

// In the newest revision, a call takes two rounds. The answer is valid once,
// for that call, at the server that asked.
func TestConfirmRounds(t *testing.T) {
	t.Parallel()
	meta := func(more string) string {
		return more + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
	}
	accept := func(state string) string {
		return meta(`,"requestState":"` + state + `","inputResponses":{"confirm":{"action":"accept","content":{}}}`)
	}
	c := newConfirming(t, time.Minute)
	c.send("%s", call("1", "run_task_tree", oneLine.Replace(tree), meta("")))
	var a asked
	if m := c.reply("1"); json.Unmarshal(m.Result, &a) != nil || a.Type != "input_required" || a.State == "" || a.Requests["confirm"].Method != "elicitation/create" ||
		strings.Count(a.Requests["confirm"].Params.Message, "test_wipe") != 3 || len(c.wiper.Wiped()) > 0 {
		t.Fatalf("got %s", m.raw)
	}
	restarted := newConfirming(t, time.Minute)
	restarted.send("%s", call("1", "run_task_tree", oneLine.Replace(tree), accept(a.State)))
	if m := restarted.reply("1"); m.envelope(t).ErrorType != "permission_denied" || !strings.Contains(m.raw, "in the last hours") || !strings.Contains(m.raw, "asked again") {
		t.Errorf("after a restart: %s", m.raw)
	}
	c.send("%s", call("2", "test_wipe", `{"what":"a"}`, accept(a.State)))
	if m := c.reply("2"); m.envelope(t).ErrorType != "permission_denied" || !strings.Contains(m.raw, "another tool") {
		t.Errorf("for another call: %s", m.raw)
	}
	c.send("%s", call("3", "run_task_tree", oneLine.Replace(tree), accept(a.State)))
	if m := c.reply("3"); m.envelope(t).Status != "completed" || len(c.wiper.Wiped()) != 3 {
		t.Errorf("got %s", m.raw)
	}
	c.send("%s", call("4", "run_task_tree", oneLine.Replace(tree), accept(a.State)))
	if m := c.reply("4"); m.envelope(t).ErrorType != "permission_denied" || !strings.Contains(m.raw, "used before") || len(c.wiper.Wiped()) != 3 {
		t.Errorf("again: %s", m.raw)
	}
	c.send("%s", call("5", "test_wipe", `{"what":"a"}`, `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`))
	if m := c.reply("5"); m.envelope(t).ErrorType != "permission_denied" {
		t.Errorf("without the capability: %s", m.raw)
	}
	if len(restarted.wiper.Wiped()) > 0 {
		t.Error("the restarted server did it")
	}
}
