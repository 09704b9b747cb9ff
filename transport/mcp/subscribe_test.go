package mcp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// hearing returns a feed and what it announces.
func hearing(t *testing.T) (*Feed, <-chan string) {
	t.Helper()
	heard := make(chan string, 1000)
	feed := NewFeed(func(method string, params []byte) error {
		heard <- method + " " + string(params)
		return nil
	})
	t.Cleanup(feed.Close)
	return feed, heard
}

func await(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case said := <-heard:
		return said
	case <-time.After(executortest.Patience):
		t.Fatal("nothing was announced")
		return ""
	}
}

// launched starts a tree in the background, and returns the run's id.
func launched(t *testing.T, made *toolstest.Stack, arguments string) string {
	t.Helper()
	pending, _ := made.Set.Prepare(t.Context(), tools.RunTaskTree, &tools.Request{Arguments: []byte(`{"wait_seconds":0,` + arguments[1:])})
	res := pending.Start(t.Context())
	if res.RunID == "" {
		t.Fatalf("got %+v", res)
	}
	return res.RunID
}

// A subscription to a run announces its changes and its end, that to a result the
// end of its task. After unsubscribing nothing comes.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	feed, heard := hearing(t)
	a := &asker{t: t, srv: srv, version: taskRevision, feed: feed}
	id := launched(t, made, slow)
	for _, uri := range []string{"run://" + id, "run://" + id + "/tasks/task_1/result"} {
		for range 2 { // the second changes nothing
			if r := a.ask("resources/subscribe", `"uri":"`+uri+`"`); r.Error != nil {
				t.Fatalf("%s: %s", uri, r.raw)
			}
		}
		want := fmt.Sprintf(`notifications/resources/updated {"uri":%q}`, uri)
		if said := await(t, heard); said != want {
			t.Errorf("%s: heard %s", uri, said)
		}
		if r := a.ask("resources/unsubscribe", `"uri":"`+uri+`"`); r.Error != nil {
			t.Errorf("%s: %s", uri, r.raw)
		}
	}
	feed.Close()
	for len(heard) > 0 {
		<-heard
	}
	id = launched(t, made, held)
	if r := a.ask("resources/subscribe", `"uri":"run://`+id+`"`); r.Error == nil {
		t.Errorf("a feed that has ended: %s", r.raw)
	}
	if len(heard) > 0 {
		t.Errorf("after the end: %s", <-heard)
	}
}

// A run that changes often is announced a few times a second, and a client that
// does not read delays nothing.
func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	made := stack(t)
	stuck := make(chan struct{})
	feed := NewFeed(func(string, []byte) error {
		<-stuck
		return nil
	})
	a := &asker{t: t, srv: New(made.Set, Options{}), version: taskRevision, feed: feed}
	var tasks []string
	for i := range 50 {
		tasks = append(tasks, fmt.Sprintf(`{"id":"t%d","schemas":{"method":"test_steps"},"inputs":{"steps":1,"delay_ms":%d}}`, i, i))
	}
	id := launched(t, made, `{"tasks":[`+strings.Join(tasks, ",")+`]}`)
	if r := a.ask("resources/subscribe", `"uri":"run://`+id+`"`); r.Error != nil {
		t.Fatal(r.raw)
	}
	if r := a.ask("tasks/result", `"taskId":"`+id+`"`); r.Error != nil || !strings.Contains(r.raw, `"completed":50`) {
		t.Errorf("the run: %.500s", r.raw)
	}
	close(stuck)
	feed.Close()
}

// These can't be subscribed to.
func TestSubscribeRefusals(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	mine := run(t, made.Set, `[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`)
	feed, _ := hearing(t)
	full, _ := hearing(t)
	for i := range maxWatched {
		_ = full.watch(t.Context(), fmt.Sprint(i), func(ctx context.Context) { <-ctx.Done() })
	}
	bob := tools.WithCaller(t.Context(), &tools.Caller{Principal: "bob"})
	uri := func(uri string) string { return `"uri":"` + uri + `"` }
	for name, c := range map[string]struct {
		ctx     context.Context
		version string
		feed    *Feed
		params  string
		code    int
	}{
		"a run":              {nil, taskRevision, feed, uri("run://" + mine), 0},
		"in an old revision": {nil, "2024-11-05", feed, uri("run://" + mine), 0},
		"an unknown run":     {nil, taskRevision, feed, uri("run://x"), -32002},
		"an unknown task":    {nil, taskRevision, feed, uri("run://" + mine + "/tasks/none/result"), -32002},
		"another's run":      {bob, taskRevision, feed, uri("run://" + mine), -32002},
		"an executor":        {nil, taskRevision, feed, uri("executor://test_echo"), -32602},
		"nonsense":           {nil, taskRevision, feed, uri("run://" + mine + "/tasks"), -32602},
		"no address":         {nil, taskRevision, feed, ``, -32602},
		"two addresses":      {nil, taskRevision, feed, uri("run://"+mine) + `,"URI":"run://x"`, -32602},
		"too many":           {nil, taskRevision, full, uri("run://" + mine), -32602},
		"no session":         {nil, taskRevision, nil, uri("run://" + mine), -32601},
		"modern":             {nil, "", feed, uri("run://"+mine) + "," + modern, -32601},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &asker{t: t, srv: srv, ctx: c.ctx, version: c.version, feed: c.feed}
			r, code := a.ask("resources/subscribe", c.params), 0
			if r.Error != nil {
				code = r.Error.Code
			}
			if code != c.code {
				t.Errorf("got %s", r.raw)
			}
		})
	}
}

