package http

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// inspector are the origins of MCP Inspector's page.
var inspector = []string{"http://localhost:6274", "http://127.0.0.1:6274"}

// checkHost rejects host names that are not this server's. It prevents DNS
// rebinding, in which a page's own host name resolves to this server.
func (s *Server) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knows(r.Host) {
			http.Error(w, "this host name is not served here (http.hosts adds names)", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knows(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if loopback(host) || slices.ContainsFunc(s.opts.Hosts, func(known string) bool {
		return strings.EqualFold(known, host) || strings.EqualFold(known, hostport)
	}) {
		return true
	}
	if !s.public.Load() {
		return false
	}
	// DNS rebinding needs a name; an address is safe.
	_, err = netip.ParseAddr(host)
	return err == nil
}

// checkOrigin rejects requests from other origins, and answers the preflight
// requests of allowed ones.
func (s *Server) checkOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			if site := r.Header.Get("Sec-Fetch-Site"); r.URL.Path == Path && (site == "cross-site" || site == "same-site") {
				http.Error(w, "calls from other sites are not allowed", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Origin")
		if !s.allows(origin, r.Host) {
			http.Error(w, "this origin is not allowed (http.origins adds origins)", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
				h.Set("Access-Control-Allow-Headers", asked)
				h.Add("Vary", "Access-Control-Request-Headers")
			}
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) allows(origin, host string) bool {
	if slices.Contains(inspector, origin) || slices.Contains(s.opts.Origins, origin) {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && from.Host != "" && strings.EqualFold(from.Host, host) && (from.Scheme == "http" || from.Scheme == "https")
}

// crossOrigin returns the standard library's check of cross-origin requests,
// which also reads Sec-Fetch-Site.
func (s *Server) crossOrigin() guard {
	protection := http.NewCrossOriginProtection()
	for _, origin := range append(slices.Clone(inspector), s.opts.Origins...) {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			s.opts.Log.Warn().Err(err).Str("origin", origin).Msg("an entry of http.origins is not a valid origin")
		}
	}
	return protection.Handler
}
