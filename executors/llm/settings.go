package llm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Providers that can be named. Auto is the first that is configured, else a
// local Ollama if it answers, else none.
const (
	Auto      = "auto"
	OpenAI    = "openai"
	Anthropic = "anthropic"
	Ollama    = "ollama"
	None      = "none"
)

// Providers lists the names in the order in which auto tries them.
func Providers() []string { return []string{Auto, OpenAI, Anthropic, Ollama, None} }

// Settings are the operator's: the llm section of the configuration. Zero
// values mean the defaults. Keys and base URLs come from the environment:
// OPENAI_API_KEY, OPENAI_BASE_URL, ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL.
type Settings struct {
	// Provider and Model are asked where a call names none.
	Provider string `yaml:"provider"`
	Model    string `yaml:"model"`
	// MaxConcurrent bounds the requests in flight; 30 by default.
	MaxConcurrent int `yaml:"max_concurrent"`
	// RequestsPerMinute and TokensPerMinute are limits of the account; 0 is none.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	TokensPerMinute   int `yaml:"tokens_per_minute"`
	// Connect, FirstToken and Idle bound the silence before a connection,
	// before a stream's first token and between two; Timeout the whole of one
	// request. 10 s, 60 s, 30 s and 10 min by default.
	Connect    time.Duration `yaml:"connect_timeout"`
	FirstToken time.Duration `yaml:"first_token_timeout"`
	Idle       time.Duration `yaml:"idle_timeout"`
	Timeout    time.Duration `yaml:"timeout"`
	// MaxCostUSD and MaxTokensTotal stop a run that has spent as much; 0 is no
	// ceiling. Requests in flight when it is reached are finished.
	MaxCostUSD     float64 `yaml:"max_cost_usd"`
	MaxTokensTotal int     `yaml:"max_tokens_total"`
	// Cache gives an equal request the reply of an earlier one.
	Cache bool `yaml:"cache"`
	// Prices by model, beside and before the known ones.
	Prices map[string]Price `yaml:"prices"`
}

// Price is what a million tokens cost, in US dollars.
type Price struct {
	Input  float64 `yaml:"input"`
	Cached float64 `yaml:"cached"`
	Output float64 `yaml:"output"`
}

// Defaults are the settings where nothing is said. The provider is left empty:
// a variable of another name may choose it.
func Defaults() Settings {
	return Settings{MaxConcurrent: 30, Connect: 10 * time.Second, FirstToken: time.Minute, Idle: 30 * time.Second, Timeout: 10 * time.Minute}
}

// complete fills in the defaults and refuses what makes no sense.
func (s *Settings) complete() error {
	if s.Provider != "" && !slices.Contains(Providers(), s.Provider) {
		return fmt.Errorf("llm.provider: must be one of %s; got %q", strings.Join(Providers(), ", "), s.Provider)
	}
	for name, n := range map[string]float64{
		"max_concurrent": float64(s.MaxConcurrent), "requests_per_minute": float64(s.RequestsPerMinute),
		"tokens_per_minute": float64(s.TokensPerMinute), "connect_timeout": s.Connect.Seconds(),
		"first_token_timeout": s.FirstToken.Seconds(), "idle_timeout": s.Idle.Seconds(), "timeout": s.Timeout.Seconds(),
		"max_cost_usd": s.MaxCostUSD, "max_tokens_total": float64(s.MaxTokensTotal),
	} {
		if n < 0 {
			return fmt.Errorf("llm.%s: must not be negative", name)
		}
	}
	usual := Defaults()
	if s.MaxConcurrent == 0 {
		s.MaxConcurrent = usual.MaxConcurrent
	}
	for _, each := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&s.Connect, usual.Connect}, {&s.FirstToken, usual.FirstToken}, {&s.Idle, usual.Idle}, {&s.Timeout, usual.Timeout}} {
		if *each.value == 0 {
			*each.value = each.usual
		}
	}
	return nil
}
