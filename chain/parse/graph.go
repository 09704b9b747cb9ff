package parse

import (
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/shorten"
)

// checkParents reports cycles of parents, and trees with several roots.
func (p *parser) checkParents() {
	tasks := p.tree.Tasks
	// mark is the walk that visited the task; every task is visited once.
	mark := make([]int, len(tasks))
	for start := range tasks {
		i := start
		for i >= 0 && mark[i] == 0 {
			mark[i] = start + 1
			i = tasks[i].Parent
		}
		if i < 0 || mark[i] != start+1 {
			continue
		}
		cycle := []int{i}
		for j := tasks[i].Parent; j != i; j = tasks[j].Parent {
			cycle = append(cycle, j)
		}
		cycle = fromLowest(cycle)
		p.problem(cycle[0], "parent_id", chain.CodeParentCycle, "remove the parent_id of one of them", "parent cycle: %s", p.cycle(cycle))
	}
	p.checkRoots()
}

// checkRoots reports the second root of each list.
func (p *parser) checkRoots() {
	for k := range p.lists {
		p.rootsOf(&p.lists[k])
	}
}

func (p *parser) rootsOf(l *list) {
	var roots []int
	grouped := false
	for i := l.first; i < l.end(); i++ {
		switch {
		case p.drafts[i].notAnObject:
		case p.drafts[i].hasParent:
			grouped = true
		default:
			roots = append(roots, i)
		}
	}
	if !grouped || len(roots) < 2 {
		return
	}
	const most = 5
	var names []string
	for _, i := range roots[:min(len(roots), most)] {
		names = append(names, p.tree.Tasks[i].ID)
	}
	p.problem(roots[1], "parent_id", chain.CodeSeveralRoots, "give all but one of them a parent_id, or no task at all",
		"%d tasks have no parent while others do: %s", len(roots), shorten.Names(names, len(roots)))
}

// checkCycles reports dependency cycles: it removes the tasks that can run, and
// reports one cycle for each strongly connected part of the rest.
func (p *parser) checkCycles() {
	tasks := p.tree.Tasks
	waits := make([]int, len(tasks))
	edges := 0
	for i := range tasks {
		waits[i] = len(tasks[i].Dependencies)
		edges += waits[i]
	}
	if edges == 0 {
		return
	}
	next := dependents(tasks, edges)
	ready := make([]int, 0, len(tasks))
	for i := range tasks {
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for k := 0; k < len(ready); k++ {
		for _, j := range next.of(ready[k]) {
			if waits[j]--; waits[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	if len(ready) == len(tasks) {
		return
	}
	for _, cycle := range p.cycles(waits) {
		where := p.edge(cycle[0], cycle[1%len(cycle)])
		p.problemAt(cycle[0], where, chain.CodeCycle, "remove one dependency or reference of these tasks",
			"dependency cycle: %s", p.cycle(cycle))
	}
}

// adjacency is a graph in two arrays: the targets of i start at first[i].
type adjacency struct{ first, targets []int }

func (a adjacency) of(i int) []int { return a.targets[a.first[i]:a.first[i+1]] }

// dependents returns the reversed dependencies.
func dependents(tasks []chain.Task, edges int) adjacency {
	a := adjacency{first: make([]int, len(tasks)+1), targets: make([]int, edges)}
	for i := range tasks {
		for _, d := range tasks[i].Dependencies {
			a.first[d.Task+1]++
		}
	}
	for i := range tasks {
		a.first[i+1] += a.first[i]
	}
	fill := slices.Clone(a.first[:len(tasks)])
	for i := range tasks {
		for _, d := range tasks[i].Dependencies {
			a.targets[fill[d.Task]] = i
			fill[d.Task]++
		}
	}
	return a
}

// cycles finds the strongly connected parts of the tasks that still wait, and
// returns the shortest cycle through the first task of each. It is Tarjan's
// algorithm with its own stack, because a chain may be 10,000 tasks long.
func (p *parser) cycles(waits []int) [][]int {
	tasks := p.tree.Tasks
	number := make([]int, len(tasks)) // 0: not visited
	low := make([]int, len(tasks))
	part := make([]int, len(tasks)) // 0: open or not visited
	var open []int
	type frame struct{ task, edge int }
	var stack []frame
	visited, parts := 0, 0
	var cycles [][]int
	enter := func(i int) {
		visited++
		number[i], low[i] = visited, visited
		open = append(open, i)
		stack = append(stack, frame{i, 0})
	}
	for start := range tasks {
		if waits[start] == 0 || number[start] != 0 {
			continue
		}
		enter(start)
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			i := f.task
			if f.edge < len(tasks[i].Dependencies) {
				j := tasks[i].Dependencies[f.edge].Task
				f.edge++
				switch {
				case waits[j] == 0 || part[j] != 0:
				case number[j] == 0:
					enter(j)
				default:
					low[i] = min(low[i], number[j])
				}
				continue
			}
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				above := stack[len(stack)-1].task
				low[above] = min(low[above], low[i])
			}
			if low[i] != number[i] {
				continue
			}
			parts++
			first, size := i, 0
			for closed := false; !closed; size++ {
				j := open[len(open)-1]
				open = open[:len(open)-1]
				part[j], first, closed = parts, min(first, j), j == i
			}
			if size > 1 {
				cycles = append(cycles, shortest(tasks, first, part))
			}
		}
	}
	slices.SortFunc(cycles, func(a, b []int) int { return a[0] - b[0] })
	return cycles
}

// shortest returns the shortest cycle through a task within its part.
func shortest(tasks []chain.Task, start int, part []int) []int {
	from := map[int]int{}
	queue := []int{start}
	for k := 0; k < len(queue); k++ {
		i := queue[k]
		for _, d := range tasks[i].Dependencies {
			j := d.Task
			if j == start {
				cycle := []int{i}
				for i != start {
					i = from[i]
					cycle = append(cycle, i)
				}
				slices.Reverse(cycle)
				return cycle
			}
			if _, seen := from[j]; !seen && part[j] == part[start] {
				from[j] = i
				queue = append(queue, j)
			}
		}
	}
	return []int{start}
}

// edge returns where a task declares that it depends on another.
func (p *parser) edge(i, j int) spot {
	for k, dep := range p.drafts[i].depends {
		if task, ok := p.tree.Lookup(dep.ref); ok && task == j && !dep.bad {
			return spot{field: dependencyPath(k)}
		}
	}
	reads := func(reads *expr.Reads) bool {
		return slices.ContainsFunc(reads.Tasks, func(ref expr.Ref) bool {
			task, ok := p.tree.Lookup(ref.Task)
			return ok && task == j
		})
	}
	for _, r := range p.readers(i) {
		if reads(r.reads) {
			return r.first(reads)
		}
	}
	return spot{field: "dependencies"}
}

// cycle returns a cycle as text: a → b → a.
func (p *parser) cycle(tasks []int) string {
	var b strings.Builder
	for _, i := range tasks {
		b.WriteString(p.tree.Tasks[i].ID)
		b.WriteString(" → ")
	}
	b.WriteString(p.tree.Tasks[tasks[0]].ID)
	return b.String()
}

// fromLowest rotates a cycle so that it starts with its first task.
func fromLowest(cycle []int) []int {
	at := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[at:], cycle[:at])
}
