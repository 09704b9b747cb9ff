package tools

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/nearest"
)

// mistyped returns warnings for inputs that the tree does not declare and that
// resemble a declared input without a value.
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
