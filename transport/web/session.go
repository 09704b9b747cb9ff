package web

import (
	"crypto/sha256"
	"net"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/tools"
)

// cookieName returns the name of the cookie. Cookies are shared by all ports of a
// host, so the name has the port.
func cookieName(r *http.Request, secure bool) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
		if secure {
			port = "443"
		}
	}
	if secure {
		return "__Host-chainwright-" + port
	}
	return "chainwright-" + port
}

// cookies returns the values of the cookies that may be those of a login. Behind
// a proxy the request does not say whether the browser used TLS.
func cookies(r *http.Request) []string {
	var values []string
	for _, secure := range []bool{true, false} {
		if cookie, err := r.Cookie(cookieName(r, secure)); err == nil {
			values = append(values, cookie.Value)
		}
	}
	return values
}

// loggedIn returns the login of a request. A login by token has what the token
// allows now, and ends with the token.
func (p *Page) loggedIn(r *http.Request) (login, bool) {
	for _, value := range cookies(r) {
		one, ok := p.logins.find(value, r.Host)
		if !ok {
			continue
		}
		if one.way == byToken {
			if one.principal, one.scopes, ok = p.edge.Caller(one.token); !ok {
				p.logins.remove(value)
				continue
			}
		}
		return one, true
	}
	return login{}, false
}

// sessionInfo is what the page has to know about the one who looks at it.
type sessionInfo struct {
	// Open means that no login is needed. Way is how the person has logged in.
	Open bool `json:"open"`
	// Accounts says that people can log in with an account.
	Accounts  bool   `json:"accounts,omitempty"`
	Way       string `json:"way,omitempty"`
	Principal string `json:"principal,omitempty"`
	Version   string `json:"version,omitempty"`
	ReadOnly  bool   `json:"read_only"`
	Confirm   string `json:"confirm,omitempty"`
	// May says which things this person may do.
	May map[string]bool `json:"may,omitempty"`
}

// session answers who is logged in.
func (p *Page) session(w http.ResponseWriter, r *http.Request) {
	if !sameSite(w, r) {
		return
	}
	one, ok := p.loggedIn(r)
	if !ok && !p.edge.Open {
		reply(w, http.StatusOK, sessionInfo{Accounts: p.edge.Authorize != nil})
		return
	}
	ctx := p.callerOf(r, one).Context()
	scopes := one.scopes
	published := func(tool string) bool {
		found, ok := p.opts.Set.Lookup(tool)
		if ok {
			_, ok = p.opts.Set.Narrowed(found, tools.CallerFrom(ctx).Narrow)
		}
		return ok && scopes.Allow(p.opts.Set.Needs(scopes, tool, nil)...)
	}
	reply(w, http.StatusOK, sessionInfo{
		Open: p.edge.Open, Way: one.way, Principal: one.principal, Version: p.opts.Version,
		ReadOnly: p.opts.Set.ReadOnly(ctx), Confirm: p.opts.Set.ConfirmPolicy(),
		May: map[string]bool{
			"run": published(tools.RunTaskTree), "cancel": published(tools.CancelRun), "retry": published(tools.RetryRun),
			"answer":   ok && scopes.Allow(tools.ScopeApprove),
			"schedule": p.maySchedule(ok, scopes),
		},
	})
}

// maxToken is the longest token or code in bytes.
const maxToken = 4096

// login exchanges a one-time code or a token for a cookie.
func (p *Page) login(w http.ResponseWriter, r *http.Request) {
	if !fromPage(w, r) {
		return
	}
	if !p.edge.MayGuess() {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "too many attempts to log in", "wait a second")
		return
	}
	var given struct{ Code, Token string }
	if !readBody(w, r, maxToken, &given) {
		return
	}
	one := &login{host: r.Host}
	switch {
	case given.Code != "":
		if !p.logins.redeem(given.Code) {
			refuse(w, http.StatusUnauthorized, "the link is not valid: it can be used once, within five minutes, and only for the server that printed it",
				"print another one, or log in with a token")
			return
		}
		one.way, one.principal = byLink, p.edge.LinkPrincipal
	default:
		one.way, one.token = byToken, sha256.Sum256([]byte(strings.TrimSpace(given.Token)))
		var ok bool
		if one.principal, one.scopes, ok = p.edge.Caller(one.token); !ok || given.Token == "" {
			refuse(w, http.StatusUnauthorized, "this is not a token of this server", "")
			return
		}
	}
	for _, value := range cookies(r) {
		p.logins.remove(value)
	}
	secure := r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https:")
	setCookie(w, r, secure, p.logins.add(one), 0)
	p.opts.Log.Info().Str("way", one.way).Str("principal", one.principal).Str("remote", r.RemoteAddr).Msg("a person has logged in to the page")
	reply(w, http.StatusOK, map[string]string{"way": one.way})
}

// logout ends the login.
func (p *Page) logout(w http.ResponseWriter, r *http.Request) {
	if !fromPage(w, r) {
		return
	}
	for _, value := range cookies(r) {
		p.logins.remove(value)
	}
	setCookie(w, r, false, "", -1)
	setCookie(w, r, true, "", -1)
	reply(w, http.StatusOK, map[string]bool{"ended": true})
}

func setCookie(w http.ResponseWriter, r *http.Request, secure bool, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, secure), Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode, MaxAge: age,
	})
}
