package oauth

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/oauth2"

	"github.com/chainwright/chainwright/tools"
)

// CallbackPath is where the issuer sends people back to.
const CallbackPath = "/api/login/callback"

// LogsIn reports whether people can log in to the page with an account of the
// first issuer.
func (v *Verifier) LogsIn() bool { return v.settings.PageClientID != "" }

// TLS reports whether browsers reach the page over TLS.
func (v *Verifier) TLS() bool { return strings.HasPrefix(v.resource, "https:") }

// Authorize returns the address at which a person logs in. state comes back
// with the code, and verifier is the secret of PKCE.
func (v *Verifier) Authorize(ctx context.Context, state, verifier string) (string, error) {
	client, _, err := v.pageClient(ctx)
	if err != nil {
		return "", err
	}
	return client.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("resource", v.resource)), nil
}

// Exchange returns the caller of a code that the issuer has sent back. from is the
// issuer that came with the code (RFC 9207); empty: none did.
func (v *Verifier) Exchange(ctx context.Context, code, verifier, from string) (Caller, error) {
	client, issuer, err := v.pageClient(ctx)
	if err != nil {
		return Caller{}, err
	}
	if from != "" && from != issuer.url {
		return Caller{}, refused("another issuer has sent it")
	}
	ctx, done := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, issuer.client.http), verifyWait)
	defer done()
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("resource", v.resource))
	if err != nil {
		v.settings.Log.Warn().Err(err).Str("issuer", issuer.url).Msg("an issuer gives no token for a login to the page")
		return Caller{}, refused("the issuer gives none for this login")
	}
	return v.Verify(ctx, token.AccessToken)
}

// pageClient returns the client of the page at the first issuer.
func (v *Verifier) pageClient(ctx context.Context) (*oauth2.Config, *issuer, error) {
	issuer := v.issuers[v.settings.Issuers[0]].issuer
	ctx, done := context.WithTimeout(ctx, verifyWait)
	defer done()
	state, err := issuer.discovered(ctx)
	if err != nil {
		return nil, nil, &UnavailableError{err}
	}
	for _, each := range []string{state.Authorize, state.Token} {
		if err := checkURL(each); err != nil {
			return nil, nil, &UnavailableError{fmt.Errorf("the metadata of %s: an endpoint %w", issuer.url, err)}
		}
	}
	scopes := []string{"openid"}
	if v.settings.RolesClaim == "" {
		scopes = []string{tools.ScopeToolsRead, tools.ScopeToolsCall, tools.ScopeRunsRead, tools.ScopeRunsWrite, tools.ScopeTreesWrite, tools.ScopeSchedulesWrite, tools.ScopeApprove}
	}
	return &oauth2.Config{
		ClientID: v.settings.PageClientID, RedirectURL: v.settings.pageURL() + CallbackPath, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: state.Authorize, TokenURL: state.Token, AuthStyle: oauth2.AuthStyleInParams},
	}, issuer, nil
}
