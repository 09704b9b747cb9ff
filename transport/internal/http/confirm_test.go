package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/mcp"
)

// asking serves tools that require confirmations.
func asking(t *testing.T, opts Options, within time.Duration) (*toolstest.Wiper, *toolstest.Stack, string) {
	t.Helper()
	wiper := toolstest.NewWiper()
	stack, url := wholeWith(t, opts, mcp.Options{AnswerWithin: within}, toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper))
	return wiper, stack, url
}

// asked is a message with a question: a request within a call, or a result.
type asked struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Message   string `json:"message"`
		RequestID string `json:"requestId"`
	} `json:"params"`
	Result struct {
		Type     string `json:"resultType"`
		State    string `json:"requestState"`
		Requests map[string]struct {
			Method string
			Params struct{ Message string }
		} `json:"inputRequests"`
		Structured struct {
			Status    string `json:"status"`
			Error     string `json:"error"`
			ErrorType string `json:"error_type"`
			Hint      string `json:"hint"`
		} `json:"structuredContent"`
		IsError bool `json:"isError"`
	} `json:"result"`
	Error *struct{ Message string } `json:"error"`
}

// begin sends a call, and returns its messages as they arrive.
func begin(t *testing.T, url, body string, headers ...string) (next func() asked, end func()) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+Path, strings.NewReader(body))
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
		t.Fatal(err)
	}
	lines := bufio.NewReader(res.Body)
	return func() (a asked) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if text := strings.TrimPrefix(strings.TrimSpace(line), "data: "); strings.HasPrefix(text, "{") {
				if err := json.Unmarshal([]byte(text), &a); err != nil {
					t.Errorf("%v in %s", err, text)
				}
				return a
			}
			if err != nil {
				t.Errorf("the answer has ended: %v", err)
				return a
			}
		}
	}, func() { res.Body.Close() }
}

