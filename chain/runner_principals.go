package chain

import (
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// keepPrincipals is how many bounds of principals are kept before those that
// are at rest are let go.
const keepPrincipals = 1000

// principals are the bounds on each of those who ask; nil: there are none.
type principals struct {
	limits policy.PrincipalLimits
	mu     sync.Mutex
	by     map[string]*principal
	tidyAt int
}

// principal is one of them. Users are runs and calls; work that did not stop
// when it was told to holds its permit beyond them.
type principal struct {
	*bound
	users int
}

func newPrincipals(limits policy.PrincipalLimits) *principals {
	if limits == (policy.PrincipalLimits{}) {
		return nil
	}
	return &principals{limits: limits, by: map[string]*principal{}, tidyAt: keepPrincipals}
}

// enter gives a principal's bound until leave; nil where there is none.
func (p *principals) enter(who string) *bound {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.by[who]
	if one == nil {
		p.tidy()
		one = &principal{bound: boundOf(p.limits.MaxParallel, p.limits.PerSecond)}
		p.by[who] = one
	}
	one.users++
	return one.bound
}

func (p *principals) leave(who string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[who].users--
}

// of is the bound of a principal who has entered; nil where there is none.
func (p *principals) of(who string) *bound {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.by[who]; one != nil {
		return one.bound
	}
	return nil
}

// tidy forgets those at rest, once there are many.
func (p *principals) tidy() {
	if len(p.by) < p.tidyAt {
		return
	}
	now := time.Now()
	for who, one := range p.by {
		if one.users == 0 && one.rests(p.limits.MaxParallel, now) {
			delete(p.by, who)
		}
	}
	p.tidyAt = max(keepPrincipals, 2*len(p.by))
}

// rests says that a new bound would be the same.
func (b *bound) rests(parallel int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return (parallel == 0 || b.free == parallel) && (b.pace == nil || b.pace.rested(now))
}
