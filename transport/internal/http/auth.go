package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/tools"
)

// Token is a named bearer token.
type Token struct {
	Name, Value string
	Principal   string
	Scopes      tools.Scopes // nil: everything
}

// ownPrincipal is the principal of Options.Token.
const ownPrincipal = "token"

// minToken is the shortest token for a server that other machines reach.
const minToken = 32

// identity is the caller of a request.
type identity struct {
	principal string
	scopes    tools.Scopes
}

// authenticator returns the caller of a request. The text of a refusal is the
// value of the header WWW-Authenticate.
type authenticator func(r *http.Request) (caller identity, refusal error)

// known is a token and its caller.
type known struct {
	hash   [sha256.Size]byte
	caller identity
}

// keys are the tokens of a server.
type keys struct {
	opts  *Options
	least int // the shortest named token that may be used
	all   atomic.Pointer[[]known]
}

func newKeys(opts *Options) *keys {
	k := &keys{opts: opts, least: 1}
	k.all.Store(opts.hashes(opts.Tokens))
	if opts.tooShort() == nil {
		k.least = minToken // other machines may reach the server
	}
	return k
}

// of returns the caller with a token, by the hash of the token. It reports false
// if there is no such token any more.
func (k *keys) of(hash [sha256.Size]byte) (caller identity, ok bool) {
	if k.opts.Reload != nil {
		if named, changed := k.opts.Reload(k.least); changed {
			k.all.Store(k.opts.hashes(named))
		}
	}
	for _, each := range *k.all.Load() { // all are compared, so that the time does not depend on the token
		if subtle.ConstantTimeCompare(each.hash[:], hash[:]) == 1 {
			caller, ok = each.caller, true
		}
	}
	return caller, ok
}

// open reports whether no token is set, so that everyone may call.
func (o *Options) open() bool { return o.Token == "" && len(o.Tokens) == 0 }

// authenticate accepts everyone if no token is set at the start, and otherwise
// the callers that send one. A session id never identifies a caller.
func (k *keys) authenticate(r *http.Request) (caller identity, refusal error) {
	if k.opts.open() {
		return identity{}, nil
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return identity{}, errors.New(`Bearer realm="chainwright"`)
	}
	caller, ok := k.of(sha256.Sum256([]byte(strings.TrimSpace(given))))
	if !ok {
		return identity{}, errors.New(`Bearer realm="chainwright", error="invalid_token"`)
	}
	return caller, nil
}

// hashes returns the own token and these, as they are compared.
func (o *Options) hashes(named []Token) *[]known {
	var all []known
	if o.Token != "" {
		all = append(all, known{sha256.Sum256([]byte(o.Token)), identity{principal: ownPrincipal}})
	}
	for _, t := range named {
		all = append(all, known{sha256.Sum256([]byte(t.Value)), identity{t.Principal, t.Scopes}})
	}
	return &all
}

// tooShort returns the first token that is too short for other machines. The
// server's own token has no name.
func (o *Options) tooShort() *Token {
	if o.Token != "" && len(o.Token) < minToken {
		return &Token{Value: o.Token}
	}
	for i := range o.Tokens {
		if len(o.Tokens[i].Value) < minToken {
			return &o.Tokens[i]
		}
	}
	return nil
}

// authenticated rejects unauthenticated requests, and puts the caller into the
// context.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, refusal := s.auth(r)
		if refusal != nil {
			if !s.refused.Allow() {
				tooMany(w, time.Second, "too many requests without a valid token in a second")
				return
			}
			w.Header().Set("WWW-Authenticate", refusal.Error())
			http.Error(w, "a valid bearer token is required", http.StatusUnauthorized)
			return
		}
		caller := &tools.Caller{
			Principal: known.principal, Scopes: known.scopes, Narrow: narrow(r.Header, known.scopes.Selection()), Stream: r.Context(),
		}
		next.ServeHTTP(w, r.WithContext(tools.WithCaller(r.Context(), caller)))
	})
}

// scoped refuses messages that need more scopes than the caller has.
func (s *Server) scoped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, scopes := messageOf(r.Context()), tools.CallerFrom(r.Context()).Scopes
		if m == nil || scopes == nil {
			next.ServeHTTP(w, r)
			return
		}
		needed := s.srv.Needs(scopes, m.Message, m.call)
		if !scopes.Allow(needed...) {
			all := strings.Join(needed, " ")
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="chainwright", error="insufficient_scope", scope=%q`, all))
			http.Error(w, "the token's scopes do not allow this; it needs: "+all, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// The headers that select fewer tools for one request.
const (
	HeaderToolsets = "X-Chainwright-Toolsets"
	HeaderTools    = "X-Chainwright-Tools"
	HeaderExclude  = "X-Chainwright-Exclude-Tools"
	HeaderReadOnly = "X-Chainwright-Read-Only"
)

// narrow returns the selection in a request's headers, within that of the
// caller's scopes; nil without both.
func narrow(h http.Header, scopes *tools.Selection) *tools.Selection {
	selection := &tools.Selection{
		Toolsets: list(h, HeaderToolsets), Tools: list(h, HeaderTools), Exclude: list(h, HeaderExclude), Within: scopes,
	}
	switch strings.ToLower(strings.TrimSpace(h.Get(HeaderReadOnly))) {
	case "", "0", "false", "no":
	default:
		selection.ReadOnly = true
	}
	if selection.Toolsets == nil && selection.Tools == nil && selection.Exclude == nil && !selection.ReadOnly {
		return scopes
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
