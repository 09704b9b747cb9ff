package llm

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

// Client asks models. It is safe for concurrent use, dials nothing before it
// is needed, and is shared by everything in a process that asks models.
type Client struct {
	settings Settings
	lookup   func(string) (string, bool)
	ollama   string

	slots    chan struct{}
	requests *rate.Limiter // nil: no limit
	tokens   *rate.Limiter
	total    *Meter
	runs     meters
	cache    *Cache

	mu        sync.Mutex
	endpoints map[string]*endpoint
	probed    probe
}

// Option changes what NewClient takes from the machine.
type Option func(*Client)

// WithEnvironment reads keys and base URLs through lookup instead of the
// process's environment.
func WithEnvironment(lookup func(string) (string, bool)) Option {
	return func(c *Client) { c.lookup = lookup }
}

// WithOllama looks for Ollama at another base URL than its usual one; empty
// means not at all.
func WithOllama(baseURL string) Option { return func(c *Client) { c.ollama = baseURL } }

// cacheBytes is how much the operator's cache holds.
const cacheBytes = 64 << 20

// NewClient makes a client from the operator's settings.
func NewClient(settings Settings, opts ...Option) (*Client, error) {
	if err := settings.complete(); err != nil {
		return nil, err
	}
	c := &Client{
		settings: settings, lookup: os.LookupEnv, ollama: ollamaURL, total: NewMeter(Ceiling{}, nil),
		slots: make(chan struct{}, settings.MaxConcurrent), endpoints: map[string]*endpoint{},
	}
	for _, opt := range opts {
		opt(c)
	}
	if n := settings.RequestsPerMinute; n > 0 {
		c.requests = rate.NewLimiter(rate.Limit(float64(n)/60), max(1, n/60))
	}
	if n := settings.TokensPerMinute; n > 0 {
		c.tokens = rate.NewLimiter(rate.Limit(float64(n)/60), n)
	}
	if settings.Cache {
		c.cache = NewCache(cacheBytes)
	}
	return c, nil
}

// Close frees idle connections. Requests must have ended.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for _, e := range c.endpoints {
		all = append(all, e.provider.Close())
	}
	return errors.Join(all...)
}

// Used is what all requests of this client took.
func (c *Client) Used() Usage { return c.total.Used() }

// Meter is that of a run, made with the operator's ceiling at its first use.
// Without a run it is a new one: a call of its own.
func (c *Client) Meter(run string) *Meter {
	return c.runs.of(run, Ceiling{CostUSD: c.settings.MaxCostUSD, Tokens: c.settings.MaxTokensTotal}, nil)
}

// Complete asks, and asks again while the reply is not what it must be, within
// bounds. Failures are *executors.Error; a reply beside one is the last there
// was, with its raw text and the usage so far.
func (c *Client) Complete(ctx context.Context, req Request) (Reply, error) {
	e, err := c.choose(ctx, req.Provider)
	if err != nil {
		return Reply{}, err
	}
	name, err := c.modelOf(ctx, e, &req)
	if err != nil {
		return Reply{}, err
	}
	cache := req.Cache
	if cache == nil {
		cache = c.cache
	}
	if cache == nil {
		return c.converse(ctx, e, &req, name)
	}
	reply, err := cache.do(ctx, keyOf(e.provider, req.question(name)), func() (Reply, error) { return c.converse(ctx, e, &req, name) })
	switch {
	case err != nil && ctx.Err() != nil:
		return reply, model.Broken(ctx, e.provider.Name(), err)
	case reply.Cached && req.Check != nil && len(req.Check(&reply)) > 0: // another question's check passed it
		return c.converse(ctx, e, &req, name)
	case reply.Cached && req.OnText != nil:
		req.OnText(reply.Text)
	}
	return reply, err
}

// modelOf is the model to ask: the operator's choice holds for the operator's
// provider only.
func (c *Client) modelOf(ctx context.Context, e *endpoint, req *Request) (string, error) {
	if req.Model != "" {
		return req.Model, nil
	}
	if wanted := c.wantedModel(); wanted != "" && (req.Provider == "" || req.Provider == Auto || req.Provider == c.wantedProvider()) {
		return wanted, nil
	}
	name, err := e.provider.DefaultModel(ctx)
	if err != nil {
		return "", executors.AsError(err)
	}
	return name, nil
}
