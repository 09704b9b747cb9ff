// Package llmtest is a scripted model server for tests. It is not a stable API.
// Over real HTTP, it is OpenAI-compatible at /v1/chat/completions and
// Anthropic-compatible at /v1/messages, with and without streaming, and with the
// faults of real endpoints. It records the requests.
package llmtest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Server is a scripted model server. Its methods are safe for concurrent use.
type Server struct {
	// URL is the address of the server, without a path.
	URL string

	t      testing.TB
	script Script
	addr   string
	stop   chan struct{} // closed to end stalled responses

	count, inFlight, peak atomic.Int64

	mu       sync.Mutex
	left     []int // remaining uses of each step
	requests []Request
	http     *http.Server
	quiet    bool
}

// Request is a request that the server received.
type Request struct {
	// Protocol is openai or anthropic.
	Protocol string
	Header   http.Header
	// Body is the body, unchanged.
	Body   []byte
	Model  string
	Stream bool
	// Messages are the messages, with the system message first in both protocols.
	Messages []llm.Message
}

// Last returns the text of the last message.
func (r *Request) Last() string {
	if len(r.Messages) == 0 {
		return ""
	}
	return r.Messages[len(r.Messages)-1].Content
}

// Field returns a member of the body, or nil.
func (r *Request) Field(name string) any {
	var body map[string]any
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	return body[name]
}

// New starts a server that is closed at the end of the test.
func New(t testing.TB, script Script) *Server {
	t.Helper()
	s := &Server{t: t, script: script, left: make([]int, len(script.Steps)), stop: make(chan struct{})}
	for i, step := range script.Steps {
		s.left[i] = max(step.Times, 1)
	}
	s.Up()
	s.URL = "http://" + s.addr
	t.Cleanup(func() { s.Down() })
	return s
}

// Quiet stops recording requests, for tests with very many.
func (s *Server) Quiet() *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = true
	return s
}

// Up listens again at the same address after Down.
func (s *Server) Up() {
	at := s.addr
	if at == "" {
		at = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		s.t.Fatalf("the model server: %v", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	s.addr, s.http = listener.Addr().String(), server
	s.mu.Unlock()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.t.Errorf("the model server: %v", err)
		}
	}()
}

// Down closes all connections and refuses new ones.
func (s *Server) Down() {
	s.mu.Lock()
	server := s.http
	s.http = nil
	close(s.stop)
	s.stop = make(chan struct{})
	s.mu.Unlock()
	if server == nil {
		return
	}
	if err := server.Close(); err != nil {
		s.t.Errorf("closing the model server: %v", err)
	}
}

// Count returns the number of requests.
func (s *Server) Count() int { return int(s.count.Load()) }

// Peak returns the largest number of requests in flight.
func (s *Server) Peak() int { return int(s.peak.Load()) }

// Requests returns the recorded requests, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Environment returns environment variables that make this server the openai and
// anthropic provider.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"OPENAI_API_KEY": Key, "OPENAI_BASE_URL": s.URL + "/v1",
		"ANTHROPIC_API_KEY": Key, "ANTHROPIC_BASE_URL": s.URL,
	}
}

// Key is the API key that the server requires.
const Key = "sk-test-0123456789abcdef"

// Client returns a client of this server that is closed at the end of the test.
// It uses no other model on the machine.
func (s *Server) Client(settings llm.Settings) *llm.Client {
	s.t.Helper()
	return Client(s.t, settings, s.Environment())
}

// Client returns a client with the given environment and without Ollama.
func Client(t testing.TB, settings llm.Settings, environment map[string]string, opts ...llm.Option) *llm.Client {
	t.Helper()
	opts = append([]llm.Option{llm.WithOllama(""), llm.WithEnvironment(func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})}, opts...)
	client, err := llm.NewClient(settings, opts...)
	if err != nil {
		t.Fatalf("the client: %v", err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("closing the client: %v", err)
		}
	})
	return client
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	now := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	for peak := s.peak.Load(); now > peak && !s.peak.CompareAndSwap(peak, now); peak = s.peak.Load() {
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/models"):
		s.models(w)
	case strings.HasSuffix(r.URL.Path, "/chat/completions"):
		s.answer(w, r, &openAI{})
	case strings.HasSuffix(r.URL.Path, "/v1/messages"):
		s.answer(w, r, &anthropic{})
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) models(w http.ResponseWriter) {
	type entry struct {
		ID     string `json:"id"`
		Object string `json:"object"`
	}
	list := []entry{}
	for _, name := range s.script.Models {
		list = append(list, entry{name, "model"})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, p protocol) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has disconnected
	}
	req, err := p.read(body)
	if err != nil {
		s.t.Errorf("the model server was asked what it does not understand: %v: %s", err, body)
		p.fail(w, &Step{Status: http.StatusBadRequest, Message: err.Error()})
		return
	}
	req.Body, req.Header = body, r.Header
	s.count.Add(1)
	if !s.script.Open && !p.knows(r.Header) {
		p.fail(w, &Step{Status: http.StatusUnauthorized, Message: "the key is wrong"})
		return
	}
	step, ok := s.step(req)
	if !ok {
		s.t.Errorf("no step of the script answers the request %s", body)
		p.fail(w, &Step{Status: http.StatusTeapot, Message: "the script has no answer"})
		return
	}
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	if step.Delay > 0 {
		timer := time.NewTimer(step.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		case <-stop:
			return
		}
	}
	(&exchange{w: w, r: r, req: req, step: &step, protocol: p, stop: stop}).run()
}

// step returns the step for a request and counts its use.
func (s *Server) step(req Request) (Step, bool) {
	s.mu.Lock()
	if !s.quiet {
		s.requests = append(s.requests, req)
	}
	s.mu.Unlock()
	if s.script.Answer != nil {
		return s.script.Answer(req), true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, step := range s.script.Steps {
		if s.left[i] > 0 && strings.Contains(req.Last(), step.When) {
			s.left[i]--
			return step, true
		}
	}
	if s.script.Otherwise != nil {
		return *s.script.Otherwise, true
	}
	return Step{}, false
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(plainjson.Must(v)) // an error is expected: the client may have disconnected
}

// Refused returns a base URL without a listener.
func Refused(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return url
}
