package web

import (
	"context"
	"crypto/sha256"
	"net/url"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/tools"
)

const (
	// mostNodes is the number of nodes from which tasks are drawn as one.
	mostNodes = 400
	// keptShapes is the number of trees that are kept parsed.
	keptShapes = 8
)

// shape is what a run's tasks wait for.
type shape struct {
	outline []chain.Outline

	mu     sync.Mutex
	folded *graph.Layout // the layout without wishes; nil: not made yet
}

// shapes keeps the shapes of the latest trees.
type shapes struct {
	mu    sync.Mutex
	order []digest
	all   map[digest]*shape
}

// shapeOf returns the shape of a run. If its tree can't be read any more, because
// an executor is gone for example, nothing waits for anything.
func (v *View) shapeOf(view *chain.RunView) *shape {
	s := &v.shapes
	key := sha256.Sum256(view.Source)
	s.mu.Lock()
	kept, ok := s.all[key]
	s.mu.Unlock()
	if ok && view.Source != nil {
		return kept
	}
	made := &shape{}
	made.outline, _ = v.set.OutlineOf(view)
	if view.Source == nil {
		return made
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[digest]*shape{}
	}
	if s.all[key] == nil {
		s.order = append(s.order, key)
	}
	s.all[key] = made
	if len(s.order) > keptShapes {
		delete(s.all, s.order[0])
		s.order = s.order[1:]
	}
	return made
}

// needs returns the ids of what a task waits for.
func (s *shape) needs(task int) (ids []string) {
	if task >= len(s.outline) {
		return nil
	}
	for _, d := range s.outline[task].Dependencies {
		ids = append(ids, s.outline[d.Task].ID)
	}
	return ids
}

// layoutOf returns the layout of a shape, with the nodes open or closed that the
// values name.
func layoutOf(s *shape, q url.Values) (*graph.Layout, error) {
	most, err := whole(q, "most")
	if err != nil {
		return nil, err
	}
	opts := graph.Options{Most: mostNodes, Open: split(q, "open"), Closed: split(q, "closed")}
	if most > 0 {
		opts.Most = int(min(most, 20_000))
	}
	if most > 0 || opts.Open != nil || opts.Closed != nil {
		return graph.Of(s.outline, opts), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folded == nil {
		s.folded = graph.Of(s.outline, opts)
	}
	return s.folded, nil
}

// split returns the ids that a value lists.
func split(q url.Values, name string) (ids []string) {
	for _, text := range q[name] {
		for id := range strings.SplitSeq(text, ",") {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// layout returns the layout of a run, with other nodes open or closed.
func (v *View) layout(ctx context.Context, ask *Ask) (any, error) {
	view, err := v.runner.Get(ctx, ask.Run, tools.CallerFrom(ctx).Principal, chain.ResultsUpTo(1))
	if err != nil {
		return nil, err
	}
	return layoutOf(v.shapeOf(view), ask.Values)
}
