package web

import (
	"crypto/sha256"
	"net/http"
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
func (p *Page) shapeOf(view *chain.RunView) *shape {
	s := &p.shapes
	key := sha256.Sum256(view.Source)
	s.mu.Lock()
	kept, ok := s.all[key]
	s.mu.Unlock()
	if ok && view.Source != nil {
		return kept
	}
	made := &shape{}
	made.outline, _ = p.opts.Set.OutlineOf(view)
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

// fansOut reports whether a task runs for each element of a list.
func (s *shape) fansOut() bool {
	for i := range s.outline {
		if s.outline[i].ForEach {
			return true
		}
	}
	return false
}

// layout returns the layout of a shape, with the nodes open or closed that the
// request names.
func (p *Page) layout(r *http.Request, s *shape) (*graph.Layout, error) {
	most, err := whole(r, "most")
	if err != nil {
		return nil, err
	}
	opts := graph.Options{Most: mostNodes, Open: split(r, "open"), Closed: split(r, "closed")}
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

// split returns the ids that a parameter of the query lists.
func split(r *http.Request, name string) (ids []string) {
	for _, text := range r.URL.Query()[name] {
		for id := range strings.SplitSeq(text, ",") {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// getLayout returns the layout of a run, with other nodes open or closed.
func (p *Page) getLayout(r *http.Request) (any, error) {
	view, err := p.opts.Runner.Get(r.Context(), r.PathValue("id"), tools.CallerFrom(r.Context()).Principal, chain.ResultsUpTo(1))
	if err != nil {
		return nil, err
	}
	return p.layout(r, p.shapeOf(view))
}
