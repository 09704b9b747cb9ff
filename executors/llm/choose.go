package llm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/anthropic"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/llm/internal/openai"
)

// ollamaURL is Ollama's default address, for its OpenAI-compatible API.
const ollamaURL = "http://127.0.0.1:11434/v1"

// A probe for Ollama takes at most probeTime. A failed one is repeated after
// probeEvery.
const (
	probeTime  = 200 * time.Millisecond
	probeEvery = 15 * time.Second
)

// probe is the result of the last probe for Ollama.
type probe struct {
	at      time.Time
	answers bool
}

// providerVariable is the variable that chooses the provider.
const providerVariable = "CHAINWRIGHT_LLM_PROVIDER"

// setting names what opens executors that need a model.
const setting = "OPENAI_API_KEY, OPENAI_BASE_URL, ANTHROPIC_API_KEY, or a local Ollama"

func (c *Client) env(names ...string) string {
	for _, name := range names {
		if value, ok := c.lookup(name); ok && value != "" {
			return value
		}
	}
	return ""
}

// wantedProvider returns the operator's provider.
func (c *Client) wantedProvider() string {
	if c.settings.Provider != "" {
		return c.settings.Provider
	}
	if name := c.env(providerVariable, "AIPARTNERUPFLOW_LLM_PROVIDER"); name != "" {
		return name
	}
	return Auto
}

func (c *Client) wantedModel() string {
	if c.settings.Model != "" {
		return c.settings.Model
	}
	return c.env("CHAINWRIGHT_LLM_MODEL", "AIPARTNERUPFLOW_LLM_MODEL")
}

// Closed reports whether no model is configured, and what would configure one.
func (c *Client) Closed() (opens string, closed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	_, err := c.choose(ctx, "")
	return setting, err != nil
}

// Provider returns the provider that a request would use: "openai",
// "anthropic", "ollama" or "none". name is one of Providers; empty: the
// operator's choice.
func (c *Client) Provider(ctx context.Context, name string) string {
	e, err := c.choose(ctx, name)
	if err != nil {
		return None
	}
	return e.name
}

// choose returns the endpoint for the name of a provider.
func (c *Client) choose(ctx context.Context, name string) (*endpoint, error) {
	if name == "" {
		name = c.wantedProvider()
	}
	if !slices.Contains(Providers(), name) {
		return nil, executors.Errorf(executors.ValidationError, "provider must be one of %s; got %q", strings.Join(Providers(), ", "), name).
			WithField("provider")
	}
	if c.wantedProvider() == None {
		name = None // no caller can choose another one
	}
	for _, each := range []string{OpenAI, Anthropic, Ollama} {
		if (name == each || name == Auto) && c.configured(ctx, each) {
			return c.endpoint(each)
		}
	}
	err := executors.Errorf(executors.PermissionDenied, "no language model is configured").WithCode(model.CodeNone)
	switch name {
	case None:
		return nil, err.WithHint("the provider is set to none; the operator can change it with " + providerVariable)
	case OpenAI:
		return nil, err.WithField("provider").WithHint("the operator must set OPENAI_API_KEY or OPENAI_BASE_URL")
	case Anthropic:
		return nil, err.WithField("provider").WithHint("the operator must set ANTHROPIC_API_KEY")
	case Ollama:
		return nil, err.WithField("provider").WithHint("Ollama does not respond at its default address, or has no model: start it and pull a model")
	}
	return nil, err.WithHint("the operator must set one of " + setting)
}

func (c *Client) configured(ctx context.Context, name string) bool {
	switch name {
	case OpenAI:
		return c.env("OPENAI_API_KEY", "OPENAI_BASE_URL") != ""
	case Anthropic:
		return c.env("ANTHROPIC_API_KEY") != ""
	}
	return c.answers(ctx)
}

// answers reports whether Ollama responds and has a model.
func (c *Client) answers(ctx context.Context) bool {
	if c.ollama == "" {
		return false
	}
	c.mu.Lock()
	last := c.probed
	c.mu.Unlock()
	if last.answers || !last.at.IsZero() && time.Since(last.at) < probeEvery {
		return last.answers
	}
	e, err := c.endpoint(Ollama)
	if err != nil {
		return false
	}
	looking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	_, err = e.provider.DefaultModel(looking)
	if err != nil && ctx.Err() != nil {
		return false // the caller's timeout says nothing about Ollama
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probed = probe{time.Now(), err == nil}
	return err == nil
}

// endpoint returns the endpoint of a provider and creates it on the first use.
func (c *Client) endpoint(name string) (*endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.endpoints[name]; ok {
		return e, nil
	}
	s := c.settings
	at := model.ServerOptions{Connect: s.Connect, FirstToken: s.FirstToken, Idle: s.Idle, Connections: s.MaxConcurrent}
	var provider model.Provider
	var err error
	switch name {
	case Anthropic:
		at.Key, at.BaseURL = c.env("ANTHROPIC_API_KEY"), c.env("ANTHROPIC_BASE_URL")
		provider, err = anthropic.New(at)
	case Ollama:
		at.BaseURL = c.ollama
		provider, err = openai.New(openai.Options{ServerOptions: at})
	default:
		at.Key, at.BaseURL = c.env("OPENAI_API_KEY"), c.env("OPENAI_BASE_URL")
		provider, err = openai.New(openai.Options{ServerOptions: at, Organization: c.env("OPENAI_ORG_ID")})
	}
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("setting up %s: %w", name, err))
	}
	e := &endpoint{name: name, provider: provider, keyed: at.Key != "", breaker: c.breaker}
	c.endpoints[name] = e
	return e, nil
}

// shortestKey is the minimum length of a key that is redacted: keys of local
// endpoints can be words such as "ollama".
const shortestKey = 16

// Keys returns the keys that are sent to endpoints, by environment variable,
// so that they can be redacted from results.
func (c *Client) Keys() map[string]string {
	keys := map[string]string{}
	for _, name := range []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY"} {
		if key := c.env(name); len(key) >= shortestKey {
			keys[name] = key
		}
	}
	return keys
}
