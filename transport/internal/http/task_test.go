package http

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/mcp"
)

const (
	takesMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`
	heldTree  = `{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`
	slowTree  = `{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":3,"delay_ms":200}}]}`
)

// newest returns the headers of a modern request.
func newest(method, name string, more ...string) []string {
	list := append([]string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method}, more...)
	if name != "" {
		list = append(list, "Mcp-Name", name)
	}
	return list
}

func about(method, id, meta string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"taskId":%q,%s}}`, method, id, meta)
}

// task returns the id and the status of the task in a reply.
func task(t *testing.T, body string) (id, status string) {
	t.Helper()
	var reply struct {
		Result struct {
			ID     string `json:"taskId"`
			Status string
			Task   struct {
				ID string `json:"taskId"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return reply.Result.ID + reply.Result.Task.ID, reply.Result.Status
}

// Tasks of the newest revision, with and without sessions: the headers must agree
// with the message, and each principal sees its own.
func TestModernTasks(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]Options{"with sessions": {}, "stateless": {Stateless: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts.Tokens = []Token{{Name: "a", Value: "ann's token", Principal: "ann"}, {Name: "b", Value: "bob's token", Principal: "bob"}}
			_, url := wholeWith(t, opts, mcp.Options{TaskAfter: time.Millisecond})
			ann, bob := []string{"Authorization", "Bearer ann's token"}, []string{"Authorization", "Bearer bob's token"}
			_, body := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":`+heldTree+`,`+takesMeta+`}}`,
				newest("tools/call", "run_task_tree", ann...)...)
			id, status := task(t, body)
			if status != "working" {
				t.Fatalf("got %s", body)
			}
			for _, c := range []struct {
				method, id string
				headers    []string
				status     int
				want       string
			}{
				{"tasks/get", id, newest("tasks/get", id, ann...), 200, `"status":"working"`},
				{"tasks/get", id, newest("tasks/get", id, bob...), 400, `"code":-32602`},
				{"tasks/cancel", id, newest("tasks/cancel", id, bob...), 400, `"code":-32602`},
				{"tasks/get", "x", newest("tasks/get", "x", ann...), 400, `"code":-32602`},
				{"tasks/get", id, newest("tasks/get", "x", ann...), 400, `"code":-32020`},
				{"tasks/get", id, newest("tasks/get", "", ann...), 400, `"code":-32020`},
				{"tasks/get", id, newest("tasks/cancel", id, ann...), 400, `"code":-32020`},
				{"tasks/result", id, newest("tasks/result", id, ann...), 404, `"code":-32601`},
				{"tasks/get", id, append(ann, "Mcp-Method", "tasks/get", "Mcp-Name", id), 400, `"code":-32020`},
				{"tasks/cancel", id, newest("tasks/cancel", id, ann...), 200, `"resultType":"complete"`},
			} {
				res, body := request(t, http.MethodPost, url+Path, about(c.method, c.id, takesMeta), c.headers...)
				if res.StatusCode != c.status || !strings.Contains(body, c.want) {
					t.Errorf("%s %s %q: got %d %s", c.method, c.id, c.headers, res.StatusCode, body)
				}
			}
			if res, body := request(t, http.MethodPost, url+Path, about("tasks/get", id, `"_meta":{`+modernMeta+`}`), newest("tasks/get", id, ann...)...); res.StatusCode != 400 || !strings.Contains(body, `"code":-32021`) {
				t.Errorf("not declared: %d %s", res.StatusCode, body)
			}
			_, body = request(t, http.MethodPost, url+Path, about("tasks/get", id, takesMeta), newest("tasks/get", id, ann...)...)
			if _, status := task(t, body); status != "cancelled" {
				t.Errorf("after the cancel: %s", body)
			}
		})
	}
}

