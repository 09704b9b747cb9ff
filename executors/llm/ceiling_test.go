package llm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// spent sends one request at a time until one is not sent, at most n.
func spent(t *testing.T, client *llm.Client, req llm.Request, n int) (sent int, refused *executors.Error) {
	t.Helper()
	for range n {
		if _, err := client.Complete(t.Context(), req); err != nil {
			return sent, executors.AsError(err)
		}
		sent++
	}
	return sent, nil
}

// The default ceiling holds for requests with a key, and counts tokens if the
// price is unknown. One that the operator set holds for all requests.
func TestWhatTheDefaultCeilingLimits(t *testing.T) {
	t.Parallel()
	// A request costs 0.3 dollars as m, and has 300,000 tokens.
	server := llmtest.New(t, llmtest.Script{Open: true, Models: []string{"m"}, Otherwise: &llmtest.Step{Text: "hi", Usage: &llmtest.Usage{Input: 200_000, Output: 100_000}}})
	prices := map[string]llm.Price{"m": {Input: 1, Output: 1}, "cheap": {Input: 0.01, Output: 0.01}}
	usual := llm.Defaults()
	usual.Prices = prices
	own := func(cost float64, tokens int) llm.Settings {
		s := usual
		s.MaxCostUSD, s.MaxTokensTotal = cost, tokens
		return s
	}
	keyless := map[string]string{"OPENAI_BASE_URL": server.URL + "/v1"}
	cases := []struct {
		name, model string
		settings    llm.Settings
		env         map[string]string
		ollama      bool
		sent        int
		setting     string
	}{
		{"a price", "m", usual, server.Environment(), false, 4, "llm.max_cost_usd"},
		{"a low price", "cheap", usual, server.Environment(), false, 4, "llm.max_tokens_total"},
		{"no price", "unheard-of", usual, server.Environment(), false, 4, "llm.max_tokens_total"},
		{"an endpoint without a key", "unheard-of", usual, keyless, false, 6, ""},
		{"ollama", "m", usual, nil, true, 6, ""},
		{"ollama, tokens set", "m", own(0, 500_000), nil, true, 2, "llm.max_tokens_total"},
		{"ollama costs nothing", "unheard-of", own(0.1, 0), nil, true, 6, ""},
		{"a cost", "m", own(0.5, 0), server.Environment(), false, 2, "llm.max_cost_usd"},
		{"a cost without a price", "unheard-of", own(0.5, 0), server.Environment(), false, 0, "llm.max_cost_usd"},
		{"both without a price", "unheard-of", own(0.5, 10), server.Environment(), false, 0, "llm.max_cost_usd"},
		{"tokens", "unheard-of", own(0, 300_001), server.Environment(), false, 2, "llm.max_tokens_total"},
		{"none", "unheard-of", own(0, 0), server.Environment(), false, 6, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var opts []llm.Option
			if c.ollama {
				opts = append(opts, llm.WithOllama(server.URL+"/v1"))
			}
			client := llmtest.Client(t, c.settings, c.env, opts...)
			req := ask("hello")
			req.Model, req.Meter = c.model, client.Meter("run")
			sent, refused := spent(t, client, req, 6)
			if sent != c.sent || (refused == nil) != (c.setting == "") {
				t.Fatalf("%d requests were sent: %v", sent, refused)
			}
			if refused == nil {
				return
			}
			if text := refused.Message + " " + refused.Hint; !strings.Contains(text, c.setting) || c.sent > 0 && !strings.Contains(text, strings.ToUpper(strings.TrimPrefix(c.setting, "llm."))) {
				t.Errorf("the error does not name %s: %v (%s)", c.setting, refused, refused.Hint)
			}
		})
	}
}

