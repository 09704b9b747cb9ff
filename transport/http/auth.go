package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/tools"
)

// authenticator says who asks. A refusal says what a caller must bring, in
// the words of WWW-Authenticate; other ways than a fixed token fit in here.
type authenticator func(r *http.Request) (principal string, refusal error)

// authenticate takes everyone where there is no token, and else whoever bears
// it. A session's id never says who someone is.
func authenticate(token string) authenticator {
	if token == "" {
		return func(*http.Request) (string, error) { return "", nil }
	}
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) (string, error) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", errors.New(`Bearer realm="chainwright"`)
		}
		got := sha256.Sum256([]byte(strings.TrimSpace(given)))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			return "", errors.New(`Bearer realm="chainwright", error="invalid_token"`)
		}
		return "token", nil
	}
}

// authenticated refuses who does not say who they are, and tells the rest of
// the chain who asks.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		principal, refusal := s.auth(r)
		if refusal != nil {
			w.Header().Set("WWW-Authenticate", refusal.Error())
			http.Error(w, "a valid bearer token is required", http.StatusUnauthorized)
			return
		}
		caller := &tools.Caller{Principal: principal, Narrow: narrow(r.Header), Stream: r.Context()}
		next.ServeHTTP(w, r.WithContext(tools.WithCaller(r.Context(), caller)))
	})
}

// The headers with which a request asks for fewer tools.
const (
	HeaderToolsets = "X-Chainwright-Toolsets"
	HeaderTools    = "X-Chainwright-Tools"
	HeaderExclude  = "X-Chainwright-Exclude-Tools"
	HeaderReadOnly = "X-Chainwright-Read-Only"
)

// narrow is the smaller selection that a request asks for; nil where it asks
// for none.
func narrow(h http.Header) *tools.Selection {
	selection := &tools.Selection{
		Toolsets: list(h, HeaderToolsets), Tools: list(h, HeaderTools), Exclude: list(h, HeaderExclude),
	}
	switch strings.ToLower(strings.TrimSpace(h.Get(HeaderReadOnly))) {
	case "", "0", "false", "no":
	default:
		selection.ReadOnly = true
	}
	if selection.Toolsets == nil && selection.Tools == nil && selection.Exclude == nil && !selection.ReadOnly {
		return nil
	}
	return selection
}

func list(h http.Header, name string) []string {
	var values []string
	for _, line := range h.Values(name) {
		for value := range strings.SplitSeq(line, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}
