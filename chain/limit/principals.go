package limit

import (
	"sync"

	"github.com/chainwright/chainwright/executors/policy"
)

// keepPrincipals is the number of principals above which idle limiters are
// removed.
const keepPrincipals = 1000

// Principals holds a limiter for each principal. A nil Principals has none.
type Principals struct {
	limits policy.PrincipalLimits
	mu     sync.Mutex
	by     map[string]*principal
	tidyAt int
}

// principal is the limiter of one principal. users counts its runs and calls. A
// call that ignored its cancellation can hold a permit after the last of them.
type principal struct {
	*Limiter
	users int
}

// NewPrincipals returns the limiters of all principals, or nil if the limits
// are zero.
func NewPrincipals(limits policy.PrincipalLimits) *Principals {
	if limits.MaxParallel == 0 && limits.PerSecond == 0 {
		return nil
	}
	return &Principals{limits: limits, by: map[string]*principal{}, tidyAt: keepPrincipals}
}

// Enter returns a principal's limiter, which is kept until Leave. It returns
// nil on a nil Principals.
func (p *Principals) Enter(name string) *Limiter {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.by[name]
	if one == nil {
		p.tidy()
		one = &principal{Limiter: New(p.limits.MaxParallel, p.limits.PerSecond)}
		p.by[name] = one
	}
	one.users++
	return one.Limiter
}

// Leave undoes one Enter.
func (p *Principals) Leave(name string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[name].users--
}

// Of returns the limiter of a principal that has entered, else nil.
func (p *Principals) Of(name string) *Limiter {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.by[name]; one != nil {
		return one.Limiter
	}
	return nil
}

// tidy removes idle limiters when there are many.
func (p *Principals) tidy() {
	if len(p.by) < p.tidyAt {
		return
	}
	for name, one := range p.by {
		if one.users == 0 && one.idle(p.limits.MaxParallel) {
			delete(p.by, name)
		}
	}
	p.tidyAt = max(keepPrincipals, 2*len(p.by))
}

// idle reports whether a new limiter would be in the same state. A fraction of a
// start may be missing.
func (l *Limiter) idle(parallel int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (parallel == 0 || l.free == parallel) && (l.rate == nil || l.rate.Tokens() > float64(l.rate.Burst())-1e-6)
}
