package planner_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
)

func registry(t testing.TB) *executors.Registry {
	return executortest.Registry(t, nil, builtin.All()...)
}

// shapeOf writes each task as "executor each when | < 1 2".
func shapeOf(tree *chain.Tree) []string {
	var list []string
	reach := make([]map[int]bool, len(tree.Tasks)) // all that a task waits for
	var before func(i int) map[int]bool
	before = func(i int) map[int]bool {
		if reach[i] == nil {
			reach[i] = map[int]bool{}
			for _, dep := range tree.Tasks[i].Dependencies {
				reach[i][dep.Task] = true
				for far := range before(dep.Task) {
					reach[i][far] = true
				}
			}
		}
		return reach[i]
	}
	for i := range tree.Tasks {
		task := &tree.Tasks[i]
		text := task.Executor
		if task.ForEach != nil {
			text += " each"
		}
		if task.When != nil {
			text += " when"
		}
		soft := false
		var direct []int
		for _, dep := range task.Dependencies {
			soft = soft || !dep.Required
			if !slices.ContainsFunc(task.Dependencies, func(other chain.Dependency) bool { return before(other.Task)[dep.Task] }) {
				direct = append(direct, dep.Task+1)
			}
		}
		if soft {
			text += " |"
		}
		slices.Sort(direct)
		if len(direct) > 0 {
			text += " < " + strings.Trim(fmt.Sprint(direct), "[]")
		}
		list = append(list, text)
	}
	return list
}

func drawn(plan *planner.Plan) string {
	raw, err := json.MarshalIndent(plan.Tree, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(raw) + "\n" + strings.Join(plan.Warnings, "\n")
}
