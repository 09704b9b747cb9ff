package llm_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestFaults checks the error of every fault of an endpoint and whether it is
// retryable, in both protocols, with and without streaming.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		prompt    string
		kind      executors.ErrorType
		code      string
		retryable bool
		after     time.Duration
		stream    bool // in streams only
		whole     bool // in whole replies only
	}{
		{prompt: "429 with Retry-After", kind: executors.ExecutionError, code: "429", retryable: true, after: 3 * time.Second},
		{prompt: "429 without", kind: executors.ExecutionError, code: "429", retryable: true},
		{prompt: "no credit", kind: executors.ExecutionError, code: "429"},
		{prompt: "500", kind: executors.ExecutionError, code: "500", retryable: true},
		{prompt: "a proxy's page", kind: executors.ExecutionError, code: "502", retryable: true},
		{prompt: "529", kind: executors.ExecutionError, code: "529", retryable: true},
		{prompt: "408", kind: executors.TimeoutError, code: "408", retryable: true},
		{prompt: "409", kind: executors.ExecutionError, code: "409", retryable: true},
		{prompt: "401", kind: executors.AuthenticationError, code: "401"},
		{prompt: "403", kind: executors.PermissionDenied, code: "403"},
		{prompt: "404", kind: executors.NotFound, code: "404"},
		{prompt: "400", kind: executors.ExecutionError, code: "400"},
		{prompt: "a redirect", kind: executors.ExecutionError, code: "307"},
		{prompt: "reset", kind: executors.NetworkError, retryable: true},
		{prompt: "cut", kind: executors.NetworkError, code: "cut_stream", retryable: true},
		{prompt: "stall", kind: executors.TimeoutError, code: "stalled", retryable: true, stream: true},
		{prompt: "stall", kind: executors.TimeoutError, retryable: true, whole: true},
		{prompt: "empty choices", kind: executors.ExecutionError, code: "empty_choices", whole: true},
		{prompt: "empty choices", kind: executors.NetworkError, code: "cut_stream", retryable: true, stream: true},
		{prompt: "malformed", kind: executors.ExecutionError, whole: true},
		{prompt: "malformed", kind: executors.NetworkError, code: "cut_stream", retryable: true, stream: true},
		{prompt: "endless", kind: executors.ExecutionError, whole: true},
		{prompt: "refusal", kind: executors.ExecutionError, code: "refusal"},
	}
	for _, c := range cases {
		for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
			for _, stream := range []bool{false, true} {
				if c.stream && !stream || c.whole && stream {
					continue
				}
				name := provider + "/" + c.prompt
				if stream {
					name += "/streamed"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					server := llmtest.New(t, llmtest.Load(t, "faults"))
					client := server.Client(llm.Settings{FirstToken: 5 * time.Second, Idle: 100 * time.Millisecond, Timeout: time.Minute})
					ctx := t.Context()
					if c.prompt == "stall" && !stream {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
						defer cancel()
					}
					req := ask(c.prompt)
					req.Provider, req.Model = provider, "scripted-model"
					if stream {
						req.OnText = func(string) {}
					}
					reply, err := client.Complete(ctx, req)
					var failed *executors.Error
					if !errors.As(err, &failed) {
						t.Fatalf("there is no failure: %+v, %v", reply, err)
					}
					if failed.Type != c.kind || failed.Code != c.code || failed.Retryable != c.retryable || failed.RetryAfter != c.after {
						t.Errorf("%s %q, retryable %v after %s: %v", failed.Type, failed.Code, failed.Retryable, failed.RetryAfter, failed)
					}
					if strings.Contains(failed.Error(), llmtest.Key) || len(failed.Error()) > 600 {
						t.Errorf("the error shows too much: %v", failed)
					}
					if server.Count() != 1 {
						t.Errorf("%d requests were sent: nothing here tries again", server.Count())
					}
				})
			}
		}
	}
}

// TestReplies covers successful replies in both protocols, with and without
// streaming.
func TestReplies(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		for _, stream := range []bool{false, true} {
			t.Run(provider, func(t *testing.T) {
				t.Parallel()
				script := llmtest.Load(t, "faults")
				script.Otherwise = &llmtest.Step{Text: "Hello to you, Ada.", Usage: &llmtest.Usage{Input: 30, Output: 6, Cached: 20}}
				server := llmtest.New(t, script)
				client := server.Client(llm.Settings{Prices: map[string]llm.Price{"scripted-model": {Input: 1, Cached: 0.1, Output: 2}}})
				get := func(prompt string) (llm.Reply, string) {
					req := ask(prompt)
					req.Provider, req.Model = provider, "scripted-model"
					streamed := ""
					if stream {
						req.OnText = func(piece string) { streamed += piece }
					}
					reply, err := client.Complete(t.Context(), req)
					if err != nil {
						t.Fatalf("%s: %v", prompt, err)
					}
					if stream && streamed != reply.Text {
						t.Errorf("%s: streamed was %q, and the reply is %q", prompt, streamed, reply.Text)
					}
					return reply, streamed
				}
				reply, _ := get("hello")
				want := llm.Usage{InputTokens: 30, OutputTokens: 6, CachedTokens: 20, Requests: 1, CostUSD: (10 + 2 + 12) / 1e6}
				if reply.Text != "Hello to you, Ada." || reply.FinishReason != llm.FinishStop || reply.Usage != want ||
					reply.Model != "scripted-model" || reply.Provider != provider {
					t.Errorf("%+v", reply)
				}
				if reply, _ := get("length"); reply.FinishReason != llm.FinishLength || reply.Text != "one two three" {
					t.Errorf("cut off by length: %+v", reply)
				}
				if reply, _ := get("thinking"); reply.Text != "forty-two" || reply.Reasoning != "Let me see." {
					t.Errorf("thinking: %+v", reply)
				}
				if used := client.Used(); used.Requests != 3 {
					t.Errorf("used: %+v", used)
				}
			})
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		server := llmtest.New(t, llmtest.Text("hello"))
		client := server.Client(llm.Settings{})
		req := ask("hello")
		req.Provider, req.Model = provider, "scripted-model"
		server.Down()
		_, err := client.Complete(t.Context(), req)
		if failed := executors.AsError(err); failed == nil || failed.Type != executors.NetworkError || !failed.Retryable {
			t.Errorf("%s: %v", provider, err)
		}
		server.Up()
		if reply, err := client.Complete(t.Context(), req); err != nil || reply.Text != "hello" {
			t.Errorf("%s: %+v, %v", provider, reply, err)
		}
	}
}

