package llm_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestOutputs covers endpoints that never stop sending, in both protocols, with and
// without streaming.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	most := model.MaxReply
	model.MaxReply = 4 << 20
	t.Cleanup(func() { model.MaxReply = most })
	var sent atomic.Int64
	text := strings.Repeat("word ", 2000)
	openAI := func(content string) string {
		return fmt.Sprintf(`data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}`+"\n\n", content)
	}
	anthropic := func(content string) string {
		return fmt.Sprintf("event: content_block_delta\ndata: "+`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}`+"\n\n", content)
	}
	const begin = "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"x","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}` + "\n\n" +
		"event: content_block_start\ndata: " + `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n"
	for name, c := range map[string]struct {
		provider      string
		stream        bool
		first, piece  string
		content, says string
	}{
		"tokens of openai":       {llm.OpenAI, true, "", openAI(text), "text/event-stream", "MiB"},
		"tokens of anthropic":    {llm.Anthropic, true, begin, strings.Repeat(anthropic("word "), 50), "text/event-stream", "MiB"},
		"a line of openai":       {llm.OpenAI, true, "data: ", text, "text/event-stream", ""},
		"a line of anthropic":    {llm.Anthropic, true, "data: ", text, "text/event-stream", ""},
		"comments":               {llm.OpenAI, true, "", ": still there\n\n" + strings.Repeat(":\n\n", 3000), "text/event-stream", ""},
		"pings":                  {llm.Anthropic, true, begin, strings.Repeat("event: ping\ndata: {\"type\": \"ping\"}\n\n", 200), "text/event-stream", ""},
		"a reply of openai":      {llm.OpenAI, false, `{"choices":[{"message":{"content":"`, text, "application/json", "MiB"},
		"a reply of anthropic":   {llm.Anthropic, false, `{"content":[{"type":"text","text":"`, text, "application/json", "MiB"},
		"bytes for an answer":    {llm.OpenAI, false, "", strings.Repeat("\xff\x00", 1000), "application/octet-stream", ""},
		"bytes inside of tokens": {llm.OpenAI, true, "", openAI(strings.Repeat("a\xff", 3000)), "text/event-stream", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			stopped := make(chan struct{}, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				defer func() { stopped <- struct{}{} }()
				w.Header().Set("Content-Type", c.content)
				_, _ = io.WriteString(w, c.first)
				executortest.Pour(w, []byte(c.piece), &sent)
			}))
			defer server.Close()
			client := llmtest.Client(t, llm.Settings{Model: "m"}, map[string]string{
				"OPENAI_API_KEY": llmtest.Key, "OPENAI_BASE_URL": server.URL, "ANTHROPIC_API_KEY": llmtest.Key, "ANTHROPIC_BASE_URL": server.URL,
			})
			e := llm.New()
			llm.Connect(client, e)
			registry := executortest.Registry(t, nil, e)
			inputs, refused := registry.ResolveInputs("llm_executor", []byte(fmt.Sprintf(`{"prompt": "x", "provider": %q, "model": "m", "stream": %v}`, c.provider, c.stream)))
			if refused != nil {
				t.Fatal(refused)
			}
			var out executors.Outcome
			call := &executors.Call{Inputs: inputs, Attempt: 1, OnProgress: func(p executors.Progress) {
				if len(p.Message) > 1000 || !utf8.ValidString(p.Message) {
					t.Errorf("a report of %d bytes", len(p.Message))
				}
			}}
			peak := executortest.Peak(func() { out = registry.Invoke(t.Context(), "llm_executor", call, 0) })
			if out.Err == nil || out.Err.Type == executors.TimeoutError || !strings.Contains(out.Err.Message, c.says) || !utf8.Valid(out.Result) {
				t.Errorf("%.200s, %+v", out.Result, out.Err)
			}
			<-stopped
			if peak > 128<<20 || sent.Load() > 16<<20 {
				t.Errorf("it took %d MiB of %d that were sent", peak>>20, sent.Load()>>20)
			}
			t.Logf("%d MiB of %d: %+v", peak>>20, sent.Load()>>20, out.Err)
		})
	}
}
