package executors

import (
	"context"
	"time"
)

// Trees are the saved task trees that tasks can run by name: tree/NAME. The
// registry only holds them for package parse.
type Trees interface {
	// Read returns a tree in JSON or YAML. The error is an fs.ErrNotExist if
	// there is none of that name.
	Read(name string) ([]byte, error)
	// Names returns the names of all, sorted.
	Names() []string
}

// SetTrees sets the saved trees.
func (r *Registry) SetTrees(t Trees) { r.trees.Store(&t) }

// Trees returns the saved trees; nil: there are none.
func (r *Registry) Trees() Trees {
	if t := r.trees.Load(); t != nil {
		return *t
	}
	return nil
}

// InvokeTree is Invoke for an executor that is not registered, because it runs a
// saved tree.
func (r *Registry) InvokeTree(ctx context.Context, tree Executor, call *Call, timeout time.Duration) Outcome {
	return r.invoke(ctx, r.entry(tree), call, timeout)
}
