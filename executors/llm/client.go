package llm

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/policy/breaker"
)

// Client sends requests to models. It is safe for concurrent use, connects on
// the first request, and is shared by everything in a process that uses models.
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
	breaker  *breaker.Breaker // by the name of the endpoint

	mu        sync.Mutex
	endpoints map[string]*endpoint
	probed    probe
}

// Option configures NewClient.
type Option func(*Client)

// WithEnvironment reads keys and base URLs through lookup instead of the
// process's environment.
func WithEnvironment(lookup func(string) (string, bool)) Option {
	return func(c *Client) { c.lookup = lookup }
}

// WithOllama sets the base URL of Ollama; empty disables the probe for it.
func WithOllama(baseURL string) Option { return func(c *Client) { c.ollama = baseURL } }

// cacheBytes is the size of the operator's cache.
const cacheBytes = 64 << 20

// NewClient returns a client with the operator's settings. It fails if a
// setting is invalid.
func NewClient(settings Settings, opts ...Option) (*Client, error) {
	if err := settings.complete(); err != nil {
		return nil, err
	}
	c := &Client{
		settings: settings, lookup: os.LookupEnv, ollama: ollamaURL, total: NewMeter(Ceiling{}, nil),
		slots: make(chan struct{}, settings.MaxConcurrent), endpoints: map[string]*endpoint{},
		breaker: breaker.New(breakAt, breakFor, breakFor),
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

// Close closes idle connections. Call it after all requests have ended.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for _, e := range c.endpoints {
		all = append(all, e.provider.Close())
	}
	return errors.Join(all...)
}

// Used returns the usage of all requests of this client.
func (c *Client) Used() Usage { return c.total.Used() }

// Meter returns the meter of a run, with the operator's ceiling. It is created
// on the first use; an empty run gets a new meter each time. It counts what this
// process spent on the run, also before a retry of it.
func (c *Client) Meter(run string) *Meter { return c.runs.of(run, c.settings.ceiling(), nil) }

// MeterOf returns the meter of a call: that of the outermost run, so that a run
// and the runs that its tasks start share one ceiling. A retry of such a run by
// itself has the same meter.
func (c *Client) MeterOf(call *executors.Call) *Meter {
	m := c.Meter(cmp.Or(call.Outermost, call.RunID))
	if call.Outermost != "" && call.RunID != call.Outermost {
		c.runs.share(call.RunID, m)
	}
	return m
}

// Complete sends a request and repeats it, within limits, until the reply
// satisfies the request. Errors are *executors.Error; the reply is then the last
// one, with its text and the usage so far.
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
	case reply.Cached && req.Check != nil && len(req.Check(&reply)) > 0: // it was checked for another request
		return c.converse(ctx, e, &req, name)
	case reply.Cached && req.OnText != nil:
		req.OnText(reply.Text)
	}
	return reply, err
}

// modelOf returns the model for a request. The operator's model applies to the
// operator's provider only.
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
