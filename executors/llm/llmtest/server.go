// Package llmtest is a model server that answers by script: OpenAI-compatible
// under /v1/chat/completions and Anthropic-compatible under /v1/messages, over
// real HTTP, streaming and not, with all the faults that endpoints have. It
// counts and keeps what it was asked.
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
)

// Server is the model server. Its methods are safe for concurrent use.
type Server struct {
	// URL is where it is, without a path.
	URL string

	t      testing.TB
	script Script
	addr   string
	stop   chan struct{} // closed when stalled answers must end

	count, inFlight, peak atomic.Int64

	mu       sync.Mutex
	left     []int // how often each step answers yet
	requests []Request
	http     *http.Server
	quiet    bool
}

// Request is what the server was asked.
type Request struct {
	// Protocol is openai or anthropic.
	Protocol string
	Header   http.Header
	// Body as it came.
	Body   []byte
	Model  string
	Stream bool
	// Messages, with the system's first in both protocols.
	Messages []llm.Message
}

// Last is the text of the last message.
func (r *Request) Last() string {
	if len(r.Messages) == 0 {
		return ""
	}
	return r.Messages[len(r.Messages)-1].Content
}

// Field is a member of the body; nil where it isn't there.
func (r *Request) Field(name string) any {
	var body map[string]any
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	return body[name]
}

// New starts a server that ends with the test.
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

// Quiet stops keeping requests, for tests that make very many.
func (s *Server) Quiet() *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = true
	return s
}

// Up starts listening again after Down, at the same address.
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

// Down closes all connections; from then on they are refused.
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

// Count is how many requests came.
func (s *Server) Count() int { return int(s.count.Load()) }

// Peak is how many requests were answered at one time, at most.
func (s *Server) Peak() int { return int(s.peak.Load()) }

// Requests are those that came so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Environment is that of a program whose openai and anthropic providers are
// this server.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"OPENAI_API_KEY": Key, "OPENAI_BASE_URL": s.URL + "/v1",
		"ANTHROPIC_API_KEY": Key, "ANTHROPIC_BASE_URL": s.URL,
	}
}

// Key is the key that the server asks for.
const Key = "sk-test-0123456789abcdef"

// Client makes a client of this server that is closed with the test. It finds
// no other model, whatever is on the machine.
func (s *Server) Client(settings llm.Settings) *llm.Client {
	s.t.Helper()
	return Client(s.t, settings, s.Environment())
}

// Client makes a client with the given environment and no Ollama.
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
		return // the client has left
	}
	req, err := p.read(body)
	if err != nil {
		s.t.Errorf("the model server was asked what it does not understand: %v: %s", err, body)
		p.fail(w, &Step{Status: http.StatusBadRequest, Message: err.Error()})
		return
	}
	req.Body, req.Header = body, r.Header
	s.count.Add(1)
	if !p.knows(r.Header) {
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

// step finds the answer to a request, and counts it.
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
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client has left
	}
}

// Refused is a base URL at which nothing listens.
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