// Tasks of 2025-11-25 need that revision's header, and a session where sessions
// are kept. Another session of the same caller has the result.
func TestLegacyTasks(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]Options{"with sessions": {}, "stateless": {Stateless: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := whole(t, opts)
			headers := func() []string {
				list := []string{"MCP-Protocol-Version", "2025-11-25"}
				if !opts.Stateless {
					list = append(list, "Mcp-Session-Id", session(t, url))
				}
				return list
			}
			_, body := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":`+slowTree+`,"task":{"ttl":1000}}}`, headers()...)
			id, _ := task(t, body)
			if id == "" {
				t.Fatalf("got %s", body)
			}
			if res, body := request(t, http.MethodPost, url+Path, about("tasks/result", id, `"x":1`), headers()...); res.StatusCode != 200 || !strings.Contains(body, `"steps":3`) ||
				!strings.Contains(body, `"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"`+id+`"}}`) {
				t.Errorf("the result: %d %s", res.StatusCode, body)
			}
			if res, body := request(t, http.MethodPost, url+Path, about("tasks/get", id, `"x":1`), "MCP-Protocol-Version", "2025-11-25", "Mcp-Session-Id", "none"); !opts.Stateless && res.StatusCode != 404 {
				t.Errorf("no session: %d %s", res.StatusCode, body)
			}
			older := append([]string{"MCP-Protocol-Version", "2025-06-18"}, headers()[2:]...)
			if _, body := request(t, http.MethodPost, url+Path, about("tasks/get", id, `"x":1`), older...); !strings.Contains(body, `"code":-32601`) {
				t.Errorf("an older revision: %s", body)
			}
		})
	}
}

// A session hears of a run on its stream, until it ends. Another principal's
// session can't subscribe to the run.
func TestSubscribes(t *testing.T) {
	t.Parallel()
	stack, url := whole(t, Options{})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	id := session(t, url)
	res, next := announced(t, ctx, url, id)
	defer res.Body.Close()
	pending, _ := stack.Set.Prepare(t.Context(), tools.RunTaskTree, &tools.Request{Arguments: []byte(`{"wait_seconds":0,` + slowTree[1:])})
	run := pending.Start(t.Context()).RunID
	subscribe := func(uri string, headers ...string) (int, string) {
		res, body := request(t, http.MethodPost, url+Path, method("resources/subscribe", `{"uri":"`+uri+`"}`), headers...)
		return res.StatusCode, body
	}
	if code, body := subscribe("run://"+run, "Mcp-Session-Id", id); code != 200 || !strings.Contains(body, `"result":{}`) {
		t.Fatalf("got %d %s", code, body)
	}
	if ev, _ := next(); ev.Method != "notifications/resources/updated" {
		t.Errorf("heard %+v", ev)
	}
	if code, body := subscribe("run://x", "Mcp-Session-Id", id); code != 200 || !strings.Contains(body, `"code":-32002`) {
		t.Errorf("an unknown run: %d %s", code, body)
	}
	if code, body := subscribe("run://"+run, "Mcp-Session-Id", "none"); code != 404 {
		t.Errorf("no such session: %d %s", code, body)
	}
	if res, body := request(t, http.MethodDelete, url+Path, "", "Mcp-Session-Id", id); res.StatusCode != 200 {
		t.Errorf("the end of the session: %d %s", res.StatusCode, body)
	}
}

// One stream of the newest revision has a task's changes and its result, and the
// reply when the server ends.
func TestListensForTasks(t *testing.T) {
	t.Parallel()
	_, url := wholeWith(t, Options{}, mcp.Options{TaskAfter: time.Millisecond})
	_, body := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":`+slowTree+`,`+takesMeta+`}}`, newest("tools/call", "run_task_tree")...)
	id, _ := task(t, body)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	res, next := open(t, ctx, url, `{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["`+id+`"],"resourceSubscriptions":["run://`+id+`"]},`+takesMeta+`}}`, newest("subscriptions/listen", "")...)
	defer res.Body.Close()
	heard := map[string]int{}
	for heard["notifications/tasks"] < 2 || heard["notifications/resources/updated"] < 1 {
		ev, more := next()
		if !more {
			t.Fatalf("the stream has ended after %v", heard)
		}
		heard[ev.Method]++
	}
	if heard["notifications/subscriptions/acknowledged"] != 1 {
		t.Errorf("heard %v", heard)
	}
	if res, body := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","id":8,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+takesMeta+`}}`, newest("tools/list", "")...); res.StatusCode != 400 || !strings.Contains(body, `"code":-32020`) {
		t.Errorf("wrong headers: %d %s", res.StatusCode, body)
	}
}
