package http

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/oauth"
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
	expires   time.Time // of a token of an OAuth issuer
}

// refusal is the answer to a request whose caller is not known.
type refusal struct {
	status    int
	challenge string // the header WWW-Authenticate; empty: none
	text      string
}

// authenticator returns the caller of a request.
type authenticator func(r *http.Request) (identity, *refusal)

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

// open reports whether nothing identifies callers, so that everyone may call.
func (o *Options) open() bool { return o.Token == "" && len(o.Tokens) == 0 && o.OAuth == nil }

// authenticate accepts everyone if no token is set at the start, and otherwise
// the callers that send one. A session id never identifies a caller, and neither
// does a token in the address.
func (k *keys) authenticate(r *http.Request) (identity, *refusal) {
	if k.opts.open() {
		return identity{}, nil
	}
	sent := r.Header.Values("Authorization")
	if len(sent) > 1 {
		return identity{}, &refusal{status: http.StatusBadRequest, text: "the request has more than one Authorization header"}
	}
	scheme, given, _ := strings.Cut(strings.Join(sent, ""), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return identity{}, k.opts.unauthorized("")
	}
	given = strings.TrimSpace(given)
	if caller, ok := k.of(sha256.Sum256([]byte(given))); ok {
		return caller, nil
	}
	if k.opts.OAuth == nil || !oauth.Looks(given) {
		return identity{}, k.opts.unauthorized("it is not known")
	}
	caller, err := k.opts.OAuth.Verify(r.Context(), given)
	var unavailable *oauth.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return identity{}, &refusal{status: http.StatusServiceUnavailable, text: "the token can't be verified now, because the keys of its issuer can't be read; try again"}
	case err != nil:
		return identity{}, k.opts.unauthorized(err.Error())
	}
	return identity{caller.Principal, caller.Scopes, caller.Expires}, nil
}

// unauthorized refuses a request without a valid token. The reason is empty if it
// has none.
func (o *Options) unauthorized(reason string) *refusal {
	no := &refusal{status: http.StatusUnauthorized, challenge: `Bearer realm="chainwright"`, text: "a valid bearer token is required"}
	switch {
	case o.OAuth != nil:
		no.challenge = o.OAuth.Challenge(reason)
		if reason != "" {
			no.text = "the token is refused: " + reason
		}
	case reason != "":
		no.challenge += `, error="invalid_token"`
	}
	return no
}

// hashes returns the own token and these, as they are compared.
func (o *Options) hashes(named []Token) *[]known {
	var all []known
	if o.Token != "" {
		all = append(all, known{sha256.Sum256([]byte(o.Token)), identity{principal: ownPrincipal}})
	}
	for _, t := range named {
		all = append(all, known{sha256.Sum256([]byte(t.Value)), identity{principal: t.Principal, scopes: t.Scopes}})
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
		known, no := s.auth(r)
		if no != nil {
			if !s.refused.Allow() {
				tooMany(w, time.Second, "too many requests without a valid token in a second")
				return
			}
			if no.challenge != "" {
				w.Header().Set("WWW-Authenticate", no.challenge)
			}
			if no.status == http.StatusServiceUnavailable {
				w.Header().Set("Retry-After", retryIssuer)
			}
			http.Error(w, no.text, no.status)
			return
		}
		caller := &tools.Caller{
			Principal: known.principal, Scopes: known.scopes, Narrow: narrow(r.Header, known.scopes.Selection()), Stream: r.Context(),
		}
		ctx := tools.WithCaller(r.Context(), caller)
		if !known.expires.IsZero() {
			ctx = context.WithValue(ctx, expiryKey{}, known.expires)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// retryIssuer is when to try again if an issuer can't be reached, in seconds.
const retryIssuer = "5"

type expiryKey struct{}

// expiry returns when the token of a request expires. It reports false if the
// caller has no token of an OAuth issuer.
func expiry(ctx context.Context) (time.Time, bool) {
	at, ok := ctx.Value(expiryKey{}).(time.Time)
	return at, ok
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
			challenge := fmt.Sprintf(`Bearer realm="chainwright", error="insufficient_scope", scope=%q`, all)
			if _, ok := expiry(r.Context()); ok {
				challenge = s.opts.OAuth.Insufficient(scopes, needed)
			}
			w.Header().Set("WWW-Authenticate", challenge)
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