// The error says what was spent, the ceiling, and what to do.
func TestTheErrorOfACeiling(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Usage: &llmtest.Usage{Input: 100, Output: 50}}})
	prices := map[string]llm.Price{"m": {Input: 1000, Output: 2000}} // 0.2 dollars a request
	client := server.Client(llm.Settings{Model: "m", Prices: prices, MaxCostUSD: 0.3})
	req := ask("hello")
	req.Meter = client.Meter("run")
	_, refused := spent(t, client, req, 6)
	const message = "the ceiling is reached: $0.4000 of $0.3 spent in 2 requests (llm.max_cost_usd)"
	const hint = "what is done is kept; the operator raises llm.max_cost_usd (CHAINWRIGHT_LLM_MAX_COST_USD, 0: no limit), then retry"
	if refused == nil || refused.Message != message || refused.Hint != hint || refused.Retryable || refused.Code != "ceiling" {
		t.Errorf("%v (%s)", refused, refused.Hint)
	}
	// A ceiling of the caller's own names the caller's argument.
	req.Meter = llm.NewMeter(llm.Ceiling{Tokens: 1}, client.Meter("another"))
	if _, refused = spent(t, client, req, 6); refused == nil || refused.Hint != "raise max_tokens_total" || !strings.HasSuffix(refused.Message, "(max_tokens_total)") {
		t.Errorf("%v (%s)", refused, refused.Hint)
	}
}

