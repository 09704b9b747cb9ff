package oauth

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// cacheLife is how long a verified token is not verified again. It bounds how
	// long a key that its issuer has withdrawn is accepted.
	cacheLife = time.Minute
	// maxCached is the number of tokens that are kept.
	maxCached = 10_000
)

// cache holds verified tokens by their SHA-256.
type cache struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]cached
}

type cached struct {
	caller Caller
	until  time.Time
}

func (c *cache) get(key [sha256.Size]byte, now time.Time) (Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.all[key]
	if !ok || !now.Before(one.until) {
		delete(c.all, key)
		return Caller{}, false
	}
	return one.caller, true
}

func (c *cache) put(key [sha256.Size]byte, caller Caller, now time.Time) {
	until := now.Add(cacheLife)
	if caller.Expires.Before(until) {
		until = caller.Expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[[sha256.Size]byte]cached{}
	}
	if len(c.all) >= maxCached {
		c.tidy(now)
	}
	c.all[key] = cached{caller, until}
}

// tidy removes what is over, and if all are valid, any tenth of them.
func (c *cache) tidy(now time.Time) {
	for key, one := range c.all {
		if !now.Before(one.until) {
			delete(c.all, key)
		}
	}
	for key := range c.all {
		if len(c.all) < maxCached*9/10 {
			return
		}
		delete(c.all, key)
	}
}
