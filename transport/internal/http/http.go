// Package http serves MCP over streamable HTTP, in all of its revisions, behind
// a chain of guards: host, origin, token, rate, body, scopes and session.
package http

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/web"
)

// Path is where MCP is served.
const Path = "/mcp"

// Options configure the server. The zero value serves loopback without a token.
type Options struct {
	Log zerolog.Logger
	// Token, when set, is the bearer token that callers must send. It is
	// required for addresses other than loopback.
	Token string
	// Tokens are further tokens, each with its principal and scopes.
	Tokens []Token
	// Reload, when set, is called with each token that arrives. It returns the
	// tokens to use instead of Tokens from now on, if they have changed. Those
	// with fewer than least bytes must be left out.
	Reload func(least int) (tokens []Token, changed bool)
	// OAuth, when set, verifies the tokens that are none of these. The server
	// closes it.
	OAuth *oauth.Verifier
	// Origins are the web origins that may call, in addition to the server's own
	// and those of Inspector.
	Origins []string
	// Hosts are host names of the server, in addition to loopback.
	Hosts []string
	// Stateless keeps no sessions: for replicas behind a balancer.
	Stateless bool
	// SessionIdle is how long an unused session is kept (30 min).
	SessionIdle time.Duration
	// Limits are the limits of each caller.
	Limits Limits
	// Settle is the time that running calls have at shutdown to end by
	// themselves (0.5 s).
	Settle time.Duration
	// Drain, when set, is called then. It interrupts what runs and returns when
	// nothing is left, at the deadline of its context at the latest:
	// chain.Engine.Close.
	Drain func(context.Context) error
	// Ready, when set, checks for /readyz whether the store works.
	Ready func(context.Context) error
	// Page, when set, is served by Serve at /, with its API.
	Page *web.Page
	// PageOnly serves nothing but the page, to those who have logged in to it.
	PageOnly bool
	// Link, when set, is called with a one-time link to the page when Serve
	// listens. Serve then refuses addresses that other machines can reach.
	Link func(url string)
	// Listening, when set, is called with the address of the server, without a path,
	// when Serve listens.
	Listening func(url string)
	// Telemetry, when set, has the trace context of requests noted.
	Telemetry *telemetry.Telemetry
	// Metrics, when set, are served at /metrics, to callers with the scope metrics.
	Metrics http.Handler
}

// Server serves one MCP server over HTTP.
type Server struct {
	opts      Options
	keys      *keys
	auth      authenticator
	srv       *mcp.Server
	sdk       *mcp.HTTP     // answers everything except calls of tools
	sessions  *sessions     // nil: none are kept
	calls     mcp.Running   // in flight, by session
	questions mcp.Questions // open questions, by session
	feeds     mcp.Feeds     // what sessions have subscribed to
	limiter   *limiter
	refused   *rate.Limiter // requests without a valid token, of all clients together
	bodies    bodies
	handler   http.Handler
	site      http.Handler // with the page

	public    atomic.Bool // bound to more than loopback
	draining  atomic.Bool
	streams   context.Context // ends when the shutdown begins
	endStream context.CancelFunc
	sweeping  sync.WaitGroup
}

const (
	defaultIdle   = 30 * time.Minute
	defaultSettle = 500 * time.Millisecond
	// heartbeat keeps streams open through proxies, and detects closed ones.
	heartbeat = 30 * time.Second
)

// New returns a server. Use Handler or Serve to serve it.
func New(srv *mcp.Server, opts Options) *Server {
	if opts.SessionIdle == 0 {
		opts.SessionIdle = defaultIdle
	}
	if opts.Settle == 0 {
		opts.Settle = defaultSettle
	}
	s := &Server{
		opts: opts, srv: srv, bodies: newBodies(1),
		limiter: newLimiter(opts.Limits), refused: rate.NewLimiter(defaultRate, 2*defaultRate),
	}
	s.keys = newKeys(&s.opts)
	s.auth = s.keys.authenticate
	s.streams, s.endStream = context.WithCancel(context.Background())
	context.AfterFunc(s.streams, s.questions.End)
	sdk := mcp.HTTPOptions{Log: opts.Log, Heartbeat: heartbeat}
	if !opts.Stateless {
		s.sessions = newSessions(s.endSession, s.feeds.End)
		s.sweeping.Go(func() { s.sessions.sweep(s.streams, opts.SessionIdle) })
		sdk.Sessions = s.sessions.of
	}
	s.sdk = srv.HTTP(sdk)
	s.handler = s.routes(http.HandlerFunc(s.serveSDK))
	s.site = s.handler
	if opts.Page != nil {
		s.site = s.withPage()
	}
	return s
}

// routes returns the chain of guards, in their order.
func (s *Server) routes(last http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(Path, chain(last, s.authenticated, s.limited, s.read, s.observed, s.scoped, s.replied, s.admitted, s.streamed, s.called, s.tasked))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.opts.OAuth != nil {
		mux.Handle("GET /.well-known/oauth-protected-resource", s.opts.OAuth)
		mux.Handle("GET /.well-known/oauth-protected-resource/", s.opts.OAuth)
	}
	if s.opts.Metrics != nil {
		mux.Handle("GET /metrics", chain(s.opts.Metrics, s.authenticated, s.limited, s.measuring))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "nothing is here; MCP is at "+Path, http.StatusNotFound)
	})
	return chain(mux, s.checkHost, s.checkOrigin, s.crossOrigin())
}

func (s *Server) serveSDK(w http.ResponseWriter, r *http.Request) {
	s.sdk.Serve(w, r, messageOf(r.Context()).plain())
}

// guard is one handler of the chain. It answers the request or calls the next.
type guard func(next http.Handler) http.Handler

func chain(last http.Handler, guards ...guard) http.Handler {
	for i := len(guards) - 1; i >= 0; i-- {
		last = guards[i](last)
	}
	return last
}

// Handler returns the handler of MCP with its guards, for another HTTP server. It
// accepts the host names of loopback and Options.Hosts.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends the sessions and their streams.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	s.endStream()
	s.sweeping.Wait()
	if s.opts.Page != nil {
		s.opts.Page.Close()
	}
	s.feeds.Close()
	if s.opts.OAuth != nil {
		s.opts.OAuth.Close()
	}
	return s.sdk.Shutdown(ctx)
}
