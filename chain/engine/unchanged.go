package engine

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// definitions are the executors that prepared work uses, by id.
type definitions map[string]*executors.Definition

// definitionsOf returns the executors of a tree as they are now.
func (r *Engine) definitionsOf(tree *chain.Tree) definitions {
	defs := definitions{}
	for t := range tree.Every() {
		id := t.Executor
		if defs[id] != nil || t.Tree != nil || t.Approval != nil {
			continue
		}
		if e, ok := r.opts.Registry.Lookup(id); ok {
			defs[id] = e.Definition()
		}
	}
	return defs
}

// unchanged refuses work if an executor was replaced after the work was
// prepared: a person may have agreed to what it did then.
func (r *Engine) unchanged(id string, prepared *executors.Definition) *executors.Error {
	if e, ok := r.opts.Registry.Lookup(id); ok && e.Definition() == prepared {
		return nil
	}
	return executors.Errorf(executors.ValidationError, "the executor %s has changed since this was prepared; nothing was started", id).
		WithHint("call it again: it is then checked against the executor as it is now")
}

func (r *Engine) allUnchanged(defs definitions) *executors.Error {
	for id, def := range defs {
		if problem := r.unchanged(id, def); problem != nil {
			return problem
		}
	}
	return nil
}
