package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/chainwright/chainwright/tools"
)

const (
	// codeLife is how long a one-time link is valid.
	codeLife = 5 * time.Minute
	// A login ends when it was not used for loginIdle, and after loginLife.
	loginIdle = 12 * time.Hour
	loginLife = 7 * 24 * time.Hour
	// mostLogins is the number of logins. A further one ends the oldest.
	mostLogins = 1000

	codeBytes   = 16
	cookieBytes = 32
)

// The ways to log in.
const (
	byLink    = "link"
	byToken   = "token"
	byAccount = "account"
)

type digest = [sha256.Size]byte

// login is a person who has logged in.
type login struct {
	way       string
	token     digest // of a login by token
	principal string
	scopes    tools.Scopes
	expires   time.Time // of a login with an account
	host      string    // HOST:PORT that the browser has logged in to
	made      time.Time
	used      time.Time
}

// logins are the one-time codes and the logins of this process. Both are kept as
// hashes only.
type logins struct {
	now func() time.Time

	mu    sync.Mutex
	codes map[digest]time.Time // until when each is valid
	begun map[digest]begun     // logins with an account, by their state
	all   map[digest]*login    // by cookie
}

// secret returns a new secret of n random bytes, and its hash.
func secret(n int) (string, digest) {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text, sha256.Sum256([]byte(text))
}

// Code returns the code of a new one-time link. It stands in the fragment of the
// address of the page: /#login=CODE.
func (p *Page) Code() string {
	code, hash := secret(codeBytes)
	l := &p.logins
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.codes == nil {
		l.codes = map[digest]time.Time{}
	}
	l.codes[hash] = l.now().Add(codeLife)
	return code
}

// redeem uses a code up. It reports false if there is none, or its time is over.
func (l *logins) redeem(code string) bool {
	hash := sha256.Sum256([]byte(code))
	l.mu.Lock()
	defer l.mu.Unlock()
	until, ok := l.codes[hash]
	delete(l.codes, hash)
	return ok && l.now().Before(until)
}

// add keeps a login and returns the value of its cookie.
func (l *logins) add(one *login) string {
	value, hash := secret(cookieBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	one.made = l.now()
	one.used = one.made
	if l.all == nil {
		l.all = map[digest]*login{}
	}
	if len(l.all) >= mostLogins {
		var oldest digest
		var at time.Time
		for key, each := range l.all {
			if at.IsZero() || each.used.Before(at) {
				oldest, at = key, each.used
			}
		}
		delete(l.all, oldest)
	}
	l.all[hash] = one
	return value
}

// find returns the login of a cookie, which must come back to the host that it
// was made for.
func (l *logins) find(value, host string) (login, bool) {
	hash := sha256.Sum256([]byte(value))
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.all[hash]
	if !ok || one.host != host {
		return login{}, false
	}
	now := l.now()
	if !one.expires.IsZero() && !now.Before(one.expires) || now.Sub(one.used) > loginIdle || now.Sub(one.made) > loginLife {
		delete(l.all, hash)
		return login{}, false
	}
	one.used = now
	return *one, true
}

// remove ends the login of a cookie.
func (l *logins) remove(value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, sha256.Sum256([]byte(value)))
}
