package http

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/web"
)

// withPage returns the handler of the page, and of MCP unless only the page is
// served. The page has stricter rules for origins than MCP, which other pages may
// be allowed to call.
func (s *Server) withPage() http.Handler {
	edge := web.Edge{
		Knows: s.knows, Open: s.opts.open() && !s.opts.PageOnly, Caller: s.callerWith, LinkPrincipal: s.linkPrincipal(),
		MayGuess: s.refused.Allow, Take: s.take, Ends: s.streams,
	}
	if v := s.opts.OAuth; v != nil && v.LogsIn() {
		edge.Authorize, edge.TLS = v.Authorize, v.TLS()
		edge.Exchange = func(ctx context.Context, code, verifier, issuer string) (web.Account, error) {
			caller, err := v.Exchange(ctx, code, verifier, issuer)
			return web.Account{Principal: caller.Principal, Scopes: caller.Scopes, Expires: caller.Expires}, err
		}
	}
	page := s.opts.Page.Handler(edge)
	if s.opts.PageOnly {
		return page
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == Path:
			s.handler.ServeHTTP(w, r.WithContext(mcp.WithPage(r.Context(), addressOf(r))))
		case path == "/healthz", path == "/readyz", strings.HasPrefix(path, oauth.WellKnown):
			s.handler.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	})
}

// addressOf returns the address of the page as the client of a request reaches the
// server.
func addressOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/"
}

func (s *Server) callerWith(token [sha256.Size]byte) (string, tools.Scopes, bool) {
	caller, ok := s.keys.of(token)
	return caller.principal, caller.scopes, ok
}

// linkPrincipal returns whom a one-time link logs in: the holder of the server's
// own token, whose operator printed the link, or the user of this machine.
func (s *Server) linkPrincipal() string {
	if s.opts.Token != "" {
		return ownPrincipal
	}
	return ""
}

// take takes a slot for a request or a stream of the page.
func (s *Server) take(principal string, stream bool) (give func(), ok bool) {
	allowed := s.limiter.of(principal)
	if allowed.rate != nil && !allowed.rate.Allow() {
		return nil, false
	}
	used := &allowed.calls
	if stream {
		used = &allowed.streams
	}
	if !used.take() {
		return nil, false
	}
	return used.give, true
}
