package command

import (
	"maps"
	"slices"

	"github.com/chainwright/chainwright/executors/process"
)

// environment adds a caller's variables to those that every program gets. Later ones count.
func environment(own map[string]string) []string {
	list := process.Environment()
	for _, name := range slices.Sorted(maps.Keys(own)) {
		list = append(list, name+"="+own[name])
	}
	return list
}
