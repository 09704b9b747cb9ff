package web

import (
	"context"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// The time between two reads of a run's events: shortest while it changes,
	// longest while it does not.
	pollShortest = 150 * time.Millisecond
	pollLongest  = time.Second
	// mostQueued is the number of events that a stream may be behind. The stream
	// then ends, and the page goes on where it was.
	mostQueued = 100_000
)

// batch is events of a run that were read together.
type batch struct {
	events []chain.Event

	once sync.Once
	data []byte
}

func merged(list []*batch) *batch {
	if len(list) == 1 {
		return list[0]
	}
	all := &batch{}
	for _, b := range list {
		all.events = append(all.events, b.events...)
	}
	return all
}

// followed is a run of a principal.
type followed struct{ run, principal string }

// feeds reads the events of each run once, for all streams that follow it.
type feeds struct {
	mu  sync.Mutex
	all map[followed]*feed
}

// feed is the run that some streams follow.
type feed struct {
	feeds *feeds
	key   followed
	subs  map[*subscriber]struct{} // guarded by feeds.mu
	stop  context.CancelFunc
	poke  chan struct{}
}

// subscriber is one stream.
type subscriber struct {
	feed *feed
	wake chan struct{}

	mu      sync.Mutex
	batches []*batch
	queued  int
	ended   chain.State // the run's; empty: it goes on
	late    bool
}

// join follows a run. The caller then reads the events after a number, and leaves
// at the end.
func (f *feeds) join(p *Page, run, principal string, after int64) *subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := followed{run, principal}
	at := f.all[key]
	if at == nil {
		ctx, stop := context.WithCancel(p.edge.Ends)
		at = &feed{feeds: f, key: key, subs: map[*subscriber]struct{}{}, stop: stop, poke: make(chan struct{}, 1)}
		if f.all == nil {
			f.all = map[followed]*feed{}
		}
		f.all[key] = at
		p.following.Go(func() { at.run(ctx, p, after) })
	}
	sub := &subscriber{feed: at, wake: make(chan struct{}, 1)}
	at.subs[sub] = struct{}{}
	return sub
}

// leave ends the subscription. The last one ends the feed.
func (s *subscriber) leave() {
	f := s.feed.feeds
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(s.feed.subs, s)
	if len(s.feed.subs) == 0 {
		s.feed.end()
	}
}

// end removes the feed. The lock is held.
func (f *feed) end() {
	f.stop()
	if f.feeds.all[f.key] == f {
		delete(f.feeds.all, f.key)
	}
}

// run reads the events after a number until the run has ended, or nobody follows
// it.
func (f *feed) run(ctx context.Context, p *Page, last int64) {
	defer f.stop()
	read := func() bool {
		events, err := p.opts.Runner.Events(ctx, f.key.run, f.key.principal, last)
		if err != nil || len(events) == 0 {
			return false
		}
		last = events[len(events)-1].Seq
		f.tell(&batch{events: events})
		return true
	}
	status := make(chan chain.State, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		defer close(status)
		if end, ok := p.ended(ctx, f.key.run, f.key.principal, f.nudge); ok {
			status <- end
		}
		f.nudge()
	})
	pause := pollShortest
	for sleepOr(ctx, pause, f.poke) {
		select {
		case end, ok := <-status:
			read()
			f.close(end, ok)
			return
		default:
		}
		if read() {
			pause = pollShortest
		} else {
			pause = min(2*pause, pollLongest)
		}
		if !sleepOr(ctx, pollShortest, nil) { // no more than some updates a second
			return
		}
	}
}

// nudge has the events read soon.
func (f *feed) nudge() {
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// tell passes events to all streams.
func (f *feed) tell(b *batch) {
	f.feeds.mu.Lock()
	defer f.feeds.mu.Unlock()
	for sub := range f.subs {
		sub.mu.Lock()
		sub.batches = append(sub.batches, b)
		sub.queued += len(b.events)
		sub.late = sub.late || sub.queued > mostQueued
		sub.mu.Unlock()
		sub.nudge()
	}
}

// close tells all streams that the run has ended, or ends them if it is not known
// how. Streams that join later watch anew.
func (f *feed) close(end chain.State, known bool) {
	f.feeds.mu.Lock()
	defer f.feeds.mu.Unlock()
	for sub := range f.subs {
		sub.mu.Lock()
		sub.ended, sub.late = end, sub.late || !known
		sub.mu.Unlock()
		sub.nudge()
	}
	f.end()
}

func (s *subscriber) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what the stream has not sent. ok is false if it is too far behind.
func (s *subscriber) take() (list []*batch, ended chain.State, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, s.batches, s.queued = s.batches, nil, 0
	return list, s.ended, !s.late
}

func shortError(text string) string { return shorten.Bytes(text, maxShown) }
