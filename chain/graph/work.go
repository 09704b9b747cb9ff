package graph

import "github.com/chainwright/chainwright/chain"

// lines are directed edges in two arrays: the targets of i start at first[i].
type lines struct {
	first, to []int32
}

func (l *lines) of(i int) []int32 { return l.to[l.first[i]:l.first[i+1]] }

// reversed returns the edges in the other direction.
func (l *lines) reversed() lines {
	n := len(l.first) - 1
	r := lines{first: make([]int32, n+1), to: make([]int32, len(l.to))}
	for _, to := range l.to {
		r.first[to+1]++
	}
	for i := range n {
		r.first[i+1] += r.first[i]
	}
	next := make([]int32, n)
	copy(next, r.first)
	for i := range n {
		for _, to := range l.of(i) {
			r.to[next[to]] = int32(i)
			next[to]++
		}
	}
	return r
}

// unit is one or more tasks that are drawn as one node.
type unit struct {
	tasks   []int32 // in the order of the tree
	head    int32   // the task whose id the node has
	closed  bool    // the head is drawn with what is grouped under it
	handler string
	layer   int32
}

// work is a layout in the making.
type work struct {
	tasks    []chain.Outline
	units    []unit
	unitOf   []int32 // by task
	before   lines   // by unit: the units that it waits for
	optional []bool  // by edge of before: not required
	layers   int

	// The vertices are the units, followed by the bends of long edges.
	vertices []vertex
	left     lines     // by vertex: those in the layer before that it is joined to
	right    lines     // by vertex: those in the layer after
	bends    []bendRun // by unit
	owners   []int32   // the units that have bends
	rows     [][]int32 // by layer: its vertices from the top
}

// newWork returns the work with one unit for each task.
func newWork(tasks []chain.Outline) *work {
	w := &work{tasks: tasks, units: make([]unit, len(tasks)), unitOf: make([]int32, len(tasks))}
	all := make([]int32, len(tasks))
	for i := range tasks {
		all[i] = int32(i)
		w.units[i] = unit{tasks: all[i : i+1 : i+1], head: int32(i), handler: tasks[i].Handler}
		w.unitOf[i] = int32(i)
	}
	w.connect()
	return w
}

// connect sets the edges between the units from the dependencies of their tasks.
// Two units have one edge at most, and none has one to itself.
func (w *work) connect() {
	n := len(w.units)
	w.before = lines{first: make([]int32, n+1)}
	w.optional = w.optional[:0]
	seen := make([]int32, n) // the edge from this unit, counted from 1
	for i := range w.units {
		start := int32(len(w.before.to))
		for _, task := range w.units[i].tasks {
			for _, d := range w.tasks[task].Dependencies {
				if d.Task < 0 || d.Task >= len(w.tasks) {
					continue
				}
				from := w.unitOf[d.Task]
				switch at := seen[from]; {
				case int(from) == i:
				case at > start:
					w.optional[at-1] = w.optional[at-1] && !d.Required
				default:
					w.before.to = append(w.before.to, from)
					w.optional = append(w.optional, !d.Required)
					seen[from] = int32(len(w.before.to))
				}
			}
		}
		w.before.first[i+1] = int32(len(w.before.to))
	}
}

// regroup replaces the units by groups of them: group has, by unit, the unit whose
// id the group gets.
func (w *work) regroup(group []int32, closed bool) {
	at := make([]int32, len(w.units)) // the new index of a group, counted from 1
	var units []unit
	for i := range w.units {
		g := group[i]
		if at[g] == 0 {
			head := w.units[g]
			units = append(units, unit{head: head.head, handler: head.handler})
			at[g] = int32(len(units))
		}
		u := &units[at[g]-1]
		if len(u.tasks) == 0 {
			u.tasks, u.closed = w.units[i].tasks, w.units[i].closed
			continue
		}
		u.tasks, u.closed = append(u.tasks, w.units[i].tasks...), closed
	}
	w.units = units
	for i := range w.units {
		for _, task := range w.units[i].tasks {
			w.unitOf[task] = int32(i)
		}
	}
	w.connect()
}
