package oauth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/internal/oauth/oauthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	public   = "https://tools.example.com"
	resource = public + "/mcp"
)

// clock is a clock that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func verifier(t *testing.T, s oauth.Settings) *oauth.Verifier {
	t.Helper()
	s.PublicURL, s.Path = public, "/mcp"
	v, err := oauth.New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// Each of these tokens differs from a good one in one thing, and is refused for
// it.
func TestAttacks(t *testing.T) {
	t.Parallel()
	i, other := oauthtest.New(t), oauthtest.New(t)
	time0 := &clock{now: time.Now()}
	v := verifier(t, oauth.Settings{Issuers: []string{i.URL}, Now: time0.Now})
	good := i.Good(resource, "ann", "tools:read", time0.Now())
	head := func(more oauthtest.Claims) oauthtest.Claims {
		return oauthtest.Claims{"alg": "RS256", "typ": "at+jwt", "kid": "one"}.With(more)
	}
	with := func(more oauthtest.Claims) string { return i.Token(good.With(more)) }
	typed := func(typ any, more oauthtest.Claims) string {
		return oauthtest.Sign(t, i.Key("one"), oauthtest.Claims{}.With(oauthtest.Claims{"typ": typ}), good.With(more))
	}
	stranger, at := oauthtest.NewEC("two"), time0.Now()
	der, err := x509.MarshalPKIXPublicKey(i.Key("one").Public())
	if err != nil {
		t.Fatal(err)
	}
	hs := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	parts := strings.Split(i.Token(good), ".")
	jws := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2])
	for name, c := range map[string]struct{ token, reason string }{
		"alg none":                    {oauthtest.Forge(head(oauthtest.Claims{"alg": "none"}), good, func([]byte) []byte { return []byte("x") }), "algorithm"},
		"alg none, no signature":      {oauthtest.Forge(head(oauthtest.Claims{"alg": "none"}), good, func([]byte) []byte { return nil }), "not a signed JWT"},
		"alg NoNe":                    {oauthtest.Forge(head(oauthtest.Claims{"alg": "NoNe"}), good, func([]byte) []byte { return []byte("x") }), "algorithm"},
		"alg missing":                 {oauthtest.Forge(head(oauthtest.Claims{"alg": nil}), good, func([]byte) []byte { return []byte("x") }), "algorithm"},
		"HS256 with the public key":   {oauthtest.Forge(head(oauthtest.Claims{"alg": "HS256"}), good, hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))), "algorithm"},
		"RS256 that is HMAC":          {oauthtest.Forge(head(nil), good, hs(der)), "signature"},
		"PS256 by a key for RS256":    {oauthtest.Sign(t, oauthtest.Key{ID: "one", Alg: "PS256", Signer: i.Key("one").Signer}, oauthtest.Claims{"typ": "at+jwt"}, good), "signature"},
		"signed by another key":       {oauthtest.Sign(t, stranger, oauthtest.Claims{"typ": "at+jwt"}, good), "signature"},
		"a key in the header":         {oauthtest.Sign(t, stranger, oauthtest.Claims{"typ": "at+jwt", "jwk": oauthtest.Public(stranger)[0]}, good), "signature"},
		"a key's address":             {oauthtest.Sign(t, stranger, oauthtest.Claims{"typ": "at+jwt", "jku": other.URL + "/keys"}, good), "signature"},
		"an unknown kid":              {oauthtest.Sign(t, i.Key("one"), oauthtest.Claims{"typ": "at+jwt", "kid": "../../one"}, good), "signature"},
		"another's signature":         {parts[0] + "." + parts[1] + "." + strings.Split(with(nil), ".")[1], "signature"},
		"changed claims":              {parts[0] + "." + strings.Split(with(oauthtest.Claims{"sub": "root"}), ".")[1] + "." + parts[2], "signature"},
		"extensions of the header":    {oauthtest.Forge(head(oauthtest.Claims{"crit": []string{"b64"}, "b64": false}), good, hs(der)), "extensions"},
		"JSON form":                   {jws, "not a signed JWT"},
		"two signatures":              {i.Token(good) + "." + parts[2], "not a signed JWT"},
		"encrypted":                   {i.Token(good) + "..", "not a signed JWT"},
		"empty parts":                 {"..", "not a signed JWT"},
		"padding":                     {parts[0] + "=." + parts[1] + "." + parts[2], "not a signed JWT"},
		"a line break":                {parts[0] + "\n." + parts[1] + "." + parts[2], "not a signed JWT"},
		"claims that are a list":      {parts[0] + ".W10." + parts[2], "not a signed JWT"},
		"16 KiB":                      {with(oauthtest.Claims{"x": strings.Repeat("x", 16<<10)}), "longer"},
		"wrong audience":              {with(oauthtest.Claims{"aud": "https://other.example/mcp"}), "audience"},
		"audience without the path":   {with(oauthtest.Claims{"aud": public}), "audience"},
		"audience with a slash":       {with(oauthtest.Claims{"aud": resource + "/"}), "audience"},
		"audiences of others":         {with(oauthtest.Claims{"aud": []string{"a", "b"}}), "audience"},
		"no audience":                 {with(oauthtest.Claims{"aud": nil}), "audience"},
		"audience in another case":    {with(oauthtest.Claims{"aud": nil, "Aud": resource}), "audience"},
		"expired":                     {with(oauthtest.Claims{"exp": at.Add(-time.Second).Unix()}), "expired"},
		"expires now":                 {with(oauthtest.Claims{"exp": at.Unix()}), "expired"},
		"no expiry":                   {with(oauthtest.Claims{"exp": nil}), "expired"},
		"expiry 0":                    {with(oauthtest.Claims{"exp": 0}), "expired"},
		"expiry in another case":      {with(oauthtest.Claims{"exp": nil, "EXP": at.Add(time.Hour).Unix()}), "expired"},
		"expiry too far":              {with(oauthtest.Claims{"exp": 1e30}), "expired"},
		"not yet":                     {with(oauthtest.Claims{"nbf": at.Add(2 * time.Minute).Unix()}), "not valid yet"},
		"not in the next hour":        {with(oauthtest.Claims{"nbf": at.Add(time.Hour).Unix()}), ""},
		"another issuer":              {other.Token(good.With(oauthtest.Claims{"iss": other.URL})), "issuer"},
		"our name by another issuer":  {oauthtest.Sign(t, other.Key("two"), oauthtest.Claims{"typ": "at+jwt"}, good), "signature"},
		"no issuer":                   {with(oauthtest.Claims{"iss": nil}), "issuer"},
		"issuer with a slash":         {with(oauthtest.Claims{"iss": i.URL + "/"}), "issuer"},
		"issuer in another case":      {with(oauthtest.Claims{"iss": nil, "Iss": i.URL}), "issuer"},
		"no subject":                  {with(oauthtest.Claims{"sub": nil}), "subject"},
		"a subject of other type":     {with(oauthtest.Claims{"sub": 7}), ""},
		"a long subject":              {with(oauthtest.Claims{"sub": strings.Repeat("x", 513)}), "subject"},
		"control characters":          {with(oauthtest.Claims{"sub": "a\x00b"}), "subject"},
		"no type":                     {typed(nil, nil), "type"},
		"type of an ID token":         {typed("id+jwt", nil), "type"},
		"type of a logout token":      {typed("logout+jwt", nil), "type"},
		"type of a DPoP proof":        {typed("dpop+jwt", nil), "type"},
		"ID token":                    {typed("JWT", oauthtest.Claims{"scope": nil, "client_id": nil}), "ID token"},
		"ID token with a nonce":       {typed("JWT", oauthtest.Claims{"nonce": "n"}), "ID token"},
		"ID token with at_hash":       {typed("JWT", oauthtest.Claims{"at_hash": "h"}), "ID token"},
		"Keycloak's ID token":         {typed("JWT", oauthtest.Claims{"typ": "ID"}), "ID token"},
		"Keycloak's refresh token":    {typed("JWT", oauthtest.Claims{"typ": "Refresh"}), "ID token"},
		"Keycloak's ID token, at+jwt": {with(oauthtest.Claims{"typ": "ID"}), "ID token"},
		"Cognito's ID token":          {typed("JWT", oauthtest.Claims{"token_use": "id"}), "ID token"},
		"logout token":                {typed("JWT", oauthtest.Claims{"events": map[string]any{}}), "ID token"},
	} {
		caller, err := v.Verify(t.Context(), c.token)
		var no *oauth.RefusedError
		if !errors.As(err, &no) || !strings.Contains(no.Reason, c.reason) || caller.Principal != "" || strings.ContainsFunc(no.Reason, func(r rune) bool { return r < ' ' || r > '~' || r == '"' }) {
			t.Errorf("%s: %+v, %v", name, caller, err)
		}
	}
}

