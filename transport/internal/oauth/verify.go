package oauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/chainwright/chainwright/tools"
)

// Caller is who a token speaks for.
type Caller struct {
	Principal string
	Scopes    tools.Scopes // never nil, which would allow everything
	Expires   time.Time
}

// RefusedError is the error of a token that is not accepted. Its text repeats
// nothing of the token.
type RefusedError struct{ Reason string }

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Reason }

// UnavailableError is the error of a token that can't be verified now, because
// the keys of its issuer can't be read.
type UnavailableError struct{ Err error }

// Error returns the reason.
func (e *UnavailableError) Error() string { return "the issuer's keys can't be read: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnavailableError) Unwrap() error { return e.Err }

func refused(reason string) error { return &RefusedError{reason} }

const (
	// maxToken is the longest token in bytes.
	maxToken = 16 << 10
	// maxSubject is the longest subject in bytes.
	maxSubject = 512
	// leeway is how far the clock of an issuer may be ahead.
	leeway = time.Minute
	// verifyWait is the longest time that a request waits for an issuer.
	verifyWait = 6 * time.Second
)

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	settings  Settings
	resource  string // the address of MCP
	metadata  string // the address of its description
	paths     []string
	audiences []string
	issuers   map[string]*trusted
	cache     cache

	mu      sync.Mutex // guards the end, and the start of a reader
	stop    context.CancelFunc
	reading sync.WaitGroup
}

// trusted is an issuer, and what verifies its tokens.
type trusted struct {
	*issuer
	verifier *oidc.IDTokenVerifier
}

// New returns a verifier, or an error that names all wrong settings. It connects
// to nothing. The caller must call Close.
func New(settings Settings) (*Verifier, error) {
	resource, err := settings.check()
	if err != nil {
		return nil, err
	}
	roots, err := settings.roots()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &Verifier{settings: settings, resource: resource.String(), stop: stop, issuers: map[string]*trusted{}}
	v.audiences = settings.audiences(v.resource)
	v.describe(resource)
	client := newClient(roots)
	for _, address := range settings.Issuers {
		one := &issuer{
			url: address, client: client, algorithms: settings.algorithms(), log: settings.Log, now: settings.now,
			run: func(read func(context.Context)) bool { return v.run(ctx, read) },
		}
		v.issuers[address] = &trusted{one, oidc.NewVerifier(address, one, &oidc.Config{
			SkipClientIDCheck: true, // Claims checks the audience
			Now:               settings.now, SupportedSigningAlgs: settings.algorithms(),
		})}
	}
	return v, nil
}

// run reads from an issuer in the background. It reports false after Close.
func (v *Verifier) run(ctx context.Context, read func(context.Context)) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	v.reading.Go(func() { read(ctx) })
	return true
}

// Close ends what is being read from issuers.
func (v *Verifier) Close() {
	v.mu.Lock()
	v.stop()
	v.mu.Unlock()
	v.reading.Wait()
}

// Looks reports whether a text has the form of a JWT. Others are not tokens of an
// issuer.
func Looks(token string) bool { return strings.Count(token, ".") == 2 }

// Verify returns the caller with a token. The error is a *RefusedError or an
// *UnavailableError.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	if len(token) > maxToken {
		return Caller{}, refused("it is longer than 16 KiB")
	}
	key := sha256.Sum256([]byte(token))
	now := v.settings.now()
	if caller, ok := v.cache.get(key, now); ok {
		return caller, nil
	}
	caller, err := v.verify(ctx, token)
	if err == nil {
		v.cache.put(key, caller, now)
	}
	return caller, err
}

func (v *Verifier) verify(ctx context.Context, token string) (Caller, error) {
	head, issuer, err := v.peek(token)
	if err != nil {
		return Caller{}, err
	}
	ctx, done := context.WithTimeout(ctx, verifyWait)
	defer done()
	var missing *UnavailableError
	verified, err := issuer.verifier.Verify(withMissing(ctx, &missing), token)
	var expired *oidc.TokenExpiredError
	switch {
	case missing != nil: // the library drops the type of an error of the keys
		return Caller{}, missing
	case errors.As(err, &expired):
		return Caller{}, refused("it has expired")
	case err != nil:
		v.settings.Log.Debug().Err(err).Str("issuer", issuer.url).Msg("a token was refused")
		return Caller{}, refused("its signature or its form is not valid")
	}
	var claims claims
	if err := verified.Claims(&claims); err != nil {
		return Caller{}, refused("its claims are not a JSON object")
	}
	caller, err := v.accept(head, claims, issuer.url)
	if err != nil {
		v.settings.Log.Debug().Err(err).Str("issuer", issuer.url).Msg("a token was refused")
	}
	return caller, err
}

// header is what is read of the header of a token.
type header struct{ typ string }

