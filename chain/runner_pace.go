package chain

import "time"

// pace is how much may begin in a second. What was not used is kept for up to
// a second, so that work which comes in waves is not slowed down. (The usual
// limiter takes nothing back, and permits that are not used are given back.)
type pace struct {
	perSecond float64
	most      float64
	there     float64 // how much may begin now; below zero where more has begun
	at        time.Time
}

// nearly makes up for what fractions lose.
const nearly = 1e-6

func newPace(perSecond float64, now time.Time) *pace {
	most := max(1, perSecond)
	return &pace{perSecond: perSecond, most: most, there: most, at: now}
}

func (p *pace) catchUp(now time.Time) {
	if passed := now.Sub(p.at); passed > 0 {
		p.there = min(p.most, p.there+passed.Seconds()*p.perSecond)
		p.at = now
	}
}

// take says whether one more may begin now.
func (p *pace) take(now time.Time) bool {
	p.catchUp(now)
	if p.there < 1-nearly {
		return false
	}
	p.there--
	return true
}

// owe counts one that has begun in any case.
func (p *pace) owe(now time.Time) {
	p.catchUp(now)
	p.there = max(p.there-1, -p.most)
}

// putBack undoes a take.
func (p *pace) putBack() { p.there = min(p.most, p.there+1) }

// until is how long it takes until the nth from now may begin.
func (p *pace) until(now time.Time, n int) time.Duration {
	p.catchUp(now)
	return max(0, time.Duration((float64(n)-p.there)/p.perSecond*float64(time.Second)))
}

// rested says that nothing began for so long that it makes no difference.
func (p *pace) rested(now time.Time) bool {
	p.catchUp(now)
	return p.there >= p.most-nearly
}
