// Package heap is a binary heap of task numbers.
//
// It is written by hand: container/heap allocates for each number it stores.
package heap

// Heap is a binary heap, the least item on top. Less must be set.
type Heap struct {
	Items []int32
	Less  func(a, b int32) bool
}

// Push adds an item.
func (h *Heap) Push(x int32) {
	h.Items = append(h.Items, x)
	for i := len(h.Items) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.Less(h.Items[i], h.Items[up]) {
			return
		}
		h.Items[i], h.Items[up] = h.Items[up], h.Items[i]
		i = up
	}
}

// Pop removes the least item and returns it. The heap must not be empty.
func (h *Heap) Pop() int32 {
	top, last := h.Items[0], len(h.Items)-1
	h.Items[0] = h.Items[last]
	h.Items = h.Items[:last]
	for i := 0; ; {
		least := 2*i + 1
		if least >= last {
			return top
		}
		if right := least + 1; right < last && h.Less(h.Items[right], h.Items[least]) {
			least = right
		}
		if !h.Less(h.Items[least], h.Items[i]) {
			return top
		}
		h.Items[i], h.Items[least] = h.Items[least], h.Items[i]
		i = least
	}
}
