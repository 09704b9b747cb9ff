package graph

import "slices"

// maxBends bounds the bends of all edges. The edges with the most have none then,
// and are drawn above the picture: those of a chain of 10,000 tasks in which each
// waits for all others would have millions.
const maxBends = 100_000

// vertex is a unit, or a bend where a long edge crosses a layer.
type vertex struct {
	layer int32
	list  int8  // the list of handlers; bends have none
	bend  bool  // else a unit
	row   int32 // its place in its layer
	y     int   // of its middle
}

// bendRun are the bends right of a unit, one in each layer. All its long edges share
// them.
type bendRun struct {
	first int32 // a vertex
	count int32
}

// addVertices adds the bends of long edges, and joins the vertices of neighbouring
// layers.
func (w *work) addVertices() {
	w.vertices = make([]vertex, len(w.units))
	for i := range w.units {
		u := &w.units[i]
		w.vertices[i] = vertex{layer: u.layer, list: int8(listOf(u.handler))}
	}
	w.bend()
	n := len(w.vertices)
	w.left = lines{first: make([]int32, n+1), to: make([]int32, 0, n+len(w.before.to))}
	for i := range w.vertices {
		if v := &w.vertices[i]; v.bend {
			w.left.to = append(w.left.to, w.bendBefore(int32(i)))
		} else {
			for _, from := range w.before.of(i) {
				if at, ok := w.reach(from, v.layer); ok {
					w.left.to = append(w.left.to, at)
				}
			}
		}
		w.left.first[i+1] = int32(len(w.left.to))
	}
	w.right = w.left.reversed()
	w.rows = make([][]int32, w.layers)
	for i := range w.vertices {
		v := &w.vertices[i]
		v.row = int32(len(w.rows[v.layer]))
		w.rows[v.layer] = append(w.rows[v.layer], int32(i))
	}
}

// bend adds bends to the units with long edges, those with the fewest first.
func (w *work) bend() {
	w.bends = make([]bendRun, len(w.units))
	need := make([]int32, len(w.units)) // vertices
	cost := make([]int, len(w.units))   // bends of all its edges
	for i := range w.units {
		for _, from := range w.before.of(i) {
			between := max(0, w.units[i].layer-w.units[from].layer-1)
			need[from] = max(need[from], between)
			cost[from] += int(between)
		}
	}
	var long []int32
	for i, n := range need {
		if n > 0 {
			long = append(long, int32(i))
		}
	}
	slices.SortStableFunc(long, func(a, b int32) int { return cost[a] - cost[b] })
	owners := make([]int32, 0, len(long))
	total := 0
	for _, i := range long {
		if total += cost[i]; total > maxBends {
			break
		}
		owners = append(owners, i)
	}
	slices.Sort(owners) // so that bends are in the order of the tree
	for _, i := range owners {
		w.bends[i] = bendRun{first: int32(len(w.vertices)), count: need[i]}
		for k := range need[i] {
			w.vertices = append(w.vertices, vertex{layer: w.units[i].layer + 1 + k, bend: true})
		}
	}
	w.owners = owners
}

// owner returns the unit that a vertex is, or whose edges bend there.
func (w *work) owner(v int32) int32 {
	if !w.vertices[v].bend {
		return v
	}
	at, _ := slices.BinarySearchFunc(w.owners, v, func(owner, bend int32) int {
		if w.bends[owner].first <= bend {
			return -1
		}
		return 1
	})
	return w.owners[at-1]
}

// bendBefore returns the vertex left of a bend.
func (w *work) bendBefore(bend int32) int32 {
	owner := w.owner(bend)
	if w.bends[owner].first == bend {
		return owner
	}
	return bend - 1
}

// reach returns the vertex of an edge from a unit that is left of the given layer.
// An edge that goes backwards, or has no bends though it is long, has none.
func (w *work) reach(from, layer int32) (at int32, ok bool) {
	between := layer - w.units[from].layer - 1
	switch run := w.bends[from]; {
	case between < 0:
		return 0, false
	case between == 0:
		return from, true
	default:
		return run.first + between - 1, run.count > 0
	}
}
