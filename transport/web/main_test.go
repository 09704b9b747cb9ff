package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// grant is what a token allows.
type grant struct {
	principal string
	scopes    tools.Scopes
}

// site is a page on a server of its own.
type site struct {
	*toolstest.Stack
	t     *testing.T
	page  *web.Page
	url   string
	clock *clock

	mu     sync.Mutex
	tokens map[string]grant
	guess  bool // attempts to log in are allowed
}

func (s *site) caller(digest [sha256.Size]byte) (string, tools.Scopes, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, g := range s.tokens {
		if sha256.Sum256([]byte(token)) == digest {
			return g.principal, g.scopes, true
		}
	}
	return "", nil, false
}

// serve serves a page, open to everyone if there are no tokens.
func serve(t *testing.T, tokens map[string]grant, more ...toolstest.Option) *site {
	t.Helper()
	trees := fstest.MapFS{"greet.yaml": {Data: []byte(`name: Greeting
description: Says something.
inputs: {type: object, required: [text], properties: {text: {type: string, title: Words}}}
tasks:
  - {id: say, executor: test_echo, inputs: {text: "${{ inputs.text }}"}}
`)}, "broken.yaml": {Data: []byte("tasks: [{executor: nothing}]")}}
	stack, err := toolstest.New(append([]toolstest.Option{
		toolstest.WithGrace(100 * time.Millisecond), toolstest.WithTools(func(o *tools.Options) { o.Trees = trees }),
	}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Stack: stack, t: t, clock: &clock{now: time.Now()}, tokens: tokens, guess: true}
	s.page = web.New(web.Options{Set: stack.Set, Runner: stack.Runner, Version: "1.2.3", Now: s.clock.Now})
	ends, end := context.WithCancel(context.Background())
	srv := httptest.NewServer(s.page.Handler(web.Edge{
		Knows: func(host string) bool {
			return strings.HasPrefix(host, "127.0.0.1") || strings.HasPrefix(host, "localhost")
		},
		Open: tokens == nil, Caller: s.caller, LinkPrincipal: "ann",
		MayGuess: func() bool { return s.guess }, Take: func(string, bool) (func(), bool) { return func() {}, true }, Ends: ends,
	}))
	s.url = srv.URL
	t.Cleanup(func() {
		end()
		s.page.Close()
		srv.Close()
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var ownClient = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: executortest.Patience}

// answered is an answer of the API.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (a *answered) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
}

// send sends a request. headers are alternately names and values; an empty value
// removes the header.
func (s *site) send(method, path string, body any, headers ...string) *answered {
	s.t.Helper()
	var text []byte
	if body != nil {
		text = plainjson.Must(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if method != http.MethodGet {
		req.Header.Set("Origin", s.url)
		req.Header.Set(web.PageHeader, "1")
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			req.Host = headers[i+1]
		case headers[i+1] == "":
			req.Header.Del(headers[i])
		default:
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := ownClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &answered{res.StatusCode, res.Header, raw}
}

// cookie logs in and returns the cookie as a browser sends it back.
func (s *site) cookie(body map[string]string, headers ...string) string {
	s.t.Helper()
	a := s.send(http.MethodPost, "/api/login", body, headers...)
	set := a.header.Get("Set-Cookie")
	if a.status != http.StatusOK || set == "" {
		s.t.Fatalf("logging in: %d %s", a.status, a.body)
	}
	value, _, _ := strings.Cut(set, ";")
	return value
}

// run starts a tree and returns the id of its run.
func (s *site) run(principal, tree string) string {
	s.t.Helper()
	ctx := tools.WithCaller(s.t.Context(), &tools.Caller{Principal: principal})
	pending, ok := s.Set.Prepare(ctx, tools.RunTaskTree, &tools.Request{Arguments: json.RawMessage(tree)})
	if !ok {
		s.t.Fatal("run_task_tree is not there")
	}
	res := pending.Start(ctx)
	if res.RunID == "" {
		s.t.Fatalf("%+v", res.Err)
	}
	return res.RunID
}

// message is one message of a stream.
type message struct{ id, event, data string }

// follow reads a stream until fn returns false.
func (s *site) follow(path string, fn func(message) bool, headers ...string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := ownClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		raw, _ := io.ReadAll(res.Body)
		s.t.Fatalf("%d %s", res.StatusCode, raw)
	}
	var m message
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if m.event != "" && !fn(m) {
				return
			}
			m = message{}
		}
	}
}

var asksFirst = toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive})