// listen sends a subscriptions/listen request, and returns what is sent until end
// is called, and the reply.
func listen(t *testing.T, ctx context.Context, srv *Server, params string) (heard chan string, end func(cause error) string) {
	t.Helper()
	heard = make(chan string, 1000)
	ctx, cancel := context.WithCancelCause(ctx)
	replied := make(chan string, 1)
	go func() {
		reply, refusal := srv.Listen(ctx, message(t, `{"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{`+params+`}}`), func(m []byte) error {
			heard <- string(m)
			return nil
		}, nil, 0)
		if refusal != nil {
			reply = refusal.Reply([]byte(`"s"`))
		}
		replied <- string(reply)
	}()
	end = func(cause error) string {
		cancel(cause)
		return <-replied
	}
	t.Cleanup(func() { cancel(nil) })
	return heard, end
}

// One stream of the newest revision announces runs, tasks and lists, each with the
// id of the subscription. The first message says what was granted.
func TestListen(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	id := launched(t, made, slow)
	heard, end := listen(t, t.Context(), srv, `"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["run://`+id+`","run://x","executor://test_echo"],"taskIds":["`+id+`","x"]},`+taking)
	const tag = `"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}`
	if said := await(t, heard); said != `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`+tag+`,"notifications":{"toolsListChanged":true,"resourceSubscriptions":["run://`+id+`"],"taskIds":["`+id+`"]}}}` {
		t.Errorf("granted: %s", said)
	}
	made.Registry.Withdraw("test_big")
	want := map[string]bool{
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{` + tag + `,"uri":"run://` + id + `"}}`: false,
		`{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{` + tag + `}}`:                         false,
		"a task in progress": false, "a task that has ended": false,
	}
	for left := len(want); left > 0; {
		said := await(t, heard)
		switch {
		case strings.Contains(said, `"method":"notifications/tasks","params":{`+tag+`,"taskId":"`+id+`","status":"working"`):
			said = "a task in progress"
		case strings.Contains(said, `"status":"completed"`) && strings.Contains(said, `"result":{"content":[`) && strings.Contains(said, "notifications/tasks"):
			said = "a task that has ended"
		}
		seen, known := want[said]
		if !known {
			t.Fatalf("heard %s", said)
		}
		if !seen {
			want[said], left = true, left-1
		}
	}
	if reply := end(ErrServerEnds); reply != `{"jsonrpc":"2.0","id":"s","result":{"resultType":"complete",`+tag+`}}` {
		t.Errorf("the reply: %s", reply)
	}
}

// A task whose end is past is announced at once.
func TestListenAfterTheEnd(t *testing.T) {
	t.Parallel()
	made := stack(t)
	id := run(t, made.Set, `[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`)
	heard, end := listen(t, t.Context(), New(made.Set, Options{}), `"notifications":{"taskIds":["`+id+`"]},`+taking)
	await(t, heard)
	if said := await(t, heard); !strings.Contains(said, `"status":"completed"`) {
		t.Errorf("heard %s", said)
	}
	if reply := end(nil); reply != "" {
		t.Errorf("a subscription that its client ends is answered: %s", reply)
	}
}

func TestListenRefusals(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	id := run(t, made.Set, `[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`)
	for name, c := range map[string]struct{ params, want string }{
		"tasks, not declared": {`"notifications":{"taskIds":["` + id + `"]},` + modern, `"code":-32021`},
		"not an object":       {`"notifications":[],` + modern, `"code":-32602`},
		"nothing granted":     {`"notifications":{"promptsListChanged":true,"taskIds":["x"]},` + taking, `"resultType":"complete"`},
		"nothing wanted":      {modern, `"resultType":"complete"`},
		"no capabilities":     {`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`, `"code":-32602`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, refusal := srv.Listen(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+c.params+`}}`),
				func([]byte) error { return nil }, nil, 0)
			if refusal != nil {
				reply = refusal.Reply([]byte("1"))
			}
			if !strings.Contains(string(reply), c.want) {
				t.Errorf("got %s", reply)
			}
		})
	}
}