// TestCancel checks that a cancelled request returns at once.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		for _, stream := range []bool{false, true} {
			asked := make(chan struct{})
			script := llmtest.Script{Answer: func(llmtest.Request) llmtest.Step {
				close(asked)
				return llmtest.Step{Text: "one two three four", Fault: llmtest.Stall}
			}}
			client := llmtest.New(t, script).Client(llm.Settings{})
			req := ask("hello")
			req.Provider, req.Model = provider, "scripted-model"
			if stream {
				req.OnText = func(string) {}
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			var err error
			executortest.Ends(t, "a cancelled request", func() { _, err = client.Complete(ctx, req) })
			if failed := executors.AsError(err); failed == nil || failed.Type != executors.Cancelled || failed.Retryable {
				t.Errorf("%s: %v", provider, err)
			}
		}
	}
}

// TestRedirectIsNotFollowed checks that no redirect receives the key.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked with the headers %v", r.URL, r.Header)
	}))
	defer elsewhere.Close()
	endpoint := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer endpoint.Close()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		client := llmtest.Client(t, llm.Settings{}, map[string]string{
			"OPENAI_API_KEY": llmtest.Key, "OPENAI_BASE_URL": endpoint.URL, "ANTHROPIC_API_KEY": llmtest.Key, "ANTHROPIC_BASE_URL": endpoint.URL,
		})
		req := ask("hello")
		req.Provider, req.Model = provider, "scripted-model"
		_, err := client.Complete(t.Context(), req)
		if failed := executors.AsError(err); failed == nil || failed.Code != "307" || failed.Retryable || !strings.Contains(failed.Message, "redirect") {
			t.Errorf("%s: %v", provider, err)
		}
	}
}

// TestErrorsAreCleaned checks that messages of endpoints are passed on without
// keys and cut.
func TestErrorsAreCleaned(t *testing.T) {
	t.Parallel()
	const odd = "a.key.of-no-known_form"
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the key "+r.Header.Get("X-Api-Key")+r.Header.Get("Authorization")+" is wrong", http.StatusInternalServerError)
	}))
	defer echo.Close()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		client := llmtest.Client(t, llm.Settings{}, map[string]string{
			"OPENAI_API_KEY": odd, "OPENAI_BASE_URL": echo.URL, "ANTHROPIC_API_KEY": odd, "ANTHROPIC_BASE_URL": echo.URL,
		})
		req := ask("hello")
		req.Provider, req.Model = provider, "scripted-model"
		_, err := client.Complete(t.Context(), req)
		if err == nil || !strings.Contains(err.Error(), "[key] is wrong") || strings.Contains(err.Error(), odd) {
			t.Errorf("%s: %v", provider, err)
		}
	}
	long := strings.Repeat("very long ", 10_000)
	for _, body := range []string{
		`{"error": {"message": "the key ` + llmtest.Key + ` is wrong, and so is Bearer abcdefghijkl ` + long + `"}}`,
		`{"type": "error", "error": {"type": "invalid_request_error", "message": "the key ` + llmtest.Key + ` is wrong"}}`,
		"<html> the key " + llmtest.Key + " is wrong " + long + "</html>",
		"\x00\xff the key " + llmtest.Key + " is wrong, http://user:password@proxy/",
	} {
		for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
			for _, stream := range []bool{false, true} {
				server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Status: 500, Body: body}})
				req := ask("hello")
				req.Provider, req.Model = provider, "scripted-model"
				if stream {
					req.OnText = func(string) {}
				}
				_, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
				failed := executors.AsError(err)
				if failed == nil || !strings.Contains(failed.Message, "is wrong") || len(failed.Message) > 600 {
					t.Fatalf("%s: %v", provider, err)
				}
				for _, secret := range []string{llmtest.Key, "abcdefghijkl", "password"} {
					if strings.Contains(failed.Message, secret) {
						t.Errorf("%s: the error shows %s: %v", provider, secret, failed)
					}
				}
			}
		}
	}
}