// Good tokens of all forms are accepted, with the principal and the scopes.
func TestAccepted(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	now := time.Now()
	good := i.Good(resource, "ann", "openid tools:read tools:call tools:read unknown", now)
	sign := func(key, typ string, more oauthtest.Claims) string {
		return oauthtest.Sign(t, i.Key(key), oauthtest.Claims{"typ": typ}, good.With(more))
	}
	for name, c := range map[string]struct {
		settings oauth.Settings
		token    string
		scopes   string
	}{
		"RS256":                 {token: i.Token(good), scopes: "tools:read tools:call"},
		"ES256":                 {token: sign("two", "at+jwt", nil), scopes: "tools:read tools:call"},
		"type with its prefix":  {token: sign("two", "application/AT+JWT", nil), scopes: "tools:read tools:call"},
		"plain JWT":             {token: sign("one", "JWT", nil), scopes: "tools:read tools:call"},
		"Keycloak's":            {token: sign("one", "JWT", oauthtest.Claims{"typ": "Bearer"}), scopes: "tools:read tools:call"},
		"no kid":                {token: sign("one", "at+jwt", nil), scopes: "tools:read tools:call"},
		"audiences":             {token: sign("one", "JWT", oauthtest.Claims{"aud": []string{"a", resource}}), scopes: "tools:read tools:call"},
		"a bit early":           {token: sign("one", "JWT", oauthtest.Claims{"nbf": now.Add(30 * time.Second).Unix()}), scopes: "tools:read tools:call"},
		"scp as a list":         {token: sign("one", "JWT", oauthtest.Claims{"scope": nil, "scp": []string{"runs:read", "tool:rest_executor"}}), scopes: "runs:read tool:rest_executor"},
		"scp as a text":         {token: sign("one", "JWT", oauthtest.Claims{"scope": nil, "scp": "runs:read approve"}), scopes: "runs:read approve"},
		"no scopes":             {token: sign("one", "at+jwt", oauthtest.Claims{"scope": nil}), scopes: ""},
		"a scope for a header":  {token: sign("one", "at+jwt", oauthtest.Claims{"scope": nil, "scp": []string{`tool:x", realm="y`, "tool:a b", "approve"}}), scopes: "approve"},
		"other audience":        {oauth.Settings{Audiences: []string{"api", "tools"}}, sign("one", "JWT", oauthtest.Claims{"aud": "tools"}), "tools:read tools:call"},
		"roles":                 {oauth.Settings{RolesClaim: "realm_access.roles"}, sign("one", "JWT", oauthtest.Claims{"realm_access": map[string]any{"roles": []string{"approve", "user"}}}), "approve"},
		"roles of a name":       {oauth.Settings{RolesClaim: "https://a.example/roles"}, sign("one", "JWT", oauthtest.Claims{"https://a.example/roles": []string{"metrics"}}), "metrics"},
		"roles are missing":     {oauth.Settings{RolesClaim: "realm_access.roles"}, sign("one", "JWT", nil), ""},
		"roles that stand for":  {oauth.Settings{RolesClaim: "groups", Scopes: map[string][]string{"ops": {"tools:read", "approve"}}}, sign("one", "JWT", oauthtest.Claims{"groups": []string{"ops", "runs:read"}}), "tools:read approve runs:read"},
		"scope that stands for": {oauth.Settings{Scopes: map[string][]string{"unknown": {"trees:write"}}}, i.Token(good), "tools:read tools:call trees:write"},
	} {
		c.settings.Issuers = []string{i.URL}
		v := verifier(t, c.settings)
		for range 2 { // from the cache too
			caller, err := v.Verify(t.Context(), c.token)
			if err != nil || caller.Principal != i.URL+"|ann" || strings.Join(caller.Scopes, " ") != c.scopes || caller.Scopes == nil || caller.Expires.Unix() != now.Add(time.Hour).Unix() {
				t.Errorf("%s: %+v, %v", name, caller, err)
			}
		}
	}
}