func hello(t *testing.T, url, version, capabilities string, headers ...string) []string {
	t.Helper()
	res, body := request(t, http.MethodPost, url+Path, fmt.Sprintf(
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"1"}}}`, version, capabilities), headers...)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("initialize: %d %s", res.StatusCode, body)
	}
	own := append(slices.Clone(headers), "MCP-Protocol-Version", version)
	if id := res.Header.Get("Mcp-Session-Id"); id != "" {
		own = append(own, "Mcp-Session-Id", id)
	}
	return own
}

func response(id json.RawMessage, answer string) string {
	return `{"jsonrpc":"2.0","id":` + string(id) + `,` + answer + `}`
}

const wipeThree = `{"wait_seconds":10,"tasks":[
{"id":"a","schemas":{"method":"test_wipe"},"inputs":{"what":"a"}},
{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"b"},"dependencies":["a"]},
{"id":"c","schemas":{"method":"test_wipe"},"inputs":{"what":"c"},"dependencies":["b"]}]}`

// In a session whose client can ask, the person's answer decides. An answer
// from another session is not accepted.
func TestConfirmWithin(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		for _, long := range []bool{false, true} {
			wiper, _, url := asking(t, Options{}, time.Minute)
			headers, stranger := hello(t, url, version, `{"elicitation":{}}`), hello(t, url, version, `{"elicitation":{}}`)
			for answer, status := range map[string]string{
				`"result":{"action":"decline"}`:             "failed",
				`"result":{"action":"cancel"}`:              "failed",
				`"error":{"code":-1,"message":"no"}`:        "failed",
				`"result":{"action":"accept","content":{}}`: "completed",
			} {
				next, end := begin(t, url, era{further: long}.call("1", "run_task_tree", wipeThree, ""), headers...)
				q := next()
				if q.Method != "elicitation/create" || strings.Count(q.Params.Message, "test_wipe") != 3 {
					t.Fatalf("not a question: %+v", q)
				}
				yes := response(q.ID, `"result":{"action":"accept"}`)
				request(t, http.MethodPost, url+Path, yes, stranger...)
				request(t, http.MethodPost, url+Path, yes)
				request(t, http.MethodPost, url+Path, yes, "MCP-Protocol-Version", "2026-07-28")
				if res, body := request(t, http.MethodPost, url+Path, response(q.ID, answer), headers...); res.StatusCode != http.StatusAccepted {
					t.Errorf("the answer got %d %s", res.StatusCode, body)
				}
				if a := next(); a.Result.Structured.Status != status || a.Result.IsError != (status == "failed") {
					t.Errorf("%s: %+v", answer, a)
				}
				end()
			}
			if wiped := wiper.Wiped(); !slices.Equal(wiped, []string{"a", "b", "c"}) {
				t.Errorf("%v were wiped", wiped)
			}
		}
	}
}

// If the client can't ask, nothing is started, and the reply has a hint.
func TestConfirmNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts                  Options
		version, capabilities string
		accept                string
	}{
		"an old revision":    {Options{}, "2025-03-26", `{"elicitation":{}}`, ""},
		"no capability":      {Options{}, "2025-11-25", `{}`, ""},
		"only by URL":        {Options{}, "2025-11-25", `{"elicitation":{"url":{}}}`, ""},
		"no sessions":        {Options{Stateless: true}, "2025-11-25", `{"elicitation":{}}`, ""},
		"no stream accepted": {Options{}, "2025-11-25", `{"elicitation":{}}`, "application/json"},
	} {
		wiper, _, url := asking(t, c.opts, time.Minute)
		headers := hello(t, url, c.version, c.capabilities)
		if c.accept != "" {
			headers = append(headers, "Accept", c.accept)
		}
		next, end := begin(t, url, era{}.call("1", "test_wipe", `{"what":"a"}`, ""), headers...)
		if a := next(); a.Result.Structured.ErrorType != "permission_denied" || !strings.Contains(a.Result.Structured.Hint, "policy.confirm") || len(wiper.Wiped()) > 0 {
			t.Errorf("%s: %+v", name, a)
		}
		end()
	}
}

// A question that is not answered is withdrawn when its time is over, when the
// call is cancelled, and when the server stops.
func TestConfirmEnds(t *testing.T) {
	t.Parallel()
	ask := func(url string, headers []string) (func() asked, func()) {
		next, end := begin(t, url, era{}.call("1", "test_wipe", `{"what":"a"}`, ""), headers...)
		q := next()
		if q.Method != "elicitation/create" {
			t.Fatalf("not a question: %+v", q)
		}
		return func() asked {
			a := next()
			if id := strings.Trim(string(q.ID), `"`); a.Method == "notifications/cancelled" && a.Params.RequestID == id {
				return next()
			}
			return a
		}, end
	}
	wiper, _, url := asking(t, Options{}, 20*time.Millisecond)
	next, end := ask(url, hello(t, url, "2025-11-25", `{"elicitation":{}}`))
	if a := next(); a.Result.Structured.ErrorType != "permission_denied" || !strings.Contains(a.Result.Structured.Error, "did not answer within") {
		t.Errorf("%+v", a)
	}
	end()

	patient, _, url := asking(t, Options{}, time.Minute)
	headers := hello(t, url, "2025-11-25", `{"elicitation":{}}`)
	next, end = ask(url, headers)
	request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, headers...)
	if a := next(); a.Result.Structured.Status != "cancelled" {
		t.Errorf("%+v", a)
	}
	end()
	if n := len(wiper.Wiped()) + len(patient.Wiped()); n > 0 {
		t.Errorf("%d were wiped", n)
	}
}

