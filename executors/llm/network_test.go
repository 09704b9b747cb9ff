package llm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestBadNetworks covers network faults in both protocols, with and without
// streaming.
func TestBadNetworks(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Text(strings.Repeat("word ", 100)+"the end"))
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, streamed %v", provider, stream), func(t *testing.T) {
				t.Parallel()
				toxic.Faults(t, toxic.Peer{
					Address: strings.TrimPrefix(server.URL, "http://"), Executor: "llm_executor", Answer: "the end", Secret: llmtest.Key, Keeps: true, Names: []string{provider}, Tail: 400,
					Open: func(tb testing.TB, address string) *executors.Registry {
						environment := server.Environment()
						for name, value := range environment {
							environment[name] = strings.Replace(value, strings.TrimPrefix(server.URL, "http://"), address, 1)
						}
						e := llm.New()
						llm.Connect(llmtest.Client(tb, llm.Settings{}, environment), e)
						return executortest.Registry(tb, nil, e)
					},
					Inputs: func(string) string {
						return fmt.Sprintf(`{"prompt": "hello", "provider": %q, "model": "scripted-model", "stream": %v}`, provider, stream)
					},
				})
			})
		}
	}
}
