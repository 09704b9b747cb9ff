package graph

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors/shorten"
)

// TextOptions say how a picture is drawn with characters.
type TextOptions struct {
	// Width is the number of columns there are; less than 20 counts as 20.
	Width int
	// ASCII draws with ASCII characters only. Names stay as they are.
	ASCII bool
}

const (
	leastWidth = 20
	leastID    = 12 // columns of an id that say enough
	gap        = "  "
)

// pen are the characters of a picture.
type pen struct {
	line, side                                 string
	topLeft, topRight, bottomLeft, bottomRight string
	down, up                                   string // where an arrow leaves a box, and its head
	arrow, optional                            string // heads to the right
	back, end                                  string // before dependencies, and where a text is cut
	heavy                                      []string
	joints                                     [16]string // by the directions that meet
}

// The directions in which lines leave a cell.
const (
	north = 1 << iota
	south
	east
	west
)

var unicodePen = pen{
	line: "─", side: "│", topLeft: "┌", topRight: "┐", bottomLeft: "└", bottomRight: "┘", down: "┬", up: "▼",
	arrow: "▶", optional: "▷", back: "←", end: shorten.Ellipsis, heavy: []string{"━", "┃", "┏", "┓", "┗", "┛"},
	joints: [16]string{" ", "│", "│", "│", "─", "└", "┌", "├", "─", "┘", "┐", "┤", "─", "┴", "┬", "┼"},
}

var asciiPen = pen{
	line: "-", side: "|", topLeft: "+", topRight: "+", bottomLeft: "+", bottomRight: "+", down: "-", up: "v",
	arrow: ">", optional: ">", back: "<-", end: "~", heavy: []string{"=", "#", "#", "#", "#", "#"},
	joints: [16]string{" ", "|", "|", "|", "-", "+", "+", "+", "-", "+", "+", "+", "-", "+", "+", "+"},
}

// Text returns the picture in characters, in lines of at most the given width: boxes
// with lines between them if there is room, else a box for each layer.
func (p *Picture) Text(opts TextOptions) string {
	opts.Width = max(opts.Width, leastWidth)
	t := &texter{Picture: p, width: opts.Width, pen: &unicodePen, ascii: opts.ASCII}
	if opts.ASCII {
		t.pen = &asciiPen
	}
	t.heading()
	if !t.boxes() {
		t.layers()
	}
	t.legend()
	return t.b.String()
}

type texter struct {
	*Picture
	width int
	pen   *pen
	ascii bool
	b     strings.Builder
}

func (t *texter) line(text string) {
	t.b.WriteString(strings.TrimRight(text, " "))
	t.b.WriteByte('\n')
}

// cut returns a text of at most n columns.
func (t *texter) cut(text string, n int) string {
	return strings.TrimRight(fit(text, n, t.pen.end), " ")
}

func (t *texter) heading() {
	title, _ := t.Picture.heading()
	if t.ascii {
		title = strings.ReplaceAll(title, " — ", " - ")
	}
	t.line(t.cut(title, t.width))
}

// mark returns the mark of a node's state, and a star if it is on the critical path.
func (t *texter) mark(i int) string {
	if t.Run == nil {
		return ""
	}
	st := &t.Run.States[i]
	mark := Mark(st.Status)
	if t.ascii {
		mark = lookOf(st.Status).ASCII
	}
	if st.Critical {
		return mark + "*"
	}
	return mark + " "
}

// second returns what a picture says about a node besides its id.
func (t *texter) second(i int) string {
	text := t.Nodes[i].about()
	if t.Run != nil {
		text = t.Run.States[i].fate()
	}
	if t.ascii {
		text = strings.ReplaceAll(text, " · ", ", ")
	}
	return text
}

// legend explains the signs that the picture has.
func (t *texter) legend() {
	if t.Run == nil {
		return
	}
	for i := range t.Run.States {
		if t.Run.States[i].Critical && len(t.Nodes) > 1 {
			t.line(t.cut("* on the critical path", t.width))
			return
		}
	}
}

// layers draws a box for each layer, with a line for each node.
func (t *texter) layers() {
	before := make([][]string, len(t.Nodes))
	for i := range t.Edges {
		e := &t.Edges[i]
		name := t.Nodes[e.from].title()
		if e.Optional {
			name += "?"
		}
		before[e.to] = append(before[e.to], name)
	}
	order := t.Order()
	first := true
	for from := 0; from < len(order); {
		n := &t.Nodes[order[from]]
		to := from
		for to < len(order) && t.Nodes[order[to]].Layer == n.Layer && t.Nodes[order[to]].Handler == n.Handler {
			to++
		}
		title := fmt.Sprint(n.Layer + 1)
		if n.Handler != "" {
			title = n.Handler
		}
		t.layer(title, order[from:to], before, first, to < len(order))
		first = false
		from = to
	}
}

// layer draws one box.
func (t *texter) layer(title string, nodes []int, before [][]string, first, more bool) {
	const arrowAt = 4
	inner := t.width - 4
	wide := t.width >= 72
	idWidth := 0
	for _, i := range nodes {
		idWidth = max(idWidth, columns(t.Nodes[i].title()))
	}
	idWidth = min(idWidth, inner*2/5)
	top := t.pen.topLeft + t.pen.line + " " + title + " "
	if !first {
		// The arrow from the box above.
		top = t.pen.topLeft + strings.Repeat(t.pen.line, arrowAt-1) + t.pen.up + t.pen.line + " " + title + " "
	}
	t.line(top + strings.Repeat(t.pen.line, max(0, t.width-1-columns(top))) + t.pen.topRight)
	for _, i := range nodes {
		after := ""
		if len(before[i]) > 0 {
			after = t.pen.back + " " + strings.Join(before[i], ", ")
		}
		id, second, below := t.Nodes[i].title(), t.second(i), ""
		room := idWidth
		if !wide { // the states are on the right
			room = inner - 2 - len(gap) - columns(second)
			if room < min(columns(id), leastID) {
				room, second, below = inner-2, "", second
			}
		}
		text := t.mark(i) + fit(id, room, t.pen.end) + gap + second
		if kinds := t.Nodes[i].kinds(); wide && len(kinds) > 0 {
			text += gap + "(" + strings.Join(kinds, ", ") + ")"
		}
		if wide && after != "" && columns(text)+len(gap)+columns(after) <= inner {
			text, after = text+gap+after, ""
		}
		t.inside(text, inner)
		for _, more := range []string{below, after} {
			if more != "" {
				t.inside("    "+more, inner)
			}
		}
	}
	bottom := t.pen.bottomLeft + strings.Repeat(t.pen.line, t.width-2) + t.pen.bottomRight
	if more {
		bottom = t.pen.bottomLeft + strings.Repeat(t.pen.line, arrowAt-1) + t.pen.down + strings.Repeat(t.pen.line, t.width-2-arrowAt) + t.pen.bottomRight
	}
	t.line(bottom)
}

// inside writes a line of a box.
func (t *texter) inside(text string, inner int) {
	t.line(t.pen.side + " " + fit(text, inner, t.pen.end) + " " + t.pen.side)
}
