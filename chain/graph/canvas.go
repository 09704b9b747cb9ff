package graph

import (
	"slices"
	"strings"
)

const (
	rowHeight = 12 // pixels of a layout that a line of text stands for
	boxHeight = 4  // lines
	mostBoxes = 80
	widestBox = 34 // columns, with the border
	leastBox  = 12
	sideSpace = 4 // columns of a box that its text can't have
)

// wire is what leaves one vertex to the right: a line to a column of its own, and
// from there one to each target.
type wire struct {
	from    int32
	row     int
	ends    []wireEnd
	column  int // in the space between the layers; -1: it goes straight
	low, up int // the rows between which it is vertical
}

// wireEnd is where a wire enters a vertex.
type wireEnd struct {
	to       int32
	row      int
	optional bool
}

// canvas is a picture in the making.
type canvas struct {
	*texter
	work   *work
	cells  [][]cell
	boxAt  []int // by layer: the first column of its boxes
	box    []int // by layer: the width of its boxes
	wires  [][]wire
	space  []int       // by layer: the columns right of it
	untold [][2]string // edges that can't be drawn
}

// cell is a character of the picture.
type cell struct {
	text  string
	lines []stroke // if there is no text
	wide  bool     // it is the right half of the character before
}

// stroke is a line through a cell. Strokes of one wire meet, and so do those that
// enter the same vertex. Others cross.
type stroke struct {
	directions uint8
	wire       int32
	into       int32 // the vertex that it enters; -1: it is not known here
}

// boxes draws boxes with lines between them. It reports whether there was room.
func (t *texter) boxes() bool {
	if len(t.Nodes) > mostBoxes || len(t.Nodes) == 0 {
		return false
	}
	c := &canvas{texter: t, work: t.Layout.work}
	c.route()
	if !c.columns() {
		return false
	}
	c.draw()
	for _, row := range c.cells {
		t.line(c.text(row))
	}
	for _, e := range c.untold {
		t.line(t.cut("also: "+e[1]+" "+t.pen.back+" "+e[0], t.width))
	}
	return true
}

func (c *canvas) row(v int32) int { return (c.work.vertices[v].y + rowHeight/2) / rowHeight }

// route finds the column of each wire.
func (c *canvas) route() {
	optional := map[[2]int32]bool{}
	for i := range c.Edges {
		e := &c.Edges[i]
		optional[[2]int32{e.from, e.to}] = e.Optional
		if _, ok := c.work.reach(e.from, c.work.vertices[e.to].layer); !ok {
			c.untold = append(c.untold, [2]string{c.Nodes[e.from].title(), c.Nodes[e.to].title()})
		}
	}
	c.wires = make([][]wire, len(c.work.rows))
	c.space = make([]int, len(c.work.rows))
	for layer, row := range c.work.rows {
		for _, v := range row {
			targets := c.work.right.of(int(v))
			if len(targets) == 0 {
				continue
			}
			w := wire{from: v, row: c.row(v), column: -1}
			for _, to := range targets {
				w.ends = append(w.ends, wireEnd{to: to, row: c.row(to), optional: optional[[2]int32{c.work.owner(v), to}]})
			}
			w.span()
			c.wires[layer] = append(c.wires[layer], w)
		}
		c.assign(layer)
	}
}

// span sets the rows between which the wire is vertical.
func (w *wire) span() {
	w.low, w.up = w.row, w.row
	for _, e := range w.ends {
		w.low, w.up = max(w.low, e.row), min(w.up, e.row)
	}
}

func (w *wire) straight() bool { return w.low == w.up }

func (w *wire) enters(row int) bool {
	return slices.ContainsFunc(w.ends, func(e wireEnd) bool { return e.row == row })
}

