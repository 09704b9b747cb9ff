package app

import (
	"io"
	"net"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/internal/http"
	"github.com/chainwright/chainwright/transport/internal/oauth"
)

func (o *OAuth) trusted() policy.Trusted {
	return policy.Trusted{Setting: "oauth.ca_file", Path: o.CAFile}
}

// issued reports whether a principal is one of an accepted issuer.
func (o *OAuth) issued(principal string) bool {
	return o != nil && slices.ContainsFunc(o.Issuers, func(issuer string) bool { return strings.HasPrefix(principal, oauth.Principal(issuer, "")) })
}

// verifier returns what verifies the tokens of OAuth servers; nil: none are
// accepted. The caller must close it.
func (a *App) verifier() (*oauth.Verifier, error) {
	o := a.options.http.OAuth
	if o == nil {
		return nil, nil
	}
	settings := oauth.Settings{
		PublicURL: a.options.http.PublicURL, Path: http.Path, Issuers: o.Issuers, Audiences: o.Audiences, Algorithms: o.Algorithms,
		RolesClaim: o.RolesClaim, Scopes: o.Scopes, PageClientID: o.PageClientID, CheckNames: a.tools.CheckNames, Log: a.options.log,
	}
	if o.CAFile != "" {
		settings.CA = func() (io.ReadCloser, error) { return a.policy.OpenTrusted(o.trusted()) }
	}
	v, err := oauth.New(settings)
	if err != nil {
		return nil, &SettingError{"OAuth", err}
	}
	return v, nil
}

// hosts returns the names that requests may be addressed to.
func (a *App) hosts() ([]string, error) {
	edge := a.options.http
	if edge.PublicURL == "" {
		return edge.Hosts, nil
	}
	public, err := oauth.ParsePublicURL(edge.PublicURL)
	if err != nil {
		return nil, &SettingError{"public address", err}
	}
	host := public.Host
	if public.Port() == "" {
		host = net.JoinHostPort(strings.Trim(host, "[]"), map[string]string{"https": "443", "http": "80"}[public.Scheme])
	}
	return append(slices.Clone(edge.Hosts), public.Host, host), nil
}

// Verifier returns what verifies the tokens of OAuth servers, for doctor; nil:
// none are accepted. The caller must close it.
func (p *Parts) Verifier() (*oauth.Verifier, error) { return p.app.verifier() }
