package web

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

const (
	// keptLives is the number of runs whose states are kept in memory.
	keptLives = 8
	// keptMessages is the number of messages that streams of a run share.
	keptMessages = 4
)

// followed is a run of a principal.
type followed struct{ run, principal string }

func (f followed) text() string { return strconv.Quote(f.run) + f.principal }

// lives keeps the states of the runs that were read last, for all who follow them.
type lives struct {
	mu    sync.Mutex
	order []followed // the one that was used last is at the end
	all   map[followed]*life
}

// life is the state of a run. It is nil until it is read first.
type life struct {
	mu   sync.Mutex
	live *graph.Live
	// encoded are the messages about what has changed after an event, until
	// something changes.
	encoded map[int64]*message
}

// of returns the state of a run.
func (l *lives) of(key followed) *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[followed]*life{}
	}
	kept := l.all[key]
	if kept == nil {
		kept = &life{}
		l.all[key] = kept
	} else {
		l.order = slices.DeleteFunc(l.order, func(other followed) bool { return other == key })
	}
	l.order = append(l.order, key)
	if len(l.order) > keptLives {
		delete(l.all, l.order[0])
		l.order = slices.Delete(l.order, 0, 1)
	}
	return kept
}

// drop forgets a run.
func (l *lives) drop(key followed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, key)
	l.order = slices.DeleteFunc(l.order, func(other followed) bool { return other == key })
}

// update is what a stream or a client is told: what has changed after an event.
type update struct {
	*graph.Changes
	Now time.Time `json:"now"`
}

// since returns what has changed in a run after an event, with at most about as many
// tasks as most says; 0: with all. Everyone who follows the
// run reads it here.
func (v *View) since(ctx context.Context, key followed, after int64, most int) (*update, error) {
	kept := v.lives.of(key)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if err := v.advance(ctx, key, kept); err != nil {
		v.lives.drop(key)
		return nil, err
	}
	return &update{kept.live.Since(after, most), v.now().UTC()}, nil
}

// news returns what has changed in a run after an event as a message of a stream.
// Streams that ask for the same share it. Without reading, it is what was read
// last, so that a stream whose feed reads costs nothing more.
func (v *View) news(ctx context.Context, key followed, after int64, reading bool) (*message, error) {
	kept := v.lives.of(key)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if reading || kept.live == nil {
		if err := v.advance(ctx, key, kept); err != nil {
			v.lives.drop(key)
			return nil, err
		}
	}
	if m := kept.encoded[after]; m != nil {
		return m, nil
	}
	m := messageOf(&update{kept.live.Since(after, 0), v.now().UTC()}, after)
	if kept.encoded == nil {
		kept.encoded = map[int64]*message{}
	}
	if len(kept.encoded) < keptMessages {
		kept.encoded[after] = m
	}
	return m, nil
}

// statusOf returns the state of a run, as its events say.
func (v *View) statusOf(ctx context.Context, key followed) (chain.State, error) {
	kept := v.lives.of(key)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if err := v.advance(ctx, key, kept); err != nil {
		v.lives.drop(key)
		return "", err
	}
	return kept.live.Status(), nil
}

// get returns a run for its drawing. Readers that come while it is being read get
// the same answer, because several pages read a run when it starts or ends.
func (v *View) get(ctx context.Context, key followed) (*chain.RunView, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	view, err, _ := v.reading.Do(key.text(), func() (any, error) {
		return v.runner.Get(context.WithoutCancel(ctx), key.run, key.principal, chain.ResultsUpTo(maxOutputs))
	})
	if err != nil {
		return nil, err
	}
	return view.(*chain.RunView), nil
}

// advance reads the events that a run has had since. The lock is held.
func (v *View) advance(ctx context.Context, key followed, kept *life) error {
	if kept.live == nil {
		view, err := v.runner.Get(ctx, key.run, key.principal, chain.ResultsUpTo(1))
		if err != nil {
			return err
		}
		kept.live = graph.NewLive(v.shapeOf(view).outline)
	}
	events, err := v.runner.Events(ctx, key.run, key.principal, kept.live.Seq())
	if err != nil {
		return err
	}
	if kept.live.Apply(events); len(events) > 0 {
		kept.encoded = nil
	}
	return nil
}
