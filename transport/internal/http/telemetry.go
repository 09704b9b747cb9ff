package http

import (
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/mcp"
)

// observed has a span created for each request but calls of tools, whose span the
// call creates, and notes the trace context of the HTTP request.
func (s *Server) observed(next http.Handler) http.Handler {
	if s.opts.Telemetry == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := mcp.OverHTTP(r.Context())
		if around := telemetry.Parse(r.Header.Get("Traceparent"), r.Header.Get("Tracestate")); around.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, around)
		}
		ctx, end := s.srv.Observe(ctx, messageOf(ctx).plain())
		defer end(nil)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// measuring refuses callers that may not read metrics.
func (s *Server) measuring(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !tools.CallerFrom(r.Context()).Scopes.Allow(tools.ScopeMetrics) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="chainwright", error="insufficient_scope", scope="`+tools.ScopeMetrics+`"`)
			http.Error(w, "the token's scopes do not allow this; it needs: "+tools.ScopeMetrics, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
