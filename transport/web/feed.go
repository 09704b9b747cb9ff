package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/plainjson"
)

const (
	// The time between two reads of a run's events: shortest while it changes,
	// longest while it does not.
	pollShortest = 150 * time.Millisecond
	pollLongest  = time.Second
	// restPerWork is how much longer a feed rests than an update took, so that
	// updates of a large run take about a hundredth of the time.
	restPerWork = 100
	restLongest = 2 * time.Second
	// sendRate is the number of bytes a second that streams are taken to send,
	// which is part of what an update takes.
	sendRate = 500 << 20
)

// message is an update of a run, encoded once for all streams.
type message struct {
	from, to int64 // it has what changed after from, up to to
	data     []byte
}

// messageOf encodes an update as a message of a stream.
func messageOf(u *update, from int64) *message {
	return &message{from, u.Seq, fmt.Appendf(nil, "id: %d\nevent: update\ndata: %s\n\n", u.Seq, plainjson.Must(u))}
}

// feeds reads the events of each run once, for all streams that follow it.
type feeds struct {
	mu  sync.Mutex
	all map[followed]*feed
}

// feed is a run that some streams follow.
type feed struct {
	feeds *feeds
	key   followed
	stop  context.CancelFunc
	poke  chan struct{}

	// Guarded by feeds.mu:
	subs   map[*subscriber]struct{}
	latest *message
	ended  chain.State // the run's; empty: it goes on
	lost   bool        // it is not known how it goes on
}

// subscriber is one stream.
type subscriber struct {
	feed *feed
	wake chan struct{}
}

// join follows a run. The caller then reads what has changed after an event, and
// leaves at the end. first means that nobody followed the run before.
func (f *feeds) join(p *Page, key followed, after int64) (sub *subscriber, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.all[key]
	if first = at == nil; first {
		ctx, stop := context.WithCancel(p.edge.Ends)
		at = &feed{feeds: f, key: key, subs: map[*subscriber]struct{}{}, stop: stop, poke: make(chan struct{}, 1)}
		if f.all == nil {
			f.all = map[followed]*feed{}
		}
		f.all[key] = at
		p.following.Go(func() { at.run(ctx, p, after) })
	}
	sub = &subscriber{feed: at, wake: make(chan struct{}, 1)}
	at.subs[sub] = struct{}{}
	return sub, first
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

// run reads what changes after an event until the run has ended, or nobody follows
// it.
func (f *feed) run(ctx context.Context, p *Page, last int64) {
	defer f.stop()
	rest := pollShortest
	read := func() bool {
		begin := time.Now()
		m, err := p.view.news(ctx, f.key, last, true)
		if err != nil || m.to == last {
			return false
		}
		took := time.Since(begin)
		took += time.Duration(f.tell(m)) * time.Second / sendRate
		rest = min(max(restPerWork*took, pollShortest), restLongest)
		last = m.to
		return true
	}
	status, over := make(chan chain.State, 1), make(chan struct{})
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		if end, ok := p.ended(ctx, f.key.run, f.key.principal, f.nudge); ok {
			status <- end
		}
		close(status)
		close(over)
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
		if !sleepOr(ctx, rest, over) { // pokes come more often
			return
		}
	}
}

// nudge has the events read soon.
func (f *feed) nudge() { wake(f.poke) }

// tell passes a message to all streams, and returns how many bytes they send. A
// stream that was not there for the message before reads what it missed by itself.
func (f *feed) tell(m *message) int {
	f.feeds.mu.Lock()
	defer f.feeds.mu.Unlock()
	f.latest = m
	for sub := range f.subs {
		wake(sub.wake)
	}
	return len(f.subs) * len(m.data)
}

// close tells all streams that the run has ended, or ends them if it is not known
// how. Streams that join later watch anew.
func (f *feed) close(end chain.State, known bool) {
	f.feeds.mu.Lock()
	defer f.feeds.mu.Unlock()
	f.ended, f.lost = end, !known
	for sub := range f.subs {
		wake(sub.wake)
	}
	f.end()
}

// take returns the latest message, and how the run has ended. ok is false if that
// is not known.
func (s *subscriber) take() (latest *message, ended chain.State, ok bool) {
	s.feed.feeds.mu.Lock()
	defer s.feed.feeds.mu.Unlock()
	return s.feed.latest, s.feed.ended, !s.feed.lost
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