// If the server stops while it asks, the call gets a reply and is not started.
func TestConfirmStops(t *testing.T) {
	t.Parallel()
	wiper := toolstest.NewWiper()
	stack, err := toolstest.New(toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper))
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	srv := New(mcp.New(stack.Set, mcp.Options{}), Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- srv.ServeListener(ctx, listener) }()
	url := "http://" + listener.Addr().String()
	next, end := begin(t, url, era{}.call("1", "test_wipe", `{"what":"a"}`, ""), hello(t, url, "2025-11-25", `{"elicitation":{}}`)...)
	defer end()
	if q := next(); q.Method != "elicitation/create" {
		t.Fatalf("not a question: %+v", q)
	}
	stop()
	if a := next(); a.Result.Structured.ErrorType != "permission_denied" || len(wiper.Wiped()) > 0 {
		t.Errorf("%+v", a)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// With ten clients at once, more than the limit of answered calls, each call
// gets its own answer.
func TestConfirmAtOnce(t *testing.T) {
	t.Parallel()
	wiper, _, url := asking(t, Options{Limits: Limits{Concurrent: 10}}, time.Minute)
	var questions, all sync.WaitGroup
	questions.Add(10)
	for i := range 10 {
		all.Go(func() {
			headers := hello(t, url, "2025-11-25", `{"elicitation":{}}`)
			next, end := begin(t, url, era{}.call("1", "test_wipe", fmt.Sprintf(`{"what":"%d"}`, i), ""), headers...)
			defer end()
			q := next()
			questions.Done()
			questions.Wait() // all ten are open, so no other call may run
			action, status := "accept", "completed"
			if i%2 == 1 {
				action, status = "decline", "failed"
			}
			if !strings.Contains(q.Params.Message, fmt.Sprintf(`"what":"%d"`, i)) {
				t.Errorf("call %d got the question %q", i, q.Params.Message)
			}
			request(t, http.MethodPost, url+Path, response(q.ID, `"result":{"action":"`+action+`"}`), headers...)
			if a := next(); a.Result.Structured.Status != status {
				t.Errorf("call %d: %+v", i, a)
			}
		})
	}
	all.Wait()
	wiped := wiper.Wiped()
	if slices.Sort(wiped); strings.Join(wiped, "") != "02468" {
		t.Errorf("%v were wiped", wiped)
	}
}

// In the newest revision, with or without sessions, a call takes two rounds, on
// any connection.
func TestConfirmRounds(t *testing.T) {
	t.Parallel()
	for _, stateless := range []bool{false, true} {
		wiper, _, url := asking(t, Options{Stateless: stateless, Token: "secret"}, time.Minute)
		headers := []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "run_task_tree", "Authorization", "Bearer secret"}
		send := func(arguments, capabilities, more string) asked {
			next, end := begin(t, url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_task_tree","arguments":`+arguments+more+
				`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":`+capabilities+`}}}`, headers...)
			defer end()
			return next()
		}
		const can = `{"elicitation":{"form":{}}}`
		answer := func(state, action string) string {
			return `,"requestState":"` + state + `","inputResponses":{"confirm":{"action":"` + action + `"}}`
		}
		if a := send(wipeThree, `{}`, ""); a.Result.Structured.ErrorType != "permission_denied" {
			t.Errorf("without the capability: %+v", a)
		}
		first := send(wipeThree, can, "")
		q := first.Result.Requests["confirm"]
		if first.Result.Type != "input_required" || first.Result.State == "" || q.Method != "elicitation/create" || strings.Count(q.Params.Message, "test_wipe") != 3 {
			t.Fatalf("%+v", first)
		}
		for name, c := range map[string][2]string{
			"changed arguments": {strings.Replace(wipeThree, `"what":"c"`, `"what":"d"`, 1), answer(first.Result.State, "accept")},
			"tampered":          {wipeThree, answer(first.Result.State[:20]+"AAAA"+first.Result.State[24:], "accept")},
			"declined":          {wipeThree, answer(send(wipeThree, can, "").Result.State, "decline")},
		} {
			if a := send(c[0], can, c[1]); a.Result.Structured.ErrorType != "permission_denied" || len(wiper.Wiped()) > 0 {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if a := send(wipeThree, can, answer(first.Result.State, "accept")); a.Result.Structured.Status != "completed" || a.Result.Type != "complete" || len(wiper.Wiped()) != 3 {
			t.Errorf("%+v", a)
		}
		if a := send(wipeThree, can, answer(first.Result.State, "accept")); !strings.Contains(a.Result.Structured.Error, "used before") || len(wiper.Wiped()) != 3 {
			t.Errorf("replayed: %+v", a)
		}
	}
}
