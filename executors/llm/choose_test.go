package llm_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	ollama := llmtest.New(t, llmtest.Script{Models: []string{"first:8b", "second:70b"}, Otherwise: &llmtest.Step{Text: "hi"}})
	empty := llmtest.New(t, llmtest.Script{})
	keys := map[string]string{"OPENAI_API_KEY": llmtest.Key, "ANTHROPIC_API_KEY": llmtest.Key}
	cases := []struct {
		name     string
		settings llm.Settings
		env      map[string]string
		ollama   string
		asked    string // the request's provider
		want     string
	}{
		{"nothing", llm.Settings{}, nil, llmtest.Refused(t) + "/v1", "", llm.None},
		{"both keys", llm.Settings{}, keys, "", "", llm.OpenAI},
		{"one key", llm.Settings{}, map[string]string{"ANTHROPIC_API_KEY": "k"}, ollama.URL + "/v1", "", llm.Anthropic},
		{"a base URL needs no key", llm.Settings{}, map[string]string{"OPENAI_BASE_URL": "http://localhost:1/v1"}, "", "", llm.OpenAI},
		{"ollama answers", llm.Settings{}, nil, ollama.URL + "/v1", "", llm.Ollama},
		{"ollama has no model", llm.Settings{}, nil, empty.URL + "/v1", "", llm.None},
		{"the operator's choice", llm.Settings{Provider: llm.Anthropic}, keys, "", "", llm.Anthropic},
		{"none, whatever there is", llm.Settings{Provider: llm.None}, keys, ollama.URL + "/v1", "", llm.None},
		{"by variable", llm.Settings{}, map[string]string{"OPENAI_API_KEY": "k", "CHAINWRIGHT_LLM_PROVIDER": "none"}, "", "", llm.None},
		{"by the other variable", llm.Settings{}, map[string]string{"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "AIPARTNERUPFLOW_LLM_PROVIDER": "anthropic"}, "", "", llm.Anthropic},
		{"the caller's choice", llm.Settings{}, keys, "", llm.Anthropic, llm.Anthropic},
		{"the caller's, not configured", llm.Settings{}, map[string]string{"OPENAI_API_KEY": "k"}, "", llm.Anthropic, llm.None},
		{"chosen, not configured", llm.Settings{Provider: llm.OpenAI}, map[string]string{"ANTHROPIC_API_KEY": "k"}, "", "", llm.None},
		{"not known", llm.Settings{}, map[string]string{"CHAINWRIGHT_LLM_PROVIDER": "hal"}, "", "", llm.None},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := llmtest.Client(t, c.settings, c.env, llm.WithOllama(c.ollama))
			if got := client.Provider(t.Context(), c.asked); got != c.want {
				t.Errorf("the provider is %s, and not %s", got, c.want)
			}
			if c.asked != "" {
				return
			}
			opens, closed := client.Closed()
			if closed != (c.want == llm.None) || !strings.Contains(opens, "OPENAI_API_KEY") {
				t.Errorf("closed: %v, opened by %s", closed, opens)
			}
			if c.want == llm.None {
				_, err := client.Complete(t.Context(), ask("hello"))
				if failed := executors.AsError(err); failed == nil || failed.Retryable {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestModelChoice(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Models: []string{"first:8b", "second:70b"}, Otherwise: &llmtest.Step{Text: "hi"}})
	with := func(more ...string) map[string]string {
		env := server.Environment()
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	cases := []struct {
		name            string
		settings        llm.Settings
		env             map[string]string
		provider, model string
		want            string
	}{
		{"the first that is listed", llm.Settings{}, with(), "", "", "first:8b"},
		{"the operator's", llm.Settings{Model: "mine"}, with(), "", "", "mine"},
		{"by variable", llm.Settings{}, with("CHAINWRIGHT_LLM_MODEL", "mine"), "", "", "mine"},
		{"by the other variable", llm.Settings{}, with("AIPARTNERUPFLOW_LLM_MODEL", "mine"), "", "", "mine"},
		{"the caller's", llm.Settings{Model: "mine"}, with(), "", "yours", "yours"},
		{"the operator's is for the operator's provider", llm.Settings{Provider: llm.OpenAI, Model: "mine"}, with(), llm.Anthropic, "", "claude-sonnet-4-6"},
		{"anthropic's default", llm.Settings{}, with(), llm.Anthropic, "", "claude-sonnet-4-6"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := llmtest.Client(t, c.settings, c.env)
			req := ask("hello")
			req.Provider, req.Model = c.provider, c.model
			if reply, err := client.Complete(t.Context(), req); err != nil || reply.Model != c.want {
				t.Errorf("asked was %s, and not %s: %v", reply.Model, c.want, err)
			}
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, s := range []llm.Settings{{Provider: "hal"}, {MaxConcurrent: -1}, {MaxCostUSD: -1}, {Timeout: -1}} {
		if _, err := llm.NewClient(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
	client := llmtest.Client(t, llm.Settings{}, map[string]string{"OPENAI_BASE_URL": "localhost:8080"})
	if _, err := client.Complete(t.Context(), ask("hello")); err == nil || !strings.Contains(err.Error(), "base URL") {
		t.Errorf("%v", err)
	}
}
