package executortest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Tokens is an OAuth 2 authorization server for client credentials, at /token.
type Tokens struct {
	*httptest.Server
	mu    sync.Mutex
	valid string
	asked int
	given []string
}

// TokensID and TokensSecret are the credentials of its only client.
const TokensID, TokensSecret = "a-client", "secret-of-a-client-0123"

// NewTokens starts the server.
func NewTokens(tb testing.TB) *Tokens {
	tb.Helper()
	s := &Tokens{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if id, secret, _ := r.BasicAuth(); id != TokensID || secret != TokensSecret {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "not with %s"}`, secret)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		s.valid = "access-" + rand.Text()
		s.given = append(s.given, s.valid)
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, s.valid)
	})
	s.Server = httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s
}

// Accepts reports whether a request has the valid token.
func (s *Tokens) Accepts(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.valid != "" && r.Header.Get("Authorization") == "Bearer "+s.valid
}

// Revoke makes the valid token invalid.
func (s *Tokens) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = ""
}

// Asked returns how many tokens were given.
func (s *Tokens) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Given returns all tokens.
func (s *Tokens) Given() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.given...)
}