// assign gives each wire of a layer that is not straight a column. Where one leaves
// a vertex in the row in which another enters one, it turns first.
func (c *canvas) assign(layer int) {
	wires := c.wires[layer]
	mustPrecede := func(a, b *wire) bool { return a != b && !a.straight() && b.enters(a.row) && !a.enters(a.row) }
	placed := make([]bool, len(wires))
	used := 0
	for left := len(wires); left > 0; left-- {
		next := -1
		for i := range wires {
			blocked := slices.ContainsFunc(indexes(len(wires)), func(k int) bool { return !placed[k] && mustPrecede(&wires[k], &wires[i]) })
			if !placed[i] && !blocked {
				next = i
				break
			}
		}
		if next < 0 { // two wires that would each have to turn first
			next = slices.Index(placed, false)
			c.evade(layer, next, placed)
		}
		placed[next] = true
		w := &wires[next]
		if w.straight() {
			continue
		}
		column := 0
		for k := range wires {
			if placed[k] && mustPrecede(&wires[k], w) {
				column = max(column, wires[k].column+1)
			}
		}
		for slices.ContainsFunc(wires, func(o wire) bool {
			return o.column == column && o.from != w.from && o.up <= w.low+1 && w.up <= o.low+1
		}) {
			column++
		}
		w.column = column
		used = max(used, column+1)
	}
	c.space[layer] = used + 3
}

// evade lets a wire enter its boxes a line lower where another one that is not
// placed yet leaves in the same row. Where that is not possible, the edges are told
// below the picture.
func (c *canvas) evade(layer, at int, placed []bool) {
	wires := c.wires[layer]
	w := &wires[at]
	leaves := func(row int) bool {
		return slices.ContainsFunc(wires, func(o wire) bool { return o.from != w.from && o.row == row && !o.enters(row) })
	}
	kept := w.ends[:0:0]
	for _, e := range w.ends {
		blocked := false
		for k := range wires {
			o := &wires[k]
			blocked = blocked || k != at && !placed[k] && !o.straight() && o.row == e.row && !o.enters(e.row)
		}
		if blocked && !c.work.vertices[e.to].bend && !leaves(e.row+1) {
			e.row++
			blocked = false
		}
		if blocked {
			c.tell(w.from, e.to)
			continue
		}
		kept = append(kept, e)
	}
	w.ends = kept
	w.span()
}

// tell adds the edges between two vertices to those below the picture.
func (c *canvas) tell(from, to int32) {
	owner := c.work.owner(from)
	for i := range c.Edges {
		e := &c.Edges[i]
		through := e.to == to || c.work.vertices[to].bend && c.work.vertices[e.to].layer > c.work.vertices[to].layer
		if e.from == owner && through {
			c.untold = append(c.untold, [2]string{c.Nodes[e.from].title(), c.Nodes[e.to].title()})
		}
	}
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// columns finds the widths of the boxes. It reports whether there is room.
func (c *canvas) columns() bool {
	c.box, c.boxAt = make([]int, c.Layers), make([]int, c.Layers)
	need := make([]int, c.Layers)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		need[n.Layer] = max(need[n.Layer], columns(c.mark(i)+n.title()), columns(c.second(i)), columns(c.label(i))+2)
	}
	for widest := widestBox; widest >= leastBox; widest-- {
		at := 0
		for layer := range need {
			c.boxAt[layer], c.box[layer] = at, min(need[layer]+sideSpace, widest)
			at += c.box[layer]
			if layer+1 < c.Layers {
				at += c.space[layer]
			}
		}
		if at <= c.width {
			c.cells = make([][]cell, (c.Height-margin+rowHeight-1)/rowHeight+boxHeight)
			for i := range c.cells {
				c.cells[i] = make([]cell, at)
			}
			return true
		}
	}
	return false
}

// label is what the top of a box says.
func (c *canvas) label(i int) string {
	n := &c.Nodes[i]
	list := n.kinds()
	if n.Handler != "" {
		list = append([]string{n.Handler}, list...)
	}
	return strings.Join(list, ", ")
}

func (c *canvas) draw() {
	for layer := range c.wires {
		for i := range c.wires[layer] {
			c.wire(layer, &c.wires[layer][i])
		}
	}
	for v := range c.work.vertices {
		at := &c.work.vertices[v]
		if at.bend {
			left := c.boxAt[at.layer]
			c.across(c.row(int32(v)), left, left+c.box[at.layer]-1, stroke{wire: int32(v), into: -1})
			continue
		}
		c.drawBox(v)
	}
	for len(c.cells) > 0 && strings.TrimSpace(c.text(c.cells[0])) == "" {
		c.cells = c.cells[1:]
	}
	for n := len(c.cells); n > 0 && strings.TrimSpace(c.text(c.cells[n-1])) == ""; n-- {
		c.cells = c.cells[:n-1]
	}
}

