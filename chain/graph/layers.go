package graph

// setLayers sets the layer of each unit: the longest path to it. Handlers are
// right of all tasks that are no handlers, and on_exit is right of the others.
func (w *work) setLayers() {
	n := len(w.units)
	stage := make([]int, n)
	within := lines{first: make([]int32, n+1)} // the edges inside a stage
	for i := range w.units {
		stage[i] = stageOf(w.units[i].handler)
	}
	for i := range w.units {
		for _, from := range w.before.of(i) {
			if stage[from] == stage[i] {
				within.to = append(within.to, from)
			}
		}
		within.first[i+1] = int32(len(within.to))
	}
	layer := longest(&within)
	var size [stages]int32
	for i := range w.units {
		size[stage[i]] = max(size[stage[i]], layer[i]+1)
	}
	offset := [stages]int32{0, size[0], size[0] + size[1]}
	for i := range w.units {
		w.units[i].layer = offset[stage[i]] + layer[i]
	}
	w.layers = int(size[0] + size[1] + size[2])
}

// longest returns the length of the longest path to each vertex. Tasks have no
// cycles, but groups of them may: there it begins with the first vertex, as if it
// waited for nothing.
func longest(before *lines) []int32 {
	n := len(before.first) - 1
	after := before.reversed()
	length, waits := make([]int32, n), make([]int32, n)
	done := make([]bool, n)
	ready := make([]int32, 0, n)
	add := func(i int32) {
		done[i] = true
		ready = append(ready, i)
	}
	for i := range n {
		if waits[i] = int32(len(before.of(i))); waits[i] == 0 {
			add(int32(i))
		}
	}
	for next, stuck := 0, int32(0); next < n; {
		if next == len(ready) {
			for done[stuck] {
				stuck++
			}
			add(stuck)
		}
		i := ready[next]
		next++
		for _, to := range after.of(int(i)) {
			if done[to] {
				continue
			}
			length[to] = max(length[to], length[i]+1)
			if waits[to]--; waits[to] == 0 {
				add(to)
			}
		}
	}
	return length
}
