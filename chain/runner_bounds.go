package chain

import (
	"context"
	"sync"
)

// bound limits how many pieces of work are in flight. Permits are handed out
// in the order of asking.
type bound struct {
	mu      sync.Mutex
	free    int
	waiting []*asker
}

// asker is someone in line for a permit; granted is called with the bound's
// lock held and must not block.
type asker struct{ granted func() }

func newBound(n int) *bound { return &bound{free: n} }

// take takes a permit, or gets in line for one and says as whom.
func (b *bound) take(granted func()) *asker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free > 0 {
		b.free--
		return nil
	}
	a := &asker{granted}
	b.waiting = append(b.waiting, a)
	return a
}

// give gives a permit back: to the next in line, if there is one.
func (b *bound) give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 {
		next := b.waiting[0]
		b.waiting = b.waiting[1:]
		next.granted()
		return
	}
	b.free++
}

// leave takes someone out of the line; false where the permit was granted
// already.
func (b *bound) leave(a *asker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.waiting {
		if w == a {
			b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// wait takes a permit, waiting for it until the context ends.
func (b *bound) wait(ctx context.Context) error {
	b.mu.Lock()
	if b.free > 0 {
		b.free--
		b.mu.Unlock()
		return nil
	}
	granted := make(chan struct{})
	a := &asker{granted: func() { close(granted) }}
	b.waiting = append(b.waiting, a)
	b.mu.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
		if !b.leave(a) {
			b.give()
		}
		return context.Cause(ctx)
	}
}

// share is a run's side of a bound: at most once in line, and with the
// permits that were granted and not yet used. A nil share limits nothing.
type share struct {
	bound   *bound
	granted func() // called, once, when a permit asked for has come
	asker   *asker // non-nil while in line
	spare   int
}

// take takes a permit if one is to be had now, else gets in line.
func (s *share) take() bool {
	switch {
	case s == nil:
		return true
	case s.spare > 0:
		s.spare--
		return true
	case s.asker != nil:
		return false
	}
	s.asker = s.bound.take(s.granted)
	return s.asker == nil
}

// inLine says that there is no permit now.
func (s *share) inLine() bool { return s != nil && s.asker != nil }

func (s *share) give() {
	if s != nil {
		s.bound.give()
	}
}

// arrived notes that the permit in line for has been granted.
func (s *share) arrived() { s.asker, s.spare = nil, s.spare+1 }

// tidy gives back what was not used.
func (s *share) tidy() {
	for ; s.spare > 0; s.spare-- {
		s.bound.give()
	}
}

// close leaves the line and gives back what is left. A grant that is on its
// way by then is for the caller to give back.
func (s *share) close() {
	if s.asker != nil && s.bound.leave(s.asker) {
		s.asker = nil
	}
	s.tidy()
}