// wire draws the lines from a vertex to the next layer.
func (c *canvas) wire(layer int, w *wire) {
	start := c.boxAt[layer] + c.box[layer]
	end, turn := start+c.space[layer]-1, start-1
	if !w.straight() {
		turn = start + 1 + w.column
		c.across(w.row, start, turn-1, stroke{wire: w.from, into: -1})
		c.add(w.row, turn, stroke{west, w.from, -1})
		for row := w.up; row < w.low; row++ {
			c.add(row, turn, stroke{south, w.from, -1})
			c.add(row+1, turn, stroke{north, w.from, -1})
		}
	}
	for _, e := range w.ends {
		if !w.straight() {
			c.add(e.row, turn, stroke{east, w.from, e.to})
		}
		c.across(e.row, turn+1, end, stroke{wire: w.from, into: e.to})
		if !c.work.vertices[e.to].bend {
			head := c.pen.arrow
			if e.optional {
				head = c.pen.optional
			}
			c.cells[e.row][end].text = head
		}
	}
}

// across draws a level line, both ends included.
func (c *canvas) across(row, from, to int, s stroke) {
	s.directions = east | west
	for column := from; column <= to; column++ {
		c.add(row, column, s)
	}
}

func (c *canvas) add(row, column int, s stroke) {
	at := &c.cells[row][column]
	at.lines = append(at.lines, s)
}

// joint returns the directions of the lines in a cell. Of two lines that cross, only
// the vertical one is drawn.
func (at *cell) joint() uint8 {
	all, crossing := uint8(0), false
	for i := range at.lines {
		all |= at.lines[i].directions
		crossing = crossing || !at.meets(0, i, len(at.lines))
	}
	if crossing {
		for i := range at.lines {
			together := uint8(0)
			for k := range at.lines {
				if at.meets(i, k, len(at.lines)) {
					together |= at.lines[k].directions
				}
			}
			if together == north|south {
				return together
			}
		}
	}
	return all
}

// meets reports whether two lines in a cell are joined, in so many steps at most.
func (at *cell) meets(i, k, steps int) bool {
	a, b := &at.lines[i], &at.lines[k]
	if a.wire == b.wire || a.into == b.into && a.into >= 0 {
		return true
	}
	for m := range at.lines {
		if x := &at.lines[m]; steps > 0 && m != i && (a.wire == x.wire || a.into == x.into && a.into >= 0) && at.meets(m, k, steps-1) {
			return true
		}
	}
	return false
}

// drawBox draws a node.
func (c *canvas) drawBox(i int) {
	n := &c.Nodes[i]
	left, width, top := c.boxAt[n.Layer], c.box[n.Layer], c.row(int32(i))-1
	line, side, corners := c.pen.line, c.pen.side, []string{c.pen.topLeft, c.pen.topRight, c.pen.bottomLeft, c.pen.bottomRight}
	if c.Run != nil && c.Run.States[i].Critical && len(c.Nodes) > 1 {
		line, side, corners = c.pen.heavy[0], c.pen.heavy[1], c.pen.heavy[2:]
	}
	inner := width - 2
	head := ""
	if label := c.label(i); label != "" {
		head = line + " " + strings.TrimRight(fit(label, min(columns(label), inner-3), c.pen.end), " ") + " "
	}
	c.put(top, left, corners[0]+head+strings.Repeat(line, max(0, inner-columns(head)))+corners[1])
	c.put(top+1, left, side+" "+fit(c.mark(i)+n.title(), inner-2, c.pen.end)+" "+side)
	c.put(top+2, left, side+" "+fit(c.second(i), inner-2, c.pen.end)+" "+side)
	c.put(top+3, left, corners[2]+strings.Repeat(line, inner)+corners[3])
}

// put writes a text over what is there.
func (c *canvas) put(row, column int, text string) {
	for _, r := range text {
		width := columnsOf(r)
		if width == 0 {
			if column > 0 {
				c.cells[row][column-1].text += string(r)
			}
			continue
		}
		c.cells[row][column] = cell{text: string(r)}
		if width == 2 && column+1 < len(c.cells[row]) {
			c.cells[row][column+1] = cell{wide: true}
		}
		column += width
	}
}

// text returns a line of the picture.
func (c *canvas) text(row []cell) string {
	var b strings.Builder
	for i := range row {
		switch at := &row[i]; {
		case at.wide:
		case at.text != "":
			b.WriteString(at.text)
		default:
			b.WriteString(c.pen.joints[at.joint()])
		}
	}
	return strings.TrimRight(b.String(), " ")
}
