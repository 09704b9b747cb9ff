package graph

import "github.com/chainwright/chainwright/chain"

// The sizes of a picture in pixels.
const (
	nodeWidth  = 176
	nodeHeight = 44
	bendHeight = 4
	gapAcross  = 56 // between layers
	gapDown    = 16 // between nodes
	gapBend    = 12 // next to a bend
	gapList    = 48 // above a list of handlers that is below another
	margin     = 24
	laneHeight = 20 // for edges above the picture
	listMargin = 12 // around the nodes of a list
	listTitle  = 20 // above them
)

// The weights of a vertex when it can't be where it should.
const (
	nodeWeight = 1
	bendWeight = 2 // long edges are straight where possible
)

// place sets the height of each vertex: as near as possible to the middle of those
// that it is joined to, without moving past others in its layer.
func (w *work) place() {
	for layer := range w.rows {
		w.placeLayer(layer)
	}
	both := []*lines{&w.left, &w.right}
	for range 2 {
		for layer := 1; layer < len(w.rows); layer++ {
			w.placeLayer(layer, &w.left)
		}
		for layer := len(w.rows) - 2; layer >= 0; layer-- {
			w.placeLayer(layer, &w.right)
		}
	}
	for layer := range w.rows {
		w.placeLayer(layer, both...)
	}
}

