package graph

import (
	"cmp"
	"slices"
)

// Sweeps of a picture, and of a large one.
const (
	sweeps      = 12
	fewSweeps   = 4
	largeSweeps = 2_000 // vertices
)

// sortLayers sorts the layers so that few edges cross: again and again, each vertex
// moves to the mean of those that it is joined to. The order with the fewest
// crossings stays.
func (w *work) sortLayers() {
	most := sweeps
	if len(w.vertices) > largeSweeps {
		most = fewSweeps
	}
	for layer := range w.rows {
		w.sortLayer(layer, nil) // lists of handlers do not mix
	}
	best, least := w.rowsNow(), w.crossings()
	for sweep := 0; sweep < most && least > 0; sweep++ {
		if sweep%2 == 0 {
			for layer := 1; layer < len(w.rows); layer++ {
				w.sortLayer(layer, &w.left)
			}
		} else {
			for layer := len(w.rows) - 2; layer >= 0; layer-- {
				w.sortLayer(layer, &w.right)
			}
		}
		if n := w.crossings(); n < least {
			best, least = w.rowsNow(), n
		}
	}
	for layer, row := range w.rows {
		for _, v := range row {
			w.vertices[v].row = best[v]
		}
		slices.SortFunc(w.rows[layer], func(a, b int32) int { return cmp.Compare(best[a], best[b]) })
	}
}

// rowsNow returns the row of each vertex.
func (w *work) rowsNow() []int32 {
	rows := make([]int32, len(w.vertices))
	for i := range w.vertices {
		rows[i] = w.vertices[i].row
	}
	return rows
}

// sortLayer sorts a layer by the mean row of the vertices that each is joined to. A
// vertex without any stays where it is. With nil, it sorts by list alone.
func (w *work) sortLayer(layer int, joined *lines) {
	type place struct {
		mean float64
		v    int32
		row  int32
		list int8
	}
	row := w.rows[layer]
	places := make([]place, len(row))
	for k, v := range row {
		at := place{mean: float64(k), v: v, row: int32(k), list: w.vertices[v].list}
		if joined != nil {
			if list := joined.of(int(v)); len(list) > 0 {
				sum := 0
				for _, other := range list {
					sum += int(w.vertices[other].row)
				}
				at.mean = float64(sum) / float64(len(list))
			}
		}
		places[k] = at
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.mean, b.mean), cmp.Compare(a.row, b.row))
	})
	for k, at := range places {
		row[k] = at.v
		w.vertices[at.v].row = int32(k)
	}
}

// crossings returns how many pairs of edges cross.
func (w *work) crossings() int {
	widest := 0
	for _, row := range w.rows {
		widest = max(widest, len(row))
	}
	counts := make([]int, widest+1) // a Fenwick tree over the rows of the layer on the left
	total := 0
	var ends []int32
	for layer := 1; layer < len(w.rows); layer++ {
		clear(counts)
		size, added := len(w.rows[layer-1]), 0
		for _, v := range w.rows[layer] {
			ends = ends[:0]
			for _, from := range w.left.of(int(v)) {
				ends = append(ends, w.vertices[from].row)
			}
			for _, row := range ends { // those before that begin below cross this one
				upTo := 0
				for k := int(row) + 1; k > 0; k -= k & -k {
					upTo += counts[k]
				}
				total += added - upTo
			}
			for _, row := range ends {
				for k := int(row) + 1; k <= size; k += k & -k {
					counts[k]++
				}
			}
			added += len(ends)
		}
	}
	return total
}
