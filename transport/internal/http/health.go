package http

import (
	"context"
	"net/http"
	"time"
)

// readyTimeout is the time limit of the readiness check.
const readyTimeout = 2 * time.Second

// healthz reports that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

// readyz reports whether calls can be handled.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		plain(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	if s.opts.Ready != nil {
		ctx, done := context.WithTimeout(r.Context(), readyTimeout)
		defer done()
		if err := s.opts.Ready(ctx); err != nil {
			s.opts.Log.Warn().Err(err).Msg("not ready")
			plain(w, http.StatusServiceUnavailable, "not ready")
			return
		}
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
