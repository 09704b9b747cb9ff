package graph

import (
	_ "embed" // the style
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors/shorten"
)

//go:embed svg.css
var svgStyle string

const (
	svgTitle    = 36 // the height of the title of a picture
	svgPadding  = 10 // left of the text of a node
	svgID       = 22 // characters of a node's first line that fit
	svgAbout    = 26 // characters of its second line
	svgUnder    = 3  // by how much the lower box of a for_each shows
	svgMostList = 30 // tasks that a description names
)

// SVG returns the picture as an SVG document. It needs no other file and runs no
// script. It is light or dark as its reader prefers.
func (p *Picture) SVG() string {
	var b strings.Builder
	width, height := p.Width, p.Height+svgTitle
	title, about := p.heading()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title about">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"about\">%s</desc>\n", escaped(title), escaped(about+"\n"+p.inText()))
	b.WriteString("<style>\n" + svgStyle + stateStyles(p.Run != nil) + "</style>\n")
	b.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<text class="id" x="%d" y="22">%s</text>`+"\n", margin, escaped(shorten.Runes(title, max(8, width/8))))
	fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", svgTitle)
	for _, l := range p.Lists {
		fmt.Fprintf(&b, `<g class="list"><rect x="%d" y="%d" width="%d" height="%d" rx="8"/><text class="small" x="%d" y="%d">%s</text></g>`+"\n",
			l.X, l.Y, l.W, l.H, l.X+svgPadding, l.Y+16, escaped(l.Name))
	}
	for i := range p.Edges {
		p.svgEdge(&b, i)
	}
	for i := range p.Nodes {
		p.svgNode(&b, i)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// stateStyles returns the colours of the states.
func stateStyles(wanted bool) string {
	if !wanted {
		return ""
	}
	var light, dark strings.Builder
	for i := range looks {
		l := &looks[i]
		write := func(b *strings.Builder, c Colours) {
			fmt.Fprintf(b, ".%s rect { fill: %s; stroke: %s; }\n.%s text { fill: %s; }\n", l.State, c.Fill, c.Line, l.State, c.Text)
		}
		write(&light, l.Light)
		write(&dark, l.Dark)
	}
	return light.String() + "@media (prefers-color-scheme: dark) {\n" + dark.String() + "}\n"
}

// heading returns the title of the picture, and a sentence about it.
func (p *Picture) heading() (title, about string) {
	title = plain(p.Name)
	if title == "" {
		title = "Task tree"
	}
	about = fmt.Sprintf("%d tasks in %d layers, from left to right.", len(p.nodeOf), p.Layers)
	if p.Run != nil {
		title += fmt.Sprintf(" — %s %s", inWords(p.Run.Status), Took(time.Duration(p.Run.DurationMS*float64(time.Millisecond))))
		about = "Run " + p.Run.ID + ": " + about
	}
	return title, about
}

// inText describes the first nodes, for readers who do not see the picture.
func (p *Picture) inText() string {
	before := make([][]string, len(p.Nodes))
	for _, e := range p.Edges {
		before[e.to] = append(before[e.to], p.Nodes[e.from].title())
	}
	var lines []string
	for k, i := range p.Order() {
		if k == svgMostList {
			lines = append(lines, fmt.Sprintf("And %d more.", len(p.Nodes)-k))
			break
		}
		line := p.Nodes[i].title()
		if p.Run != nil {
			line += ": " + p.Run.States[i].fate()
		}
		if len(before[i]) > 0 {
			line += "; after " + shorten.Names(before[i][:min(len(before[i]), 5)], len(before[i]))
		}
		lines = append(lines, line+".")
	}
	return strings.Join(lines, "\n")
}

func (p *Picture) svgEdge(b *strings.Builder, i int) {
	e := &p.Edges[i]
	class := "edge"
	if e.Optional {
		class += " optional"
	}
	if p.Run != nil && p.Run.critical[i] {
		class += " critical"
	}
	fmt.Fprintf(b, `<path class="%s" marker-end="url(#arrow)" d="M%d %d`, class, e.Points[0][0], e.Points[0][1])
	for k := 1; k < len(e.Points); k++ {
		from, to := e.Points[k-1], e.Points[k]
		if from[1] == to[1] {
			fmt.Fprintf(b, "H%d", to[0])
			continue
		}
		middle := (from[0] + to[0]) / 2
		fmt.Fprintf(b, "C%d %d %d %d %d %d", middle, from[1], middle, to[1], to[0], to[1])
	}
	b.WriteString("\"/>\n")
}

func (p *Picture) svgNode(b *strings.Builder, i int) {
	n := &p.Nodes[i]
	class, mark, second := "node", "", n.about()
	told := append([]string{n.title()}, n.kinds()...)
	if n.about() != "" {
		told = append(told, n.about())
	}
	if p.Run != nil {
		st := &p.Run.States[i]
		class += " " + string(st.Status)
		if st.Critical {
			class += " critical"
			told = append(told, "on the critical path")
		}
		mark, second = Mark(st.Status)+" ", st.fate()
		told = append(told, st.fate())
		if st.Error != "" {
			told = append(told, plain(st.Error))
		}
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title>`, class, escaped(strings.Join(told, "\n")))
	if n.ForEach || n.Count > 0 {
		fmt.Fprintf(b, `<rect class="under" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, n.X+svgUnder, n.Y+svgUnder, n.W, n.H)
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6"/>`, n.X, n.Y, n.W, n.H)
	fmt.Fprintf(b, `<text class="id" x="%d" y="%d">%s</text>`, n.X+svgPadding, n.Y+18, escaped(mark+shorten.Runes(n.title(), svgID)))
	fmt.Fprintf(b, `<text class="small" x="%d" y="%d">%s</text></g>`+"\n", n.X+svgPadding, n.Y+34, escaped(shorten.Runes(second, svgAbout)))
}

// escaped returns a text as XML has it.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
