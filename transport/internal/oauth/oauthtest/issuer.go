// Package oauthtest is an OAuth issuer for tests. It makes good and bad tokens.
package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Issuer is an issuer on loopback with its metadata and keys.
type Issuer struct {
	URL string
	// Path is the path of the metadata; empty: that of OpenID Connect.
	Path string

	t      testing.TB
	mu     sync.Mutex
	keys   []Key
	named  string // the issuer in the metadata
	answer http.HandlerFunc
	reads  int
	codes  map[string]code
}

// code is what a code is exchanged for.
type code struct{ challenge, token string }

// Code returns a code for a login with this challenge of PKCE. It is exchanged for
// the token, once.
func (i *Issuer) Code(challenge, token string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	text := rand.Text()
	if i.codes == nil {
		i.codes = map[string]code{}
	}
	i.codes[text] = code{challenge, token}
	return text
}

// exchange answers at the token endpoint.
func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	one, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != one.challenge || r.FormValue("grant_type") != "authorization_code" || r.FormValue("client_id") == "" {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	i.write(w, map[string]any{"access_token": one.token, "token_type": "Bearer", "expires_in": 600})
}

// Key is a private key with its id.
type Key struct {
	ID  string
	Alg jose.SignatureAlgorithm
	crypto.Signer
}

// Claims are the claims or the header of a token.
type Claims map[string]any

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// NewRSA returns the RSA key of this process under an id.
func NewRSA(id string) Key { return Key{id, jose.RS256, rsaKey()} }

// NewEC returns a new key on P-256.
func NewEC(id string) Key {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{id, jose.ES256, key}
}

// New starts an issuer with an RSA key "one" and an EC key "two".
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, keys: []Key{NewRSA("one"), NewEC("two")}, Path: "/.well-known/openid-configuration"}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.URL, i.named = server.URL, server.URL
	return i
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	named, answer, keys := i.named, i.answer, i.keys
	if r.URL.Path == "/keys" {
		i.reads++
	}
	i.mu.Unlock()
	switch {
	case answer != nil && r.URL.Path == "/keys":
		answer(w, r)
	case r.URL.Path == "/token":
		i.exchange(w, r)
	case r.URL.Path == "/keys":
		i.write(w, map[string]any{"keys": Public(keys...)})
	case r.URL.Path == i.Path:
		i.write(w, map[string]any{
			"issuer": named, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		})
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(plainjson.Must(v))
}

// Public returns the public keys as JWKs.
func Public(keys ...Key) []any {
	var list []any
	for _, key := range keys {
		list = append(list, jose.JSONWebKey{Key: key.Public(), KeyID: key.ID, Algorithm: string(key.Alg), Use: "sig"})
	}
	return list
}

// SetKeys sets the keys that the issuer shows.
func (i *Issuer) SetKeys(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Key returns a key of the issuer.
func (i *Issuer) Key(id string) Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.keys {
		if key.ID == id {
			return key
		}
	}
	i.t.Fatalf("there is no key %q", id)
	return Key{}
}

// SetName sets the issuer that the metadata names.
func (i *Issuer) SetName(issuer string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.named = issuer
}

// Answer sets what answers instead of the keys; nil: the keys.
func (i *Issuer) Answer(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// Reads returns how often the keys were read.
func (i *Issuer) Reads() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

// Good returns the claims of a good access token.
func (i *Issuer) Good(audience, subject, scope string, now time.Time) Claims {
	return Claims{
		"iss": i.URL, "sub": subject, "aud": audience, "scope": scope, "client_id": "client", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token returns an access token of these claims, signed with the key "one".
func (i *Issuer) Token(c Claims) string { return Sign(i.t, i.Key("one"), Claims{"typ": "at+jwt"}, c) }

// With returns a copy with other values. Nil removes a claim.
func (c Claims) With(more Claims) Claims {
	c = maps.Clone(c)
	for name, value := range more {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// Sign returns a token with a header and claims. The header may override alg and
// kid.
func Sign(t testing.TB, key Key, header, c Claims) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
	}
	if _, ok := header["kid"]; !ok {
		options.ExtraHeaders["kid"] = key.ID
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.Alg, Key: key.Signer}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(plainjson.Must(c))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Forge returns a token with exactly this header, these claims and this
// signature, which sign makes of the signed text.
func Forge(header, c Claims, sign func(input []byte) []byte) string {
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(plainjson.Must(v)) }
	input := part(header) + "." + part(c)
	return fmt.Sprintf("%s.%s", input, base64.RawURLEncoding.EncodeToString(sign([]byte(input))))
}
