package llm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

func TestCache(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Text("hi"))
	client := server.Client(llm.Settings{Model: "m"})
	zero, seed := 0.0, 1
	cache := llm.NewCache(1 << 20)
	different := []func(*llm.Request){
		func(*llm.Request) {},
		func(r *llm.Request) { r.Temperature = &zero },
		func(r *llm.Request) { r.MaxTokens = 5 },
		func(r *llm.Request) { r.Seed = &seed },
		func(r *llm.Request) { r.Model = "other" },
		func(r *llm.Request) { r.Provider = llm.Anthropic },
		func(r *llm.Request) {
			r.Messages = append(r.Messages, llm.Message{Role: llm.RoleUser, Content: "more"})
		},
	}
	for i, change := range different {
		req := ask("hello")
		change(&req)
		req.Cache = cache
		first, err := client.Complete(t.Context(), req)
		if err != nil || first.Cached || server.Count() != i+1 {
			t.Fatalf("request %d: %+v, %v, after %d sent", i, first, err, server.Count())
		}
		streamed := ""
		req.OnText = func(piece string) { streamed += piece }
		again, err := client.Complete(t.Context(), req)
		if err != nil || !again.Cached || again.Text != "hi" || streamed != "hi" || again.Usage != (llm.Usage{}) || server.Count() != i+1 {
			t.Fatalf("again %d: %+v, %v, after %d sent", i, again, err, server.Count())
		}
	}
	// The cache is off by default.
	for range 2 {
		if reply, err := client.Complete(t.Context(), ask("hello")); err != nil || reply.Cached {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	// The operator can enable it for all requests.
	client = server.Client(llm.Settings{Model: "m", Cache: true})
	before := server.Count()
	for range 3 {
		if _, err := client.Complete(t.Context(), ask("hello")); err != nil {
			t.Fatal(err)
		}
	}
	if sent := server.Count() - before; sent != 1 {
		t.Errorf("%d requests were sent", sent)
	}
}

// TestCacheWaitsForTheFirst checks that equal requests in flight are sent once,
// and that an error of one is not returned to the others.
func TestCacheWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{
		Steps: []llmtest.Step{{Status: 500, Message: "no"}}, Otherwise: &llmtest.Step{Text: "hi", Delay: 20 * time.Millisecond},
	})
	client := server.Client(llm.Settings{Model: "m", Cache: true})
	replies, errs := together(t.Context(), client, 20, ask("hello"))
	failed, cached := 0, 0
	for i, err := range errs {
		switch {
		case err != nil:
			failed++
		case replies[i].Cached:
			cached++
		}
	}
	if failed != 1 || cached != 18 || server.Count() != 2 {
		t.Errorf("%d failed, %d were cached, %d sent: %v", failed, cached, server.Count(), errors.Join(errs...))
	}
}

func TestCacheForgets(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Text(strings.Repeat("long ", 100)))
	client := server.Client(llm.Settings{Model: "m"})
	cache := llm.NewCache(2000) // room for two
	for i, prompt := range []string{"a", "b", "a", "c", "a", "b"} {
		req := ask(prompt)
		req.Cache = cache
		reply, err := client.Complete(t.Context(), req)
		if want := []bool{false, false, true, false, true, false}[i]; err != nil || reply.Cached != want {
			t.Errorf("%d: %s: cached %v, %v", i, prompt, reply.Cached, err)
		}
	}
}
