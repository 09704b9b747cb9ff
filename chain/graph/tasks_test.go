package graph_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

// tasksOf returns the tasks of a short text: "a; b < a; c < a? b; d in a; e for;
// on_exit: f". A task waits for those after <, with ? only for their end; it is
// grouped under the one after in.
func tasksOf(text string) []chain.Outline {
	var tasks []chain.Outline
	index := map[string]int{}
	type words struct{ before, parent []string }
	var all []words
	for _, part := range strings.Split(text, ";") {
		task := chain.Outline{Parent: -1, Executor: "system_info_executor"}
		if list, rest, ok := strings.Cut(part, ":"); ok {
			task.Handler, part = strings.TrimSpace(list), rest
		}
		var w words
		into := (*[]string)(nil)
		for k, word := range strings.Fields(part) {
			switch {
			case k == 0:
				task.ID, task.Name = word, "Task "+word
			case word == "<":
				into = &w.before
			case word == "in":
				into = &w.parent
			case word == "for":
				task.ForEach = true
			case word == "asks":
				task.Approval, task.Executor = true, chain.ApprovalID
			case word == "when":
				task.When = true
			default:
				*into = append(*into, word)
			}
		}
		index[task.ID] = len(tasks)
		tasks, all = append(tasks, task), append(all, w)
	}
	for i, w := range all {
		for _, id := range w.before {
			id, optional := strings.CutSuffix(id, "?")
			tasks[i].Dependencies = append(tasks[i].Dependencies, chain.Dependency{Task: index[id], Required: !optional})
		}
		for _, id := range w.parent {
			tasks[i].Parent = index[id]
		}
	}
	return tasks
}

// many returns n tasks whose dependencies the function sets.
func many(n int, before func(i int) []int) []chain.Outline {
	tasks := make([]chain.Outline, n)
	for i := range tasks {
		id := fmt.Sprintf("task_%d", i+1)
		tasks[i] = chain.Outline{ID: id, Name: id, Executor: "rest_executor", Parent: -1}
		for _, d := range before(i) {
			tasks[i].Dependencies = append(tasks[i].Dependencies, chain.Dependency{Task: d, Required: true})
		}
	}
	return tasks
}

// The large trees, of n tasks.
var large = map[string]func(n int) []chain.Outline{
	"alone": func(n int) []chain.Outline { return many(n, func(int) []int { return nil }) },
	"chain": func(n int) []chain.Outline {
		return many(n, func(i int) []int { return rangeOf(max(0, i-1), i) })
	},
	"fan-out": func(n int) []chain.Outline {
		return many(n, func(i int) []int { return rangeOf(0, min(i, 1)) })
	},
	"into one": func(n int) []chain.Outline {
		return many(n, func(i int) []int {
			if i < n-1 {
				return nil
			}
			return rangeOf(0, i)
		})
	},
	"chain with its first": func(n int) []chain.Outline {
		return many(n, func(i int) []int {
			if i < 2 {
				return rangeOf(0, i)
			}
			return []int{0, i - 1}
		})
	},
	"random": func(n int) []chain.Outline {
		random := rand.New(rand.NewPCG(1, 2))
		return many(n, func(i int) (before []int) {
			for range min(i, 1+random.IntN(3)) {
				before = append(before, max(0, i-1-random.IntN(200)))
			}
			return before
		})
	},
	"wide": func(n int) []chain.Outline {
		const width = 100
		random := rand.New(rand.NewPCG(1, 2))
		return many(n, func(i int) (before []int) {
			if i >= width {
				for range 3 {
					before = append(before, (i/width-1)*width+random.IntN(width))
				}
			}
			return before
		})
	},
}

func rangeOf(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}
