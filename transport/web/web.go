// Package web serves the page on which people see and steer runs, and its API. It is not a stable API.
//
// The page is at /, its API under /api. Reads are what the engine and the tools
// return, and writes are calls of the tools, with their questions. The login has
// the principal and the scopes of what it was made with.
package web

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/tools"
)

// Options configure the page. Set and Runner are required.
type Options struct {
	Set    *tools.Set
	Runner chain.Engine
	Log    zerolog.Logger
	// Version is shown on the page.
	Version string
	// Now returns the time (time.Now).
	Now func() time.Time
}

// Edge is what the HTTP server in front of the page decides.
type Edge struct {
	// Knows reports whether a host name, with or without a port, is the server's.
	Knows func(host string) bool
	// Open lets everyone in without a login, because no token is set.
	Open bool
	// Caller returns the caller with a token, by the token's SHA-256. It reports
	// false if there is no such token any more.
	Caller func(digest [sha256.Size]byte) (principal string, scopes tools.Scopes, ok bool)
	// LinkPrincipal is the principal of logins by a one-time link.
	LinkPrincipal string
	// MayGuess limits the attempts to log in.
	MayGuess func() bool
	// Take takes a slot for a request or a stream of a principal. It reports
	// false if the principal has none left, or sends too many requests.
	Take func(principal string, stream bool) (give func(), ok bool)
	// Authorize returns where a person logs in with an account, and Exchange whom
	// the code is for that comes back. Nil: there are no accounts.
	Authorize func(ctx context.Context, state, verifier string) (url string, err error)
	// TLS says that browsers come back over TLS.
	TLS      bool
	Exchange func(ctx context.Context, code, verifier, issuer string) (Account, error)
	// Ends is done when the server closes. It ends the streams.
	Ends context.Context
}

// Account is who has logged in with an account, until it expires.
type Account struct {
	Principal string
	Scopes    tools.Scopes
	Expires   time.Time
}

// Page serves the page and its API. It is safe for concurrent use.
type Page struct {
	opts   Options
	edge   Edge
	logins logins
	feeds  feeds
	files  map[string]file
	view   *View

	following sync.WaitGroup
}

// New returns a page. Handler serves it.
func New(opts Options) *Page {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	p := &Page{opts: opts, files: readFiles(), view: &View{set: opts.Set, runner: opts.Runner, now: opts.Now}}
	p.logins.now = opts.Now
	return p
}

// Handler returns the handler of / and /api. It is called once.
func (p *Page) Handler(edge Edge) http.Handler {
	p.edge = edge
	mux := http.NewServeMux()
	mux.HandleFunc("/", p.serveFile)
	mux.HandleFunc("GET /api/session", p.session)
	mux.HandleFunc("POST /api/login", p.login)
	mux.HandleFunc("POST /api/logout", p.logout)
	mux.HandleFunc("GET /api/login/account", p.toAccount)
	mux.HandleFunc("GET /api/login/callback", p.fromAccount)
	mux.HandleFunc("GET /api/runs", p.read(tools.ScopeRunsRead, p.listRuns))
	mux.HandleFunc("GET /api/runs/{id}", p.read(tools.ScopeRunsRead, p.seen((*View).run)))
	mux.HandleFunc("GET /api/runs/{id}/layout", p.read(tools.ScopeRunsRead, p.seen((*View).layout)))
	mux.HandleFunc("GET /api/runs/{id}/tree", p.read(tools.ScopeRunsRead, p.getTree))
	mux.HandleFunc("GET /api/runs/{id}/events", p.stream(tools.ScopeRunsRead, p.follow))
	mux.HandleFunc("GET /api/runs/{id}/tasks/{task}", p.read(tools.ScopeRunsRead, p.seen((*View).task)))
	mux.HandleFunc("GET /api/runs/{id}/tasks/{task}/result", p.read(tools.ScopeRunsRead, p.seen((*View).result)))
	mux.HandleFunc("GET /api/runs/{id}/tasks/{task}/elements", p.read(tools.ScopeRunsRead, p.seen((*View).elements)))
	mux.HandleFunc("GET /api/runs/{id}/tasks/{task}/log", p.read(tools.ScopeRunsRead, p.seen((*View).log)))
	mux.HandleFunc("GET /api/trees", p.read(tools.ScopeToolsRead, p.listTrees))
	mux.HandleFunc("GET /api/trees/{name}", p.read(tools.ScopeToolsRead, p.getTreeForm))
	mux.HandleFunc("GET /api/schedules", p.read(tools.ScopeRunsRead, p.listSchedules))
	mux.HandleFunc("GET /api/approvals", p.read(tools.ScopeRunsRead, p.listApprovals))
	mux.HandleFunc("GET /api/executors", p.read(tools.ScopeToolsRead, p.listExecutors))
	mux.HandleFunc("GET /api/executors/{id}", p.read(tools.ScopeToolsRead, p.getExecutor))
	mux.HandleFunc("POST /api/tools/{tool}", p.write(p.callTool))
	mux.HandleFunc("POST /api/runs/{id}/again", p.write(p.runAgain))
	mux.HandleFunc("POST /api/runs/{id}/tasks/{task}/answer", p.write(p.answerTask))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is no such address in the API of the page", "")
	})
	return p.guarded(mux)
}

// Close waits until all streams have ended. Edge.Ends is done before.
func (p *Page) Close() { p.following.Wait() }
