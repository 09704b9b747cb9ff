// Package http serves MCP over streamable HTTP, in all of its revisions,
// behind a chain of guards: who is asked (host), from where (origin), by whom
// (token), how much (rate, body), and what.
package http

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/elicit"
	"github.com/chainwright/chainwright/transport/toolcall"
)

// Path is where MCP is served.
const Path = "/mcp"

// Options are how the server is guarded. The zero value serves loopback
// without a token.
type Options struct {
	Log zerolog.Logger
	// Token, when set, is what callers must bear. Off loopback it is required.
	Token string
	// Origins are the further web origins whose pages may call; by default
	// the server's own and those of Inspector.
	Origins []string
	// Hosts are the further names under which the server may be called.
	Hosts []string
	// Stateless keeps no sessions: for replicas behind a balancer.
	Stateless bool
	// SessionIdle is how long a session is kept that nobody uses (30 min).
	SessionIdle time.Duration
	// Limits bound each caller.
	Limits Limits
	// Tools, when set, are the tools that the server publishes; plain calls
	// of them go the short way.
	Tools *tools.Set
	// Grace is how long running calls may go on at the end (5 s).
	Grace time.Duration
	// Drain, when set, is called at the end with a context that ends with the
	// grace period. It returns when no work is left running, having
	// interrupted what did not end by itself: chain.Runner.Close.
	Drain func(context.Context) error
	// Ready, when set, says whether what lies below works, for /readyz.
	Ready func(context.Context) error
}

// Server serves one MCP server over HTTP.
type Server struct {
	opts     Options
	auth     authenticator
	mcp      *server.StreamableHTTPServer
	sessions *sessions
	short    *toolcall.Short // nil: every call goes the library's way
	calls    toolcall.Running
	// questions are those to the persons behind the clients, by session.
	questions elicit.Questions
	limiter   *limiter
	handler   http.Handler

	public    atomic.Bool // bound to more than loopback
	draining  atomic.Bool
	streams   context.Context // ends when the server begins to
	endStream context.CancelFunc
	sweeping  sync.WaitGroup
}

const (
	defaultIdle  = 30 * time.Minute
	defaultGrace = 5 * time.Second
	// heartbeat keeps streams open through proxies, and finds dead ones.
	heartbeat = 30 * time.Second
)

// New makes the server; Handler or Serve put it to use.
func New(srv *server.MCPServer, opts Options) *Server {
	if opts.SessionIdle == 0 {
		opts.SessionIdle = defaultIdle
	}
	if opts.Grace == 0 {
		opts.Grace = defaultGrace
	}
	s := &Server{opts: opts, auth: authenticate(opts.Token), short: toolcall.New(opts.Tools, srv), limiter: newLimiter(opts.Limits)}
	s.streams, s.endStream = context.WithCancel(context.Background())
	context.AfterFunc(s.streams, s.questions.End)
	library := []server.StreamableHTTPOption{
		server.WithStreamableHTTPLogger(libraryLogger(opts.Log)),
		server.WithDisableLocalhostProtection(true), // checkHost is stricter
		server.WithHeartbeatInterval(heartbeat),
	}
	if opts.Stateless {
		// Streams without sessions leak one client's notifications to another.
		library = append(library, server.WithStateLess(true), server.WithDisableStreaming(true))
	} else {
		s.sessions = newSessions(s.endSession)
		s.sweeping.Go(func() { s.sessions.sweep(s.streams, opts.SessionIdle) })
		library = append(library, server.WithSessionIdManagerResolver(s.sessions))
	}
	s.mcp = server.NewStreamableHTTPServer(srv, library...)
	s.handler = s.routes(s.mcp)
	return s
}

// routes is the whole chain: what stands further left is asked first.
func (s *Server) routes(mcp http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(Path, chain(mcp, s.authenticated, s.limited, s.read, s.replied, s.admitted, s.streamed, s.shortened, refused))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "nothing is here; MCP is at "+Path, http.StatusNotFound)
	})
	return chain(mux, s.checkHost, s.checkOrigin, s.crossOrigin())
}

// guard is one link of the chain: it answers itself, or passes on.
type guard func(next http.Handler) http.Handler

func chain(last http.Handler, guards ...guard) http.Handler {
	for i := len(guards) - 1; i >= 0; i-- {
		last = guards[i](last)
	}
	return last
}

// Handler gives the guarded handler, for a server of one's own. It takes
// callers by the names of loopback and Options.Hosts.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends the sessions and their streams.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	s.endStream()
	s.sweeping.Wait()
	return s.mcp.Shutdown(ctx)
}