// A verified token is not verified again for a minute, and not after it has
// expired.
func TestCache(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	time0 := &clock{now: time.Now().Truncate(time.Second)}
	v := verifier(t, oauth.Settings{Issuers: []string{i.URL}, Now: time0.Now})
	long := i.Token(i.Good(resource, "ann", "", time0.Now()).With(oauthtest.Claims{"exp": time0.Now().Add(100 * time.Hour).Unix()}))
	short := i.Token(i.Good(resource, "ann", "", time0.Now()).With(oauthtest.Claims{"exp": time0.Now().Add(20 * time.Second).Unix()}))
	check := func(when, token string, want bool) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	check("long", long, true)
	check("short", short, true)
	i.SetKeys(oauthtest.NewEC("new"))
	time0.add(19 * time.Second)
	check("short, before its end", short, true)
	time0.add(time.Second)
	check("short, at its end", short, false)
	check("long, in the cache", long, true)
	for range 31 { // the keys are read again in the background after some minutes, and are not used after an hour
		time0.add(2 * time.Minute)
		if _, err := v.Verify(t.Context(), long); err != nil {
			return
		}
	}
	t.Error("a key that the issuer has withdrawn is still accepted")
}

// Keys are read when the first token needs them, once for all that wait, and
// again for a new key. Made-up keys do not make this server flood the issuer.
func TestKeysAreReadWhenNeeded(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	time0 := &clock{now: time.Now()}
	v := verifier(t, oauth.Settings{Issuers: []string{i.URL}, Now: time0.Now})
	if n := i.Reads(); n != 0 {
		t.Errorf("the keys were read %d times at the start", n)
	}
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), i.Token(i.Good(resource, fmt.Sprint(n), "", time0.Now()))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := i.Reads(); n != 1 {
		t.Errorf("the keys were read %d times for 50 tokens", n)
	}
	third := oauthtest.NewEC("three")
	made := oauthtest.Sign(t, third, oauthtest.Claims{"typ": "at+jwt"}, i.Good(resource, "ann", "", time0.Now()))
	for range 50 {
		if _, err := v.Verify(t.Context(), made); err == nil {
			t.Fatal("a made-up key was accepted")
		}
	}
	if n := i.Reads(); n != 1 {
		t.Errorf("the keys were read %d times for made-up keys", n)
	}
	i.SetKeys(i.Key("two"), third) // rotated
	time0.add(5 * time.Second)
	if _, err := v.Verify(t.Context(), made); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if n := i.Reads(); n != 2 {
		t.Errorf("the keys were read %d times", n)
	}
	time0.add(2 * time.Minute)
	if _, err := v.Verify(t.Context(), oauthtest.Sign(t, oauthtest.NewRSA("one"), oauthtest.Claims{"typ": "at+jwt"}, i.Good(resource, "ann", "", time0.Now()))); err == nil {
		t.Error("the old key is accepted after the rotation")
	}
}

