package tools

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/nearest"
)

// mistyped warns of inputs that a tree does not declare and that look like one
// that was not given: a schema lets others pass unless it says otherwise, and
// then what was meant keeps its default in silence.
func mistyped(tree *chain.Tree, given map[string]any) []string {
	if tree.InputSchema == nil || len(given) == 0 {
		return nil
	}
	left := slices.DeleteFunc(tree.InputSchema.Properties(), func(name string) bool { _, ok := given[name]; return ok })
	var list []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if hint := nearest.Hint(name, left); hint != "" && !tree.InputSchema.HasProperty(name) {
			list = append(list, fmt.Sprintf("the tree declares no input %q; %s", name, hint))
		}
	}
	return list
}