// Bad replies that are sent back, failed attempts that were paid for and streams
// count as well.
func TestWhatCeilingsCount(t *testing.T) {
	t.Parallel()
	usage := &llmtest.Usage{Input: 100, Output: 50}
	schema, err := llm.NewSchema("reply", []byte(`{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		step llmtest.Step
		req  func(*llm.Request)
		sent int // until 400 tokens are used
	}{
		"plain":    {llmtest.Step{Text: "hi", Usage: usage}, func(*llm.Request) {}, 3},
		"streamed": {llmtest.Step{Text: "hi", Usage: usage}, func(r *llm.Request) { r.OnText = func(string) {} }, 3},
		"repaired": {llmtest.Step{Text: "no JSON", Usage: usage}, func(r *llm.Request) { r.Schema, r.Repairs = schema, 9 }, 3},
		"empty":    {llmtest.Step{Text: "", Usage: usage}, func(r *llm.Request) { r.Repairs = 9 }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Script{Otherwise: &c.step})
			client := server.Client(llm.Settings{Model: "m", MaxTokensTotal: 400})
			req := ask("hello")
			req.Meter = client.Meter("run")
			c.req(&req)
			if _, refused := spent(t, client, req, 9); !errors.Is(refused, llm.ErrCeiling) || server.Count() != c.sent || req.Meter.Used().Requests != c.sent {
				t.Errorf("%d requests, %+v: %v", server.Count(), req.Meter.Used(), refused)
			}
		})
	}
}

// Requests at the same time pass the ceiling by no more than those in flight.
func TestRequestsRaceOverACeiling(t *testing.T) {
	t.Parallel()
	const inFlight, each, ceiling = 4, 150, 1000
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Delay: time.Millisecond, Usage: &llmtest.Usage{Input: 100, Output: 50}}})
	client := server.Client(llm.Settings{Model: "m", MaxTokensTotal: ceiling, MaxConcurrent: inFlight})
	req := ask("hello")
	req.Meter = client.Meter("run")
	_, errs := together(t.Context(), client, 60, req)
	refused := 0
	for _, err := range errs {
		switch {
		case errors.Is(err, llm.ErrCeiling):
			refused++
		case err != nil:
			t.Error(err)
		}
	}
	used := req.Meter.Used()
	if used.Tokens() < ceiling || used.Tokens() >= ceiling+inFlight*each || refused != 60-used.Requests || server.Count() != used.Requests {
		t.Errorf("%d tokens were used, %d requests refused, %d sent", used.Tokens(), refused, server.Count())
	}
}

// none closes every use of a model, also for a caller that chooses a provider.
func TestNoneClosesEverything(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Text("hi"))
	withNone := server.Environment()
	withNone["CHAINWRIGHT_LLM_PROVIDER"] = llm.None
	older := server.Environment()
	older["AIPARTNERUPFLOW_LLM_PROVIDER"] = llm.None
	for name, client := range map[string]*llm.Client{
		"setting":            llmtest.Client(t, llm.Settings{Provider: llm.None}, server.Environment(), llm.WithOllama(server.URL+"/v1")),
		"variable":           llmtest.Client(t, llm.Settings{}, withNone, llm.WithOllama(server.URL+"/v1")),
		"the other variable": llmtest.Client(t, llm.Settings{}, older, llm.WithOllama(server.URL+"/v1")),
	} {
		for _, chosen := range append(llm.Providers(), "") {
			req := ask("hello")
			req.Provider, req.Model = chosen, "m"
			_, err := client.Complete(t.Context(), req)
			if failed := executors.AsError(err); failed == nil || failed.Type != executors.PermissionDenied || !strings.Contains(failed.Hint, "CHAINWRIGHT_LLM_PROVIDER") {
				t.Errorf("%s, provider %q: %v", name, chosen, err)
			}
			if got := client.Provider(t.Context(), chosen); got != llm.None {
				t.Errorf("%s, provider %q: %s", name, chosen, got)
			}
		}
		if _, closed := client.Closed(); !closed {
			t.Errorf("%s: it is open", name)
		}
		if client.Warning() != "" || client.Note() != "" {
			t.Errorf("%s: %q, %q", name, client.Warning(), client.Note())
		}
	}
	if server.Count() != 0 {
		t.Errorf("%d requests were sent", server.Count())
	}
}

// The operator is warned of a key that nobody chose, and the tools name the
// provider. Neither sends a request.
func TestWhatIsSaidOfAKey(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Models: []string{"first:8b"}})
	key := func(more ...string) map[string]string {
		env := map[string]string{}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	const off = "; a run stops at $1 or 1000000 tokens; to turn them off, set CHAINWRIGHT_LLM_PROVIDER=none"
	for _, c := range []struct {
		name          string
		settings      llm.Settings
		env           map[string]string
		warning, note string
	}{
		{"no key", llm.Defaults(), nil, "", ""},
		{"openai", llm.Defaults(), key("OPENAI_API_KEY", "k"), "OPENAI_API_KEY in the environment opens the model tools: provider openai gpt-4.1-mini" + off, "Model: openai gpt-4.1-mini."},
		{"anthropic", llm.Defaults(), key("ANTHROPIC_API_KEY", "k"), "ANTHROPIC_API_KEY in the environment opens the model tools: provider anthropic claude-sonnet-4-6" + off, "Model: anthropic claude-sonnet-4-6."},
		{"both", llm.Defaults(), key("ANTHROPIC_API_KEY", "k", "OPENAI_API_KEY", "k"), "OPENAI_API_KEY in the environment opens the model tools: provider openai gpt-4.1-mini" + off, "Model: openai gpt-4.1-mini."},
		{"a model of the operator's", llm.Settings{Model: "mine", MaxTokensTotal: 7}, key("OPENAI_API_KEY", "k"), "OPENAI_API_KEY in the environment opens the model tools: provider openai mine; a run stops at 7 tokens; to turn them off, set CHAINWRIGHT_LLM_PROVIDER=none", "Model: openai mine."},
		{"no ceiling", llm.Settings{}, key("ANTHROPIC_API_KEY", "k"), "ANTHROPIC_API_KEY in the environment opens the model tools: provider anthropic claude-sonnet-4-6; a run has no ceiling; to turn them off, set CHAINWRIGHT_LLM_PROVIDER=none", "Model: anthropic claude-sonnet-4-6."},
		{"a key for an endpoint elsewhere", llm.Defaults(), server.Environment(), "OPENAI_API_KEY in the environment opens the model tools: provider openai" + off, "Model: openai."},
		{"an endpoint without a key", llm.Defaults(), key("OPENAI_BASE_URL", server.URL+"/v1"), "", "Model: openai."},
		{"an empty key", llm.Defaults(), key("OPENAI_API_KEY", "", "ANTHROPIC_API_KEY", ""), "", ""},
		{"chosen", llm.Settings{Provider: llm.Anthropic}, key("ANTHROPIC_API_KEY", "k"), "", "Model: anthropic claude-sonnet-4-6."},
		{"chosen by variable", llm.Defaults(), key("ANTHROPIC_API_KEY", "k", "CHAINWRIGHT_LLM_PROVIDER", "anthropic"), "", "Model: anthropic claude-sonnet-4-6."},
	} {
		client := llmtest.Client(t, c.settings, c.env)
		if got := client.Warning(); got != c.warning {
			t.Errorf("%s: the warning is %q, not %q", c.name, got, c.warning)
		}
		if got := client.Note(); got != c.note || len(got)/4 > 15 {
			t.Errorf("%s: the note is %q, not %q", c.name, got, c.note)
		}
	}
	if server.Count() != 0 {
		t.Errorf("%d requests were sent", server.Count())
	}
	ollama := llmtest.Client(t, llm.Defaults(), nil, llm.WithOllama(server.URL+"/v1"))
	if ollama.Warning() != "" || ollama.Note() != "Model: ollama first:8b." {
		t.Errorf("%q, %q", ollama.Warning(), ollama.Note())
	}
}
