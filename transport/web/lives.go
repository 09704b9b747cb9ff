package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// keptLives is the number of runs whose states are kept in memory.
const keptLives = 8

// followed is a run of a principal.
type followed struct{ run, principal string }

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

// since returns what has changed in a run after an event. Everyone who follows the
// run reads it here.
func (v *View) since(ctx context.Context, key followed, after int64) (*update, error) {
	kept := v.lives.of(key)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if err := v.advance(ctx, key, kept); err != nil {
		v.lives.drop(key)
		return nil, err
	}
	return &update{kept.live.Since(after), v.now().UTC()}, nil
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
	kept.live.Apply(events)
	return nil
}
