package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestEverythingOverSSE runs the reference server over HTTP+SSE.
func TestEverythingOverSSE(t *testing.T) {
	t.Parallel()
	program := peers.FindProgram(t, "mcp-server-everything").Path
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	serve(t, address, exec.Command(program, "sse"), "PORT="+port)
	d := newCaller(t, policy.Config{})
	base := object{"transport": "http", "url": "http://" + address + "/sse"}
	exercise(t, d, base)
	out, err := d.call(t.Context(), with(base, object{"operation": "list_tools"}))
	if err != nil || out.ProtocolVersion != "2024-11-05" {
		t.Errorf("%+v, %v", out, err)
	}
	// No server is at the other path.
	base["url"] = "http://" + address + "/elsewhere"
	_, err = d.call(t.Context(), with(base, object{"operation": "list_tools"}))
	if err == nil || err.Type != executors.NetworkError || err.Retryable || !strings.Contains(err.Message, "no MCP server at this path") || err.Hint == "" {
		t.Errorf("%+v", err)
	}
}

// stream is a server of the first revision that can misbehave.
type stream struct {
	*httptest.Server
	streams atomic.Int64
	posts   atomic.Int64
	gone    chan struct{} // receives a value for each stream that the client closed
	// endpoint is the URL for messages.
	endpoint string
	// say overrides the response to a message.
	say func(m message, w io.Writer) (handled bool)
	// open overrides the first event of a stream.
	open func(w io.Writer)

	mu   sync.Mutex
	mail map[string]chan message
	cut  map[string]chan struct{}
}

