package chain

import (
	"iter"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// SavedPrefix begins the executor of a task that runs a saved tree: tree/NAME.
const SavedPrefix = "tree/"

// SavedName returns the name of the saved tree that an executor's id stands for.
func SavedName(executor string) (name string, ok bool) {
	return strings.CutPrefix(executor, SavedPrefix)
}

// Every yields the tasks of the tree, and those of the saved trees in it, each
// saved tree once.
func (t *Tree) Every() iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		seen := map[*Tree]bool{t: true}
		for queue := []*Tree{t}; len(queue) > 0; queue = queue[1:] {
			for i := range queue[0].Tasks {
				task := &queue[0].Tasks[i]
				if !yield(task) {
					return
				}
				if task.Tree != nil && !seen[task.Tree] {
					seen[task.Tree] = true
					queue = append(queue, task.Tree)
				}
			}
		}
	}
}

// Effect returns what a run of the tree may do: what any of its tasks may.
func (t *Tree) Effect() executors.Annotations {
	all := executors.Annotations{ReadOnly: true, Idempotent: true}
	for i := range t.Tasks {
		may := t.Tasks[i].Definition.EffectOf(t.Tasks[i].Inputs.Known())
		all.ReadOnly = all.ReadOnly && may.ReadOnly
		all.Idempotent = all.Idempotent && (may.Idempotent || may.ReadOnly)
		all.Destructive = all.Destructive || may.Destructive || t.Tasks[i].RetryUnsafe
		all.OpenWorld = all.OpenWorld || may.OpenWorld
	}
	return all
}

// OutputNames returns the names of the outputs.
func (t *Tree) OutputNames() []string {
	names := make([]string, len(t.Outputs))
	for i, out := range t.Outputs {
		names[i] = out.Name
	}
	return names
}
