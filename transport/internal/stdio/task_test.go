package stdio_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const takesTasks = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// created returns the id of the task in a reply.
func created(t *testing.T, m message) string {
	t.Helper()
	var result struct {
		ID   string `json:"taskId"`
		Task struct {
			ID string `json:"taskId"`
		}
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || result.ID+result.Task.ID == "" {
		t.Fatalf("not a task: %s", m.raw)
	}
	return result.ID + result.Task.ID
}

// Requests that wait for the end of a task take no worker: other requests are
// answered meanwhile, and the cancel request too.
func TestWaitsForTasks(t *testing.T) {
	t.Parallel()
	_, c := pair(t)
	c.initialize("2025-11-25")
	c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]},"task":{"ttl":60000}}}`)
	id := created(t, c.reply("1"))
	const waiting = 150 // more than there are workers
	for i := range waiting {
		c.send(`{"jsonrpc":"2.0","id":"w%d","method":"tasks/result","params":{"taskId":%q}}`, i, id)
	}
	c.send(`{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":%q}}`, id)
	if m := c.reply("2"); !strings.Contains(m.raw, `"status":"working"`) {
		t.Errorf("got %s", m.raw)
	}
	c.send(`{"jsonrpc":"2.0","id":3,"method":"tasks/cancel","params":{"taskId":%q}}`, id)
	replies, status := map[string]bool{}, false
	for len(replies) < waiting+1 || !status {
		switch m := c.next(); {
		case m.Method == "notifications/tasks/status":
			status = strings.Contains(m.raw, `"status":"cancelled"`)
		case m.Error != nil:
			t.Fatalf("got %s", m.raw)
		default:
			replies[string(m.ID)] = true
		}
	}
}

// At the end of the input, the requests that wait for a task hold up nothing.
func TestEndWhileWaiting(t *testing.T) {
	t.Parallel()
	c := start(t, "10ms")
	c.initialize("2025-11-25")
	c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]},"task":{}}}`)
	c.send(`{"jsonrpc":"2.0","id":2,"method":"tasks/result","params":{"taskId":%q}}`, created(t, c.reply("1")))
	c.send(`{"jsonrpc":"2.0","id":3,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},%s}}`, takesTasks)
	for c.next().Method != "notifications/subscriptions/acknowledged" {
		continue
	}
	c.in.Close()
	c.end()
}

// A session hears of the runs that it has subscribed to, and a modern client of
// the runs and tasks of its subscription.
func TestHearsOfRuns(t *testing.T) {
	t.Parallel()
	_, c := pair(t)
	c.initialize("2025-11-25")
	tree := `{"name":"run_task_tree","arguments":{"wait_seconds":0,"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"delay_ms":500}}]}}`
	c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}`, tree)
	run := c.reply("1").envelope(t).RunID
	c.send(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"run://%s"}}`, run)
	if m := c.reply("2"); m.Error != nil {
		t.Fatal(m.raw)
	}
	if m := c.next(); m.raw != fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"run://%s"}}`, run)+"\n" {
		t.Errorf("heard %s", m.raw)
	}
	_, c = pair(t)
	c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_steps","arguments":{"steps":30,"delay_ms":100},%s}}`, takesTasks)
	id := created(t, c.reply("1"))
	c.send(`{"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{"notifications":{"taskIds":[%q],"resourceSubscriptions":["run://%s"]},%s}}`, id, id, takesTasks)
	heard := ""
	for !strings.Contains(heard, `"status":"completed"`) || !strings.Contains(heard, "resources/updated") {
		m := c.next()
		if m.Method == "" || !strings.Contains(m.raw, `"io.modelcontextprotocol/subscriptionId":"s"`) {
			t.Fatalf("heard %s", m.raw)
		}
		heard += m.raw
	}
}
