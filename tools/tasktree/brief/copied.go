package brief

import (
	"slices"
	"sync"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/search"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// exampleTasks are the tasks of each example by its requirement, as essentials
// returns them.
var exampleTasks = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	for _, each := range Examples() {
		tree, err := strictjson.DecodeObject(each.Tree)
		if err != nil {
			panic(err) // a test decodes them all
		}
		all[each.Requirement] = essentials(tree)
	}
	return all
})

// Copied reports whether a decoded tree has all tasks of an example of the
// brief, while the requirement has less than half of the words of that example.
// It returns the requirement of the example. Ids, names and descriptions do not
// count.
func Copied(tree map[string]any, requirement string) (example string, copied bool) {
	tasks := essentials(tree)
	for example, shown := range exampleTasks() {
		missing := slices.ContainsFunc(shown, func(task string) bool { return !slices.Contains(tasks, task) })
		if !missing && !alike(example, requirement) {
			return example, true
		}
	}
	return "", false
}

// essentials returns the executor and the inputs of each task, as JSON.
func essentials(tree map[string]any) (list []string) {
	tasks, _ := tree["tasks"].([]any)
	for _, each := range tasks {
		task, _ := each.(map[string]any)
		executor := task["executor"]
		if schemas, ok := task["schemas"].(map[string]any); ok && executor == nil {
			executor = schemas["method"]
		}
		list = append(list, string(plainjson.Must([]any{executor, task["inputs"]})))
	}
	return list
}

// alike reports whether a requirement has at least half of the words of an
// example's.
func alike(example, requirement string) bool {
	words, found := search.Stems(example), 0
	own := search.Stems(requirement)
	for _, word := range words {
		if slices.Contains(own, word) {
			found++
		}
	}
	return 2*found >= len(words)
}
