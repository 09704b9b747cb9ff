package http

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/mcp"
)

// A change of the tools is sent on the stream of notifications, for both kinds
// of streams.
func TestListChanged(t *testing.T) {
	t.Parallel()
	for name, modern := range map[string]bool{"session": false, "subscription": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack, url := whole(t, Options{})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var next func() (event, bool)
			if modern {
				res, events := open(t, ctx, url, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{`+modernMeta+`}}}`,
					"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen")
				defer res.Body.Close()
				events() // acknowledged
				next = events
			} else {
				res, events := announced(t, ctx, url, session(t, url))
				defer res.Body.Close()
				next = events
			}
			stack.Registry.Withdraw("test_big")
			if ev, _ := next(); ev.Method != "notifications/tools/list_changed" {
				t.Errorf("got %+v", ev)
			}
		})
	}
}

func announced(t *testing.T, ctx context.Context, url, id string) (*http.Response, func() (event, bool)) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+Path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", eventStream)
	req.Header.Set("Mcp-Session-Id", id)
	res, err := ownClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 {
		t.Fatalf("the stream got %d", res.StatusCode)
	}
	lines := bufio.NewReader(res.Body)
	return res, func() (e event, more bool) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return e, false
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				return e, json.Unmarshal([]byte(data), &e) == nil
			}
		}
	}
}

// Only the principal that opened a session can use it, and it can be ended.
func TestSessions(t *testing.T) {
	t.Parallel()
	ids := newSessions(func(string) {}, func(string) {})
	mine, yours := &ownSessions{all: ids, principal: "me"}, &ownSessions{all: ids, principal: "you"}
	id := mine.Generate()
	if _, err := mine.Validate(id); err != nil {
		t.Error(err)
	}
	if _, err := yours.Validate(id); err == nil {
		t.Error("another caller's session was found")
	}
	if refused, _ := yours.Terminate(id); !refused {
		t.Error("another caller's session was ended")
	}
	var ended []string
	ids.end = func(id string) { ended = append(ended, id) }
	for range maxSessions {
		mine.Generate()
	}
	if len(ids.known) != maxSessions || len(ended) != 1 || ended[0] != id {
		t.Errorf("%d sessions are kept, ended: %v", len(ids.known), ended)
	}

	_, url := whole(t, Options{})
	open := session(t, url)
	if res, _ := request(t, http.MethodDelete, url+Path, "", "Mcp-Session-Id", open); res.StatusCode != 200 {
		t.Errorf("ending the session got %d", res.StatusCode)
	}
	if res, _ := request(t, http.MethodPost, url+Path, ping, "Mcp-Session-Id", open); res.StatusCode != 404 {
		t.Errorf("a session that has ended got %d", res.StatusCode)
	}
}

// At shutdown streams close at once, running calls get a reply, and calls that
// take too long are interrupted.
func TestShutdown(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New(toolstest.WithGrace(200 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	s := New(mcp.New(stack.Set, mcp.Options{}), Options{Settle: 200 * time.Millisecond, Drain: stack.Runner.Close})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListener(ctx, listener) }()
	url := "http://" + listener.Addr().String()
	id := session(t, url)
	announcements, nextAnnouncement := announced(t, t.Context(), url, id)
	defer announcements.Body.Close()
	res, next := open(t, t.Context(), url, era{}.call("1", "test_steps", `{"steps":1,"hold":true}`, "1"), "Mcp-Session-Id", id)
	defer res.Body.Close()
	if ev, _ := next(); ev.Method == "" {
		t.Fatalf("got %+v", ev)
	}
	stop()
	if _, more := nextAnnouncement(); more {
		t.Error("the stream goes on")
	}
	if ev, more := next(); !more || ev.Result.Structured == nil || !strings.Contains(string(ev.Result.Structured), "cancelled") {
		t.Errorf("got %s", ev.Result.Structured)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := stack.Close(); err != nil {
		t.Error(err)
	}
	if n := stack.Running.Load(); n != 0 {
		t.Errorf("%d go on", n)
	}
}

// Idle sessions end, but not while a stream is open or calls arrive. There is
// no network, so that the clock can be fake.
func TestIdleSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const idle = time.Minute
		s := made(t, bare(), Options{SessionIdle: idle})
		ask := func(body, id string) *httptest.ResponseRecorder {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+Path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			if id != "" {
				req.Header.Set("Mcp-Session-Id", id)
			}
			res := httptest.NewRecorder()
			s.Handler().ServeHTTP(res, req)
			return res
		}
		begin := func() string { return ask(initialize, "").Header().Get("Mcp-Session-Id") }
		unused, held, busy := begin(), begin(), begin()
		ctx, leave := context.WithCancel(t.Context())
		var stream sync.WaitGroup
		stream.Go(func() {
			req := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+Path, http.NoBody)
			req.Header.Set("Accept", eventStream)
			req.Header.Set("Mcp-Session-Id", held)
			s.Handler().ServeHTTP(httptest.NewRecorder(), req)
		})
		for range 60 {
			time.Sleep(idle / 20)
			if res := ask(ping, busy); res.Code != http.StatusOK {
				t.Fatalf("the busy session got %d %s", res.Code, res.Body)
			}
		}
		for name, c := range map[string]struct {
			id     string
			status int
		}{"unused": {unused, 404}, "held": {held, 200}, "busy": {busy, 200}} {
			if res := ask(ping, c.id); res.Code != c.status {
				t.Errorf("the %s session got %d", name, res.Code)
			}
		}
		leave()
		stream.Wait()
	})
}