// Settings that contradict each other or can't work are refused, all at once.
func TestSettings(t *testing.T) {
	t.Parallel()
	const issuer = "https://login.example.com"
	for want, s := range map[string]oauth.Settings{
		"needs http.public_url":                  {Issuers: []string{issuer}},
		"names no server":                        {PublicURL: public, Audiences: []string{"x"}},
		"http.public_url must begin with https":  {PublicURL: "http://tools.example.com", Issuers: []string{issuer}},
		"http.public_url must be a complete":     {PublicURL: "tools.example.com", Issuers: []string{issuer}},
		"without /mcp":                           {PublicURL: resource, Issuers: []string{issuer}},
		"no query":                               {PublicURL: public + "?x", Issuers: []string{issuer}},
		"the path of http.public_url":            {PublicURL: public + "/{x}", Issuers: []string{issuer}},
		"oauth.issuers[1] must begin with https": {PublicURL: public, Issuers: []string{issuer, "http://login.example.com"}},
		"oauth.issuers[0] must be a complete":    {PublicURL: public, Issuers: []string{"login"}},
		"is there twice":                         {PublicURL: public, Issuers: []string{issuer, issuer}},
		`got "HS256"`:                            {PublicURL: public, Issuers: []string{issuer}, Algorithms: []string{"RS256", "HS256"}},
		`got "none"`:                             {PublicURL: public, Issuers: []string{issuer}, Algorithms: []string{"none"}},
		"empty entry":                            {PublicURL: public, Issuers: []string{issuer}, Audiences: []string{""}},
		"oauth.scopes.ops: there is no scope":    {PublicURL: public, Issuers: []string{issuer}, Scopes: map[string][]string{"ops": {"all"}}},
		"oauth.scopes.ops: the list is empty":    {PublicURL: public, Issuers: []string{issuer}, Scopes: map[string][]string{"ops": {}}},
		"oauth.ca_file has no certificate":       {PublicURL: public, Issuers: []string{issuer}, CA: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }},
	} {
		s.Path = "/mcp"
		if _, err := oauth.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
