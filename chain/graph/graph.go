// Package graph computes the picture of a task tree. It is not a stable API.
// Of places the tasks in layers from left to right, and everything that draws a
// tree or a run draws this layout. The package is pure: the same tasks always
// have the same layout.
package graph

import (
	"slices"

	"github.com/chainwright/chainwright/chain"
)

// Layout is where the tasks of a tree are drawn, in pixels at normal size.
type Layout struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	// Layers is the number of columns. A task is at least one column right of
	// each task that it waits for.
	Layers int `json:"layers"`
	// Nodes are in the order of the tree. Tasks without handlers come first.
	Nodes []Node `json:"nodes"`
	// Edges go from a task to one that waits for it.
	Edges []Edge `json:"edges"`
	// Lists are the lists of handlers, right of all other tasks.
	Lists []List `json:"lists,omitempty"`

	nodeOf []int // by task
	work   *work
}

// Node is one task, or several that are drawn as one.
type Node struct {
	// ID is the id of the task, or of the first of several.
	ID string `json:"id"`
	// Name is the task's name. Of several tasks it is that of their parent, or
	// their number.
	Name string `json:"name"`
	// Executor is that of the task or of the parent. It is empty for tasks with
	// several executors.
	Executor string `json:"executor"`
	// Parent is the id of the node of the parent.
	Parent string `json:"parent,omitempty"`
	Layer  int    `json:"layer"`
	// Row is the node's place in its layer, from the top.
	Row     int  `json:"row"`
	X       int  `json:"x"` // of the left edge
	Y       int  `json:"y"` // of the top edge
	W       int  `json:"w"`
	H       int  `json:"h"`
	ForEach bool `json:"for_each"`
	When    bool `json:"when,omitempty"`
	// Approval means that the task, or one of several, asks a person.
	Approval bool `json:"approval"`
	// Handler is the list of handlers that the task is in.
	Handler string `json:"handler,omitempty"`
	// Count is the number of the tasks that are drawn as one node, and Tasks are
	// their ids. Both are left out for a single task.
	Count int      `json:"count,omitempty"`
	Tasks []string `json:"tasks,omitempty"`

	tasks  []int32
	merged bool // several tasks without their parent
}

// Edge is a line between two nodes.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Optional means that the task only waits for the end of the other, which
	// need not complete.
	Optional bool `json:"optional,omitempty"`
	// Points are the corners of the line, from the right edge of one node to
	// the left edge of the other.
	Points [][2]int `json:"points"`

	from, to int32 // nodes
}

// List is the place of a list of handlers.
type List struct {
	Name string `json:"name"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
	W    int    `json:"w"`
	H    int    `json:"h"`
}

// Options say which tasks are drawn as one.
type Options struct {
	// Most is the number of nodes from which tasks are drawn as one: first the
	// deepest parents with what is grouped under them, then tasks of one
	// executor that wait for the same tasks and are awaited by the same, then
	// whole layers, then several layers. 0: each task has a node.
	Most int
	// Closed are the ids of parents that are drawn as one node with all that is
	// grouped under them, and Open the ids of nodes that Most does not affect.
	Closed, Open []string
}

// Of returns the layout of the tasks of a tree.
func Of(tasks []chain.Outline, opts Options) *Layout {
	w := newWork(tasks)
	w.fold(opts)
	w.setLayers()
	w.addVertices()
	w.sortLayers()
	w.place()
	return w.layout()
}

// NodeOf returns the index of the node that a task is drawn in, by the index of
// the task.
func (l *Layout) NodeOf(task int) int { return l.nodeOf[task] }

// Order returns the indexes of the nodes by layer and row: the order in which
// lists of tasks are read.
func (l *Layout) Order() []int {
	order := make([]int, len(l.Nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &l.Nodes[a], &l.Nodes[b]
		if x.Layer != y.Layer {
			return x.Layer - y.Layer
		}
		return x.Row - y.Row
	})
	return order
}

// stages are the parts of a picture from left to right: tasks, the handlers of
// the outcome, those that run at the exit.
const stages = 3

func stageOf(handler string) int {
	switch handler {
	case "":
		return 0
	case chain.OnExit:
		return 2
	}
	return 1
}

// listOf returns the place of a list of handlers from the top, 0 for no handler.
func listOf(handler string) int { return slices.Index(chain.HandlerLists, handler) + 1 }
