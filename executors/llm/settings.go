package llm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Names of providers. Auto is the first one that is configured, or else a local
// Ollama that responds, or else None.
const (
	Auto      = "auto"
	OpenAI    = "openai"
	Anthropic = "anthropic"
	Ollama    = "ollama"
	None      = "none"
)

// Providers returns all names, in the order in which Auto tries them.
func Providers() []string { return []string{Auto, OpenAI, Anthropic, Ollama, None} }

// Settings is the llm section of the operator's configuration. Zero values mean
// the defaults. Keys and base URLs come from the environment: OPENAI_API_KEY,
// OPENAI_BASE_URL, ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL.
type Settings struct {
	// Provider and Model apply to calls that name none.
	Provider string `yaml:"provider"`
	Model    string `yaml:"model"`
	// MaxConcurrent limits the requests in flight. Default: 30.
	MaxConcurrent int `yaml:"max_concurrent"`
	// RequestsPerMinute and TokensPerMinute are rate limits; 0: no limit.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	TokensPerMinute   int `yaml:"tokens_per_minute"`
	// Connect limits connecting, FirstToken the time to a stream's first token,
	// Idle the time between two tokens, and Timeout a whole request. Defaults:
	// 10 s, 60 s, 30 s and 10 min.
	Connect    time.Duration `yaml:"connect_timeout"`
	FirstToken time.Duration `yaml:"first_token_timeout"`
	Idle       time.Duration `yaml:"idle_timeout"`
	Timeout    time.Duration `yaml:"timeout"`
	// MaxCostUSD and MaxTokensTotal are the ceilings of a run; 0: no ceiling.
	// Requests in flight when one is reached are finished. The two values of
	// Defaults together limit requests with a key only, and tokens are what they
	// count for a model without a known price.
	MaxCostUSD     float64 `yaml:"max_cost_usd"`
	MaxTokensTotal int     `yaml:"max_tokens_total"`
	// Cache returns the earlier reply for an equal request.
	Cache bool `yaml:"cache"`
	// Prices by model, which add to and override the built-in ones.
	Prices map[string]Price `yaml:"prices"`
}

// Price is the price of a million tokens in US dollars.
type Price struct {
	Input  float64 `yaml:"input"`
	Cached float64 `yaml:"cached"`
	Output float64 `yaml:"output"`
}

// The default ceilings of a run. They hold until the operator sets one of them.
const (
	defaultCostUSD = 1
	defaultTokens  = 1_000_000
)

// Defaults returns the default settings. The provider is empty, because an
// environment variable may set it.
func Defaults() Settings {
	return Settings{
		MaxConcurrent: 30, Connect: 10 * time.Second, FirstToken: time.Minute, Idle: 30 * time.Second, Timeout: 10 * time.Minute,
		MaxCostUSD: defaultCostUSD, MaxTokensTotal: defaultTokens,
	}
}

// ceiling returns the operator's ceiling of a run.
func (s *Settings) ceiling() Ceiling {
	return Ceiling{
		CostUSD: s.MaxCostUSD, Tokens: s.MaxTokensTotal,
		usual: s.MaxCostUSD == defaultCostUSD && s.MaxTokensTotal == defaultTokens, prefix: "llm.",
	}
}

// complete fills in defaults. It fails if a setting is invalid.
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
