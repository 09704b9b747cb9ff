package command

import (
	"maps"
	"slices"

	"github.com/chainwright/chainwright/executors/internal/process"
)

// environment adds the caller's variables to those that every program gets.
// The caller's variables override them.
func environment(own map[string]string) []string {
	list := process.Environment()
	for _, name := range slices.Sorted(maps.Keys(own)) {
		list = append(list, name+"="+own[name])
	}
	return list
}
