package chain

import (
	"context"
	"math"
	"sync"
	"time"
)

// unbounded is a number of permits that nobody uses up.
const unbounded = math.MaxInt

// bound limits how many pieces of work are in flight, and how many begin in a
// second. Permits are handed out in the order of asking, by turns between the
// principals who ask.
type bound struct {
	mu    sync.Mutex
	free  int
	pace  *pace // nil: none
	line  line
	timer *time.Timer // set while the first in line waits for the pace
}

func newBound(n int) *bound { return &bound{free: n} }

// boundOf is the bound with a number in flight and a pace, 0 for none; nil
// where there is neither.
func boundOf(parallel int, perSecond float64) *bound {
	if parallel == 0 && perSecond == 0 {
		return nil
	}
	b := newBound(unbounded)
	if parallel > 0 {
		b.free = parallel
	}
	if perSecond > 0 {
		b.pace = newPace(perSecond, time.Now())
	}
	return b
}

// take takes a permit, or gets in line for one and says as whom.
func (b *bound) take(who string, granted func()) *asker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.takeNow() {
		return nil
	}
	return b.ask(who, granted)
}

func (b *bound) takeNow() bool {
	if b.line.length > 0 || b.free == 0 || b.pace != nil && !b.pace.take(time.Now()) {
		return false
	}
	b.free--
	return true
}

func (b *bound) ask(who string, granted func()) *asker {
	a := &asker{who: who, granted: granted}
	b.line.add(a)
	b.serve() // which sees to it that the pace is waited for
	return a
}

// serve gives those in line what there is.
func (b *bound) serve() {
	for b.line.length > 0 && b.free > 0 {
		if b.pace != nil {
			now := time.Now()
			if !b.pace.take(now) {
				if b.timer == nil {
					b.timer = time.AfterFunc(b.pace.until(now, 1), b.tick)
				}
				return
			}
		}
		b.free--
		b.line.next().granted()
	}
}

func (b *bound) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = nil
	b.serve()
}

// give gives a permit back: to the next in line, if there is one.
func (b *bound) give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free++
	b.serve()
}

// putBack is give for a permit under which nothing began.
func (b *bound) putBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free++
	if b.pace != nil {
		b.pace.putBack()
	}
	b.serve()
}

// began counts what began without a permit, such as another attempt: those
// who come next wait the longer. A nil bound counts nothing.
func (b *bound) began() {
	if b == nil || b.pace == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pace.owe(time.Now())
}

// leave takes someone out of the line; false where the permit was granted
// already.
func (b *bound) leave(a *asker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.line.remove(a)
}

// longestWait is how long a direct call waits for the pace of a bound.
const longestWait = 10 * time.Second

// tooFast is why a call was refused whose turn is too far off.
type tooFast struct{ after time.Duration }

func (t *tooFast) Error() string { return "too many calls in a second" }

// wait takes a permit, waiting for it until the context ends. Where the pace
// alone would make it wait for longer than anyone would, it says so at once.
func (b *bound) wait(ctx context.Context, who string) error {
	b.mu.Lock()
	if b.takeNow() {
		b.mu.Unlock()
		return nil
	}
	if b.pace != nil {
		if after := b.pace.until(time.Now(), b.line.before(who)+1); after > longestWait {
			b.mu.Unlock()
			return &tooFast{after}
		}
	}
	granted := make(chan struct{})
	a := b.ask(who, func() { close(granted) })
	b.mu.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
		if !b.leave(a) {
			b.putBack()
		}
		return context.Cause(ctx)
	}
}
