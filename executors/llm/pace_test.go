package llm

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// scripted is a provider without a network, so that a fake clock can control
// the requests.
type scripted struct {
	model.Provider
	answer func(n int) (Reply, error)

	mu    sync.Mutex
	asked []time.Time
}

func (s *scripted) Name() string { return OpenAI }

func (s *scripted) Close() error { return nil }

func (s *scripted) Complete(context.Context, model.Request) (Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	return s.answer(len(s.asked))
}

func (s *scripted) client(t *testing.T, settings Settings) *Client {
	t.Helper()
	settings.Model = "m"
	client, err := NewClient(settings, WithOllama(""), WithEnvironment(func(name string) (string, bool) { return "key", name == "OPENAI_API_KEY" }))
	if err != nil {
		t.Fatal(err)
	}
	client.endpoints[OpenAI] = &endpoint{name: OpenAI, provider: s, breaker: client.breaker}
	return client
}

func hi(int) (Reply, error) { return Reply{Text: "hi"}, nil }

var hello = Request{Messages: []Message{{Role: RoleUser, Content: "hello"}}}

func TestRequestsPerMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &scripted{answer: hi}
		client := provider.client(t, Settings{RequestsPerMinute: 600}) // ten a second, ten at once
		begun := time.Now()
		var all sync.WaitGroup
		for range 14 {
			all.Go(func() {
				if _, err := client.Complete(t.Context(), hello); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i, at := range provider.asked {
			if want := time.Duration(max(0, i-9)) * 100 * time.Millisecond; at.Sub(begun).Round(time.Millisecond) != want {
				t.Errorf("request %d was sent after %s, not %s", i+1, at.Sub(begun), want)
			}
		}
	})
}

// A caller that can't wait long enough gets an error at once, with the time to
// retry after.
func TestRequestsOverTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &scripted{answer: hi}
		client := provider.client(t, Settings{RequestsPerMinute: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		_, first := client.Complete(ctx, hello)
		_, second := client.Complete(ctx, hello)
		failed := executors.AsError(second)
		if first != nil || failed == nil || failed.Type != executors.TimeoutError || failed.RetryAfter < 30*time.Second || time.Now() != begun {
			t.Errorf("%v, %+v after %s", first, failed, time.Since(begun))
		}
	})
}

func TestTokensPerMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &scripted{answer: func(int) (Reply, error) {
			return Reply{Text: "hi", Usage: Usage{InputTokens: 10, OutputTokens: 500}}, nil
		}}
		client := provider.client(t, Settings{TokensPerMinute: 600})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var err error
		for n := 0; err == nil && n < 10; n++ {
			_, err = client.Complete(ctx, hello)
		}
		if failed := executors.AsError(err); failed == nil || failed.Type != executors.TimeoutError || !failed.Retryable || len(provider.asked) != 2 {
			t.Errorf("after %d requests of 510 tokens: %v", len(provider.asked), err)
		}
	})
}

// A retry-after in the response to one request applies to all requests.
func TestRetryAfterHoldsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &scripted{answer: func(n int) (Reply, error) {
			if n == 1 {
				return Reply{}, executors.Errorf(executors.ExecutionError, "slow down").WithCode("429").Retry(400 * time.Millisecond)
			}
			return hi(n)
		}}
		client := provider.client(t, Settings{})
		begun := time.Now()
		_, err := client.Complete(t.Context(), hello)
		var failed *executors.Error
		if !errors.As(err, &failed) || failed.RetryAfter != 400*time.Millisecond {
			t.Fatalf("%v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = client.Complete(short, hello)
		if failed := executors.AsError(err); failed == nil || !failed.Retryable || failed.RetryAfter <= 0 || short.Err() != nil {
			t.Errorf("without the time to wait: %v", err)
		}
		if _, err = client.Complete(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		if len(provider.asked) != 2 || provider.asked[1].Sub(begun) != 400*time.Millisecond {
			t.Errorf("requests were sent at %v, since %v", provider.asked, begun)
		}
	})
}
