package graph

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// fold draws tasks as one node, as the options say.
func (w *work) fold(opts Options) {
	open := map[string]bool{}
	for _, id := range opts.Open {
		open[id] = true
	}
	closed := map[string]bool{}
	for _, id := range opts.Closed {
		closed[id] = true
	}
	w.closeParents(opts.Most, closed, open)
	if opts.Most <= 0 || len(w.units) <= opts.Most {
		return
	}
	w.setLayers()
	w.merge(opts.Most, open, w.twins())
	if len(w.units) <= opts.Most {
		return
	}
	w.setLayers()
	w.merge(opts.Most, open, w.bands(opts.Most))
}

// closeParents draws parents with all that is grouped under them: those in closed,
// and the deepest ones that are not in open until there are at most the given
// number of units. The root of a tree is never closed for that.
func (w *work) closeParents(most int, closed, open map[string]bool) {
	depth := w.depths()
	deepest := int32(0)
	size := make([]int, len(w.tasks)+1) // by depth
	for _, d := range depth {
		deepest = max(deepest, d)
		size[d]++
	}
	if deepest == 0 {
		return
	}
	limit, left := deepest, len(w.tasks)
	for most > 0 && left > most && limit > 1 {
		left -= size[limit]
		limit--
	}
	byDepth := make([]int32, len(w.tasks))
	for i := range byDepth {
		byDepth[i] = int32(i)
	}
	slices.SortStableFunc(byDepth, func(a, b int32) int { return cmp.Compare(depth[a], depth[b]) })
	group := make([]int32, len(w.tasks))
	hides := make([]bool, len(w.tasks)) // what is grouped under it is drawn with it
	for _, i := range byDepth {
		group[i] = i
		if depth[i] > 0 && hides[w.tasks[i].Parent] {
			group[i], hides[i] = group[w.tasks[i].Parent], true
			continue
		}
		id := w.tasks[i].ID
		hides[i] = closed[id] || depth[i] >= limit && !open[id]
	}
	w.regroup(group, true)
}

// depths returns how many parents are above each task. A parent in another list of
// handlers is none, nor is one in a cycle.
func (w *work) depths() []int32 {
	depth := make([]int32, len(w.tasks))
	for i := range depth {
		depth[i] = -1
	}
	var path []int
	for start := range w.tasks {
		i, base := start, int32(-1)
		for path = path[:0]; ; {
			path = append(path, i)
			depth[i] = 0 // so that a cycle ends here
			p := w.tasks[i].Parent
			if p < 0 || p >= len(w.tasks) || w.tasks[p].Handler != w.tasks[i].Handler {
				break
			}
			if depth[p] >= 0 {
				base = depth[p]
				if slices.Contains(path, p) {
					base = -1
				}
				break
			}
			i = p
		}
		for k := len(path) - 1; k >= 0; k-- {
			base++
			depth[path[k]] = base
		}
	}
	return depth
}

// twins returns the unit that each unit may be drawn with: the first of the same
// layer and executor that waits for the same units and is awaited by the same.
func (w *work) twins() []int32 {
	after := w.before.reversed()
	first := map[string]int32{}
	group := make([]int32, len(w.units))
	var key []byte
	for i := range w.units {
		u := &w.units[i]
		head := &w.tasks[u.head]
		key = append(key[:0], head.Executor...)
		key = append(key, 0, byte(listOf(u.handler)), flags(head.ForEach, head.Approval, u.closed))
		for _, list := range [][]int32{w.before.of(i), after.of(i)} {
			sorted := slices.Clone(list)
			slices.Sort(sorted)
			key = binary.LittleEndian.AppendUint32(key, uint32(len(sorted)))
			for _, other := range sorted {
				key = binary.LittleEndian.AppendUint32(key, uint32(other))
			}
		}
		at, known := first[string(key)]
		if !known {
			at = int32(i)
			first[string(key)] = at
		}
		group[i] = at
	}
	return group
}

func flags(list ...bool) (bits byte) {
	for i, set := range list {
		if set {
			bits |= 1 << i
		}
	}
	return bits
}

// bands returns the unit that each unit may be drawn with: the first of its layer
// and list, or of several layers if there are more than the given number.
func (w *work) bands(most int) []int32 {
	tasks := 0 // the layers that are no handlers
	lists := map[string]bool{}
	for i := range w.units {
		if u := &w.units[i]; u.handler == "" {
			tasks = max(tasks, int(u.layer)+1)
		} else {
			lists[u.handler] = true
		}
	}
	size := int32(1)
	room := max(1, most-len(lists))
	if w.layers > most {
		size = int32((tasks + room - 1) / room)
	}
	type place struct {
		list string
		band int32
	}
	first := map[place]int32{}
	group := make([]int32, len(w.units))
	for i := range w.units {
		u := &w.units[i]
		at := place{u.handler, u.layer / max(1, size)}
		if u.handler != "" && w.layers > most {
			at.band = 0
		}
		if _, known := first[at]; !known {
			first[at] = int32(i)
		}
		group[i] = first[at]
	}
	return group
}

// merge carries out groups, the largest first, until there are at most the given
// number of units. Units in open stay as they are.
func (w *work) merge(most int, open map[string]bool, group []int32) {
	w.release(group, open)
	size := make([]int, len(group))
	for _, g := range group {
		size[g]++
	}
	var largest []int32
	for g, n := range size {
		if n > 1 {
			largest = append(largest, int32(g))
		}
	}
	slices.SortStableFunc(largest, func(a, b int32) int { return size[b] - size[a] })
	left := len(group)
	merged := make([]bool, len(group))
	for _, g := range largest {
		if left <= most {
			break
		}
		merged[g] = true
		left -= size[g] - 1
	}
	for i := range group {
		if !merged[group[i]] {
			group[i] = int32(i)
		}
	}
	w.regroup(group, false)
}

// release takes the units in open out of their groups. A group whose id is in open
// is taken apart: that is the node that was opened.
func (w *work) release(group []int32, open map[string]bool) {
	if len(open) == 0 {
		return
	}
	apart := make([]bool, len(group))
	for i := range group {
		if open[w.tasks[w.units[i].head].ID] {
			apart[i] = group[i] == int32(i)
			group[i] = int32(i)
		}
	}
	for i, g := range group {
		if apart[g] {
			group[i] = int32(i)
		}
	}
}