// placeLayer moves the vertices of a layer to the mean height of those that each is
// joined to, with the smallest sum of squared distances that leaves the gaps. This
// is isotonic regression by pooling neighbours. It counts in integers, so that all
// machines draw the same.
func (w *work) placeLayer(layer int, joined ...*lines) {
	type block struct{ sum, weight, size int }
	row := w.rows[layer]
	blocks := make([]block, 0, len(row))
	offset := make([]int, len(row))
	for k, v := range row {
		if k > 0 {
			offset[k] = offset[k-1] + w.apart(row[k-1], v)
		}
		weight := nodeWeight
		if w.vertices[v].bend {
			weight = bendWeight
		}
		b := block{sum: weight * (w.wish(v, joined) - offset[k]), weight: weight, size: 1}
		for len(blocks) > 0 {
			above := blocks[len(blocks)-1]
			if above.sum*b.weight < b.sum*above.weight {
				break
			}
			b = block{above.sum + b.sum, above.weight + b.weight, above.size + b.size}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	k := 0
	for _, b := range blocks {
		mean := floor(b.sum, b.weight)
		for range b.size {
			w.vertices[row[k]].y = mean + offset[k]
			k++
		}
	}
}

// wish returns the height that a vertex should have: the mean of those of its own
// kind that it is joined to, so that chains of tasks and long edges are straight;
// else of the others.
func (w *work) wish(v int32, joined []*lines) int {
	var sum, n [2]int // of its own kind, of the other
	for _, l := range joined {
		for _, other := range l.of(int(v)) {
			kind := 0
			if w.vertices[other].bend != w.vertices[v].bend {
				kind = 1
			}
			sum[kind] += w.vertices[other].y
			n[kind]++
		}
	}
	for kind := range n {
		if n[kind] > 0 {
			return floor(sum[kind], n[kind])
		}
	}
	return w.vertices[v].y
}

// floor divides and rounds down, also below zero.
func floor(a, b int) int {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// apart returns the distance between the middles of neighbours in a layer.
func (w *work) apart(above, below int32) int {
	a, b := &w.vertices[above], &w.vertices[below]
	switch {
	case a.bend && b.bend:
		return bendHeight + gapBend
	case a.bend || b.bend:
		return (nodeHeight+bendHeight)/2 + gapBend
	case a.list != b.list:
		return nodeHeight + gapList
	}
	return nodeHeight + gapDown
}

// layout returns the finished layout, moved to the top left.
func (w *work) layout() *Layout {
	l := &Layout{Layers: w.layers, Nodes: make([]Node, len(w.units)), Edges: make([]Edge, 0, len(w.before.to)), nodeOf: make([]int, len(w.tasks)), work: w}
	for task, unit := range w.unitOf {
		l.nodeOf[task] = int(unit)
	}
	top, bottom, lane := w.bounds()
	down := margin - top
	if lane {
		down += laneHeight
	}
	for i := range w.vertices {
		w.vertices[i].y += down
	}
	for i := range w.units {
		l.Nodes[i] = w.node(i)
	}
	w.number(l)
	for i := range w.units {
		for k, from := range w.before.of(i) {
			l.Edges = append(l.Edges, Edge{
				From: l.Nodes[from].ID, To: l.Nodes[i].ID, Optional: w.optional[int(w.before.first[i])+k],
				Points: w.points(from, int32(i)), from: from, to: int32(i),
			})
		}
	}
	l.Lists = lists(l.Nodes)
	l.Width = 2*margin + w.layers*(nodeWidth+gapAcross) - gapAcross
	l.Height = bottom + down + margin
	if w.layers == 0 {
		l.Width = 2 * margin
	}
	return l
}

// bounds returns the top and the bottom of the picture, and whether edges are drawn
// above it.
func (w *work) bounds() (top, bottom int, lane bool) {
	for i := range w.vertices {
		v := &w.vertices[i]
		half := nodeHeight / 2
		over := half
		if v.bend {
			half, over = bendHeight/2, bendHeight/2
		} else if v.list > 0 {
			half, over = half+listMargin, over+listMargin+listTitle
		}
		if i == 0 {
			top, bottom = v.y-over, v.y+half
		}
		top, bottom = min(top, v.y-over), max(bottom, v.y+half)
	}
	for i := range w.units {
		for _, from := range w.before.of(i) {
			if _, ok := w.reach(from, w.units[i].layer); !ok {
				lane = true
			}
		}
	}
	return top, bottom, lane
}

// number sets the rows of the nodes: their places among the nodes of the layer,
// without the bends.
func (w *work) number(l *Layout) {
	for _, row := range w.rows {
		n := 0
		for _, v := range row {
			if int(v) < len(l.Nodes) {
				l.Nodes[v].Row = n
				n++
			}
		}
	}
}

// points returns the corners of an edge. One without bends goes above the picture.
func (w *work) points(from, to int32) [][2]int {
	a, b := &w.vertices[from], &w.vertices[to]
	start, end := [2]int{left(a.layer) + nodeWidth, a.y}, [2]int{left(b.layer), b.y}
	if _, ok := w.reach(from, b.layer); !ok {
		const aside = gapAcross / 4
		return [][2]int{start, {start[0] + aside, margin}, {end[0] - aside, margin}, end}
	}
	points := [][2]int{start}
	for k := range max(0, b.layer-a.layer-1) {
		v := &w.vertices[w.bends[from].first+k]
		points = bendTo(points, [2]int{left(v.layer), v.y})
		points = bendTo(points, [2]int{left(v.layer) + nodeWidth, v.y})
	}
	return bendTo(points, end)
}

// bendTo adds a point. It replaces the last one if that is on a level line.
func bendTo(points [][2]int, p [2]int) [][2]int {
	if n := len(points); n > 1 && points[n-2][1] == points[n-1][1] && points[n-1][1] == p[1] {
		points[n-1] = p
		return points
	}
	return append(points, p)
}

// left returns the left edge of a layer.
func left(layer int32) int { return margin + int(layer)*(nodeWidth+gapAcross) }

// lists returns the places of the lists of handlers.
func lists(nodes []Node) (list []List) {
	for _, name := range chain.HandlerLists {
		found := false
		var x, y, right, bottom int
		for i := range nodes {
			n := &nodes[i]
			if n.Handler != name {
				continue
			}
			if !found {
				x, y, right, bottom, found = n.X, n.Y, n.X+n.W, n.Y+n.H, true
			}
			x, y, right, bottom = min(x, n.X), min(y, n.Y), max(right, n.X+n.W), max(bottom, n.Y+n.H)
		}
		if found {
			list = append(list, List{Name: name, X: x - listMargin, Y: y - listMargin - listTitle,
				W: right - x + 2*listMargin, H: bottom - y + 2*listMargin + listTitle})
		}
	}
	return list
}
