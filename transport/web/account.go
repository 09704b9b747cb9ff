package web

import (
	"crypto/sha256"
	"net/http"
	"time"
)

// begun is a login with an account that has begun.
type begun struct {
	verifier string // the secret of PKCE
	until    time.Time
}

const (
	// accountTime is how long a person has to log in at the issuer.
	accountTime = 10 * time.Minute
	// mostBegun is the number of logins that may have begun.
	mostBegun = 1000
	// verifierBytes are the random bytes of the secret of PKCE.
	verifierBytes = 32
)

// begin returns the state and the verifier of a new login. It reports false if
// too many have begun.
func (l *logins) begin() (state, verifier string, ok bool) {
	state, hash := secret(verifierBytes)
	verifier, _ = secret(verifierBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for key, one := range l.begun {
		if !now.Before(one.until) {
			delete(l.begun, key)
		}
	}
	if len(l.begun) >= mostBegun {
		return "", "", false
	}
	if l.begun == nil {
		l.begun = map[digest]begun{}
	}
	l.begun[hash] = begun{verifier, now.Add(accountTime)}
	return state, verifier, true
}

// end uses a state up, and returns its verifier.
func (l *logins) end(state string) (verifier string, ok bool) {
	hash := sha256.Sum256([]byte(state))
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.begun[hash]
	delete(l.begun, hash)
	return one.verifier, ok && l.now().Before(one.until)
}

// stateName returns the name of the cookie that binds a login to its browser.
func stateName(r *http.Request, secure bool) string { return cookieName(r, secure) + "-login" }

func (p *Page) setState(w http.ResponseWriter, r *http.Request, value string, age int) {
	secure := p.edge.TLS
	http.SetCookie(w, &http.Cookie{ // lax, because the issuer's page sends the browser back
		Name: stateName(r, secure), Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode, MaxAge: age,
	})
}

// toAccount sends a person to the issuer.
func (p *Page) toAccount(w http.ResponseWriter, r *http.Request) {
	if !p.mayAccount(w, r) {
		return
	}
	state, verifier, ok := p.logins.begin()
	if !ok {
		w.Header().Set("Retry-After", "60")
		refuse(w, http.StatusTooManyRequests, "too many people are logging in", "wait a minute")
		return
	}
	at, err := p.edge.Authorize(r.Context(), state, verifier)
	if err != nil {
		p.opts.Log.Warn().Err(err).Msg("a person can't log in to the page with an account")
		p.backFrom(w, r, "unavailable")
		return
	}
	p.setState(w, r, state, int(accountTime/time.Second))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, at, http.StatusSeeOther)
}

// fromAccount logs in the person that the issuer sends back.
func (p *Page) fromAccount(w http.ResponseWriter, r *http.Request) {
	if !p.mayAccount(w, r) {
		return
	}
	query := r.URL.Query()
	state := query.Get("state")
	bound := false
	for _, secure := range []bool{true, false} {
		cookie, err := r.Cookie(stateName(r, secure))
		bound = bound || err == nil && state != "" && cookie.Value == state
	}
	p.setState(w, r, "", -1)
	verifier, ok := p.logins.end(state)
	code := query.Get("code")
	if !bound || !ok || code == "" {
		p.opts.Log.Info().Bool("same_browser", bound).Bool("in_time", ok).Bool("code", code != "").Msg("a login to the page with an account did not come back as it began")
		p.backFrom(w, r, "refused")
		return
	}
	account, err := p.edge.Exchange(r.Context(), code, verifier, query.Get("iss"))
	if err != nil {
		p.opts.Log.Warn().Err(err).Msg("a login to the page with an account was refused")
		p.backFrom(w, r, "refused")
		return
	}
	for _, value := range cookies(r) {
		p.logins.remove(value)
	}
	one := &login{way: byAccount, principal: account.Principal, scopes: account.Scopes, expires: account.Expires, host: r.Host}
	setCookie(w, r, p.edge.TLS, p.logins.add(one), 0)
	p.opts.Log.Info().Str("way", one.way).Str("principal", one.principal).Str("remote", r.RemoteAddr).Msg("a person has logged in to the page")
	p.backFrom(w, r, "")
}

// mayAccount refuses a request if there are no accounts, or too many attempts.
func (p *Page) mayAccount(w http.ResponseWriter, _ *http.Request) bool {
	switch {
	case p.edge.Authorize == nil:
		refuse(w, http.StatusNotFound, "people do not log in with accounts here", "the setting oauth.page_client_id")
	case !p.edge.MayGuess():
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "too many attempts to log in", "wait a second")
	default:
		return true
	}
	return false
}

// backFrom sends the browser to the page, with the reason why nobody has logged
// in. The address is relative, because a proxy may serve the page below a path.
func (p *Page) backFrom(w http.ResponseWriter, r *http.Request, failed string) {
	at := "../../"
	if failed != "" {
		at += "#account=" + failed
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", at)
	w.WriteHeader(http.StatusSeeOther)
}
