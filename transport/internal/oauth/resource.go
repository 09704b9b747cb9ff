package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

// WellKnown is where the description of a resource is (RFC 9728).
const WellKnown = "/.well-known/oauth-protected-resource"

// challenged are the scopes that clients are told to ask for at first. They get
// others when a call needs them.
var challenged = []string{tools.ScopeToolsRead, tools.ScopeToolsCall, tools.ScopeRunsRead}

// describe sets where the description is. The part of the path that the proxy in
// front of the server adds comes after the well-known one, and may be left out.
func (v *Verifier) describe(resource *url.URL) {
	at := *resource
	at.Path = WellKnown + resource.Path
	v.metadata = at.String()
	v.paths = []string{WellKnown, WellKnown + v.settings.Path, at.Path}
}

// Describe returns in words what is accepted.
func (v *Verifier) Describe() string {
	return fmt.Sprintf("tokens for %s (audience: %s), signed with %s; scopes from %s",
		v.resource, strings.Join(v.audiences, " or "), strings.Join(v.settings.algorithms(), ", "), v.settings.claimName())
}

// description is the description of the resource.
type description struct {
	Resource string   `json:"resource"`
	Name     string   `json:"resource_name"`
	Issuers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported,omitempty"`
	Methods  []string `json:"bearer_methods_supported"`
}

// ServeHTTP answers with the description of the resource, which is public. It is
// served at WellKnown and below.
func (v *Verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(v.paths, r.URL.Path) {
		http.Error(w, "there is no such resource; MCP is at "+v.resource, http.StatusNotFound)
		return
	}
	about := description{Resource: v.resource, Name: "Chainwright", Issuers: v.settings.Issuers, Methods: []string{"header"}}
	if v.settings.RolesClaim == "" {
		about.Scopes = tools.PlainScopes()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(plainjson.Must(about))
}

// Challenge returns the value of WWW-Authenticate for a request without a token
// that is accepted. The reason is empty if it has none.
func (v *Verifier) Challenge(reason string) string {
	var parts []string
	if reason != "" {
		parts = append(parts, `error="invalid_token"`, `error_description="the token is refused: `+reason+`"`)
	}
	return v.challenge(parts, challenged)
}

// Insufficient returns the value of WWW-Authenticate for a caller without the
// needed scopes. Clients ask for a new token with the scopes in it, so those that
// the caller has are there too.
func (v *Verifier) Insufficient(has tools.Scopes, needed []string) string {
	all := slices.Concat(needed, has)
	seen := map[string]bool{}
	all = slices.DeleteFunc(all, func(scope string) bool {
		again := seen[scope]
		seen[scope] = true
		return again
	})
	return v.challenge([]string{`error="insufficient_scope"`}, all)
}

func (v *Verifier) challenge(parts, scopes []string) string {
	parts = append(parts, `resource_metadata="`+v.metadata+`"`)
	if v.settings.RolesClaim == "" { // else clients can't ask for scopes
		parts = append(parts, `scope="`+strings.Join(scopes, " ")+`"`)
	}
	return "Bearer " + strings.Join(parts, ", ")
}

// Health is the state of an issuer.
type Health struct {
	Issuer string
	Keys   int
	Err    error
}

// Check reads the metadata and the keys of all issuers. It takes at most 5
// seconds.
func (v *Verifier) Check(ctx context.Context) []Health {
	list := make([]Health, len(v.settings.Issuers))
	done := make(chan struct{}, len(list))
	for n, address := range v.settings.Issuers {
		one := v.issuers[address]
		go func() {
			defer func() { done <- struct{}{} }()
			found, err := one.client.discover(ctx, address)
			list[n] = Health{Issuer: address, Err: err}
			if err == nil {
				list[n].Keys = found.Keys()
			}
		}()
	}
	for range list {
		<-done
	}
	return list
}