var plainToken = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// peek reads what decides whether, and with what, a token is verified. None of it
// is trusted.
func (v *Verifier) peek(token string) (header, *trusted, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || slices.Contains(parts, "") || !plainToken.MatchString(token) {
		return header{}, nil, refused("it is not a signed JWT")
	}
	var head, body claims
	for i, into := range []*claims{&head, &body} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return header{}, nil, refused("it is not a signed JWT")
		}
	}
	if !slices.Contains(v.settings.algorithms(), head.text("alg")) {
		return header{}, nil, refused("its algorithm is not accepted")
	}
	if _, ok := head["crit"]; ok {
		return header{}, nil, refused("its header has extensions that are not known here")
	}
	typ := strings.TrimPrefix(strings.ToLower(head.text("typ")), "application/")
	if typ != "at+jwt" && typ != "jwt" {
		return header{}, nil, refused("its type (typ) is neither at+jwt nor JWT")
	}
	issuer, ok := v.issuers[body.text("iss")]
	if !ok {
		return header{}, nil, refused("its issuer is not accepted here")
	}
	return header{typ}, issuer, nil
}

// accept checks the claims of a verified token.
func (v *Verifier) accept(head header, c claims, issuer string) (Caller, error) {
	now := v.settings.now()
	subject := c.text("sub")
	expires, hasExpiry := c.time("exp")
	starts, hasStart := c.time("nbf")
	switch {
	case c.text("iss") != issuer:
		return Caller{}, refused("its issuer is not accepted here")
	case !slices.ContainsFunc(c.texts("aud"), func(to string) bool { return slices.Contains(v.audiences, to) }):
		return Caller{}, refused("it is for another audience")
	case !hasExpiry || !now.Before(expires):
		return Caller{}, refused("it has expired")
	case hasStart && now.Add(leeway).Before(starts), c["nbf"] != nil && !hasStart:
		return Caller{}, refused("it is not valid yet")
	case !c.isAccess(head.typ):
		return Caller{}, refused("it is an ID token or another token, and not an access token")
	case subject == "" || len(subject) > maxSubject || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		return Caller{}, refused("its subject is missing, too long or has control characters")
	}
	return Caller{Principal: Principal(issuer, subject), Scopes: v.scopes(c), Expires: expires}, nil
}

// separator separates the issuer from the subject in a principal.
const separator = "|"

// Principal returns the principal of a subject of an issuer.
func Principal(issuer, subject string) string { return issuer + separator + subject }

// scopes returns the scopes of a token that are known here.
func (v *Verifier) scopes(c claims) tools.Scopes {
	var given []string
	if v.settings.RolesClaim != "" {
		given = c.at(v.settings.RolesClaim)
	} else {
		given = append(c.texts("scope"), c.texts("scp")...)
	}
	scopes := tools.Scopes{}
	for _, value := range given {
		for _, scope := range append(v.settings.Scopes[value], value) {
			if _, err := tools.ParseScopes([]string{scope}); err == nil && isScope(scope) && !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// isScope reports whether a text may be a scope in a header (RFC 6749, section
// 3.3).
func isScope(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

// claims are a JSON object. Unlike encoding/json, names are compared exactly.
type claims map[string]json.RawMessage

func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// texts returns a claim that is a list of texts, or one text with spaces.
func (c claims) texts(name string) []string {
	var list []string
	if json.Unmarshal(c[name], &list) == nil {
		return list
	}
	if name == "aud" {
		return []string{c.text(name)}
	}
	return strings.Fields(c.text(name))
}

// at returns a claim of this name, or the one that dots lead to.
func (c claims) at(path string) []string {
	if c[path] != nil {
		return c.texts(path)
	}
	first, rest, found := strings.Cut(path, ".")
	var inner claims
	if !found || json.Unmarshal(c[first], &inner) != nil {
		return nil
	}
	return inner.at(rest)
}

// time returns a claim that is a time.
func (c claims) time(name string) (time.Time, bool) {
	var seconds float64
	if raw := bytes.TrimSpace(c[name]); len(raw) == 0 || raw[0] == 'n' || json.Unmarshal(raw, &seconds) != nil {
		return time.Time{}, false
	}
	const latest = 1 << 40
	if seconds < 0 || seconds > latest {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// isAccess reports whether a token is an access token. The type at+jwt says so
// (RFC 9068). Others have to show it, because an ID token has the same issuer and
// may have the same audience.
func (c claims) isAccess(typ string) bool {
	if kind := c.text("typ"); kind != "" && !strings.EqualFold(kind, "Bearer") {
		return false // Keycloak's name of the kind
	}
	if use := c.text("token_use"); use != "" && use != "access" {
		return false // Cognito's name of the kind
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return c[name] != nil })
	}
	if has("events") {
		return false // a logout token
	}
	if typ == "at+jwt" {
		return true
	}
	return !has("nonce", "at_hash", "c_hash", "s_hash") && has("scope", "scp", "client_id", "appid", "azpacr", "token_use", "typ")
}