func newStream(t *testing.T, s *stream) *stream {
	t.Helper()
	s.gone, s.mail, s.cut = make(chan struct{}, 100), map[string]chan message{}, map[string]chan struct{}{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/sse":
			s.serve(w, r)
		case r.Method == http.MethodPost && r.URL.Path == "/message":
			s.post(w, r)
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *stream) serve(w http.ResponseWriter, r *http.Request) {
	id := fmt.Sprint(s.streams.Add(1))
	mail, cut := make(chan message, 10), make(chan struct{})
	s.mu.Lock()
	s.mail[id], s.cut[id] = mail, cut
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	out := flushing{w}
	if s.open != nil {
		s.open(out)
	} else {
		at := s.endpoint
		if at == "" {
			at = "/message"
		}
		_, _ = fmt.Fprintf(out, ": welcome\r\n\r\nevent: endpoint\r\ndata: %s?sessionId=%s\r\n\r\n", at, id)
	}
	for {
		select {
		case m := <-mail:
			if s.say != nil && s.say(m, out) {
				continue
			}
			reply := answer("2024-11-05", m)
			reply["jsonrpc"], reply["id"] = "2.0", m.ID
			text, _ := json.Marshal(reply)
			_, _ = fmt.Fprintf(out, "event: message\ndata: %s\n\n", text)
		case <-cut:
			return
		case <-r.Context().Done():
			s.gone <- struct{}{}
			return
		}
	}
}

func (s *stream) post(w http.ResponseWriter, r *http.Request) {
	s.posts.Add(1)
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	mail := s.mail[r.URL.Query().Get("sessionId")]
	s.mu.Unlock()
	if mail == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if m.ID != nil {
		mail <- m
	}
	w.WriteHeader(http.StatusAccepted)
}

// hangUp ends all streams.
func (s *stream) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, cut := range s.cut {
		close(cut)
		delete(s.cut, id)
		delete(s.mail, id)
	}
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

func (s *stream) base() object {
	return object{"transport": "http", "url": s.URL + "/sse", "operation": "call_tool", "tool_name": "add"}
}

// TestStreamsAreShared checks that parallel calls share a stream, and that an
// idle stream is closed.
func TestStreamsAreShared(t *testing.T) {
	t.Parallel()
	s := newStream(t, &stream{})
	d := newCaller(t, policy.Config{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			out, err := d.call(t.Context(), s.base())
			if err != nil || out.ProtocolVersion != "2024-11-05" || !strings.Contains(string(out.Result), `"extra":1`) {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	all.Wait()
	if _, err := d.call(t.Context(), with(s.base(), object{"operation": "get_prompt", "prompt_name": "x", "tool_name": ""})); err == nil || err.Code != "-32601" {
		t.Errorf("%+v", err)
	}
	if n := s.streams.Load(); n != 1 {
		t.Errorf("%d streams for 20 calls", n)
	}
	// A stream that ended between calls is opened again.
	s.hangUp()
	for begun := time.Now(); ; {
		if _, err := d.call(t.Context(), s.base()); err == nil {
			break
		} else if time.Since(begun) > executortest.Patience {
			t.Fatal(err)
		}
	}
	if err := d.registry.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-s.gone:
	case <-time.After(executortest.Patience):
		t.Error("the stream goes on after the executor was closed")
	}
}

func TestMisbehavingStreams(t *testing.T) {
	t.Parallel()
	elsewhere, reached := counting(t, func(http.ResponseWriter, *http.Request) {})
	endless := func(text string) func(io.Writer) {
		return func(w io.Writer) {
			for {
				if _, err := io.WriteString(w, text); err != nil {
					return
				}
			}
		}
	}
	endlessly := func(text string) func(message, io.Writer) bool {
		return func(m message, w io.Writer) bool {
			if m.Method == "tools/call" {
				endless(text)(w)
			}
			return m.Method == "tools/call"
		}
	}
	line := "data: " + strings.Repeat("x", 100_000) + "\n"
	for name, c := range map[string]struct {
		server *stream
		err    executors.ErrorType
		says   string
	}{
		"messages directed to another server": {&stream{endpoint: elsewhere}, executors.TimeoutError, ""},
		"messages directed to another scheme": {&stream{endpoint: "ftp://HOST/message"}, executors.NetworkError, "another host"},
		"it never says where to":              {&stream{open: func(io.Writer) {}}, executors.TimeoutError, ""},
		"it never answers":                    {&stream{say: func(m message, _ io.Writer) bool { return m.Method == "tools/call" }}, executors.TimeoutError, ""},
		"an event without an end":             {&stream{open: endless(line)}, "", ""},
		"an answer without an end":            {&stream{say: endlessly(line)}, executors.NetworkError, "response stream ended"},
		"a line without an end":               {&stream{say: endlessly(strings.Repeat("x", 100_000))}, executors.NetworkError, "response stream ended"},
		"no JSON, then the answer": {&stream{say: func(_ message, w io.Writer) bool {
			_, _ = io.WriteString(w, "data: {\n\nevent: other\ndata: [\n\n:\n\n")
			return false
		}}, "none", ""},
		"an answer in many lines": {&stream{say: func(m message, w io.Writer) bool {
			if m.Method == "tools/call" {
				_, _ = fmt.Fprintf(w, "event: message\ndata: {\"jsonrpc\": \"2.0\",\ndata: \"id\": %v,\ndata: \"result\": {\"content\": []}}\n\n", m.ID)
			}
			return m.Method == "tools/call"
		}}, "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStream(t, c.server)
			s.endpoint = strings.Replace(s.endpoint, "HOST", strings.TrimPrefix(s.URL, "http://"), 1)
			d := newCaller(t, policy.Config{})
			_, err := d.call(t.Context(), with(s.base(), object{"timeout": 3}))
			if c.err == "none" {
				if err != nil {
					t.Errorf("%+v", err)
				}
				return
			}
			if err == nil || c.err != "" && err.Type != c.err || !strings.Contains(err.Message, c.says) {
				t.Errorf("%+v", err)
			}
		})
	}
	t.Cleanup(func() {
		if reached.Load() != 0 {
			t.Error("messages were sent elsewhere")
		}
	})
}

// TestBrokenStreams checks that a broken stream fails the call in flight, and
// that a cancelled call does not close the stream.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	began := make(chan struct{}, 10)
	s := newStream(t, &stream{say: func(m message, _ io.Writer) bool {
		if m.Method != "tools/call" || m.Params["name"] != "wait" {
			return false
		}
		began <- struct{}{}
		return true
	}})
	d := newCaller(t, policy.Config{})
	ended := make(chan *executors.Error, 1)
	go func() {
		_, err := d.call(t.Context(), with(s.base(), object{"tool_name": "wait"}))
		ended <- err
	}()
	<-began
	s.hangUp()
	if err := <-ended; err == nil || err.Type != executors.NetworkError || !err.Retryable {
		t.Errorf("%+v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := d.call(ctx, with(s.base(), object{"tool_name": "wait"}))
		ended <- err
	}()
	<-began
	cancel()
	if err := <-ended; err == nil || err.Type != executors.Cancelled {
		t.Errorf("%+v", err)
	}
	if _, err := d.call(t.Context(), s.base()); err != nil {
		t.Errorf("%+v", err)
	}
}
