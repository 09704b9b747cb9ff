package graph

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Dot returns the picture in the language of Graphviz.
func (p *Picture) Dot() string {
	var b strings.Builder
	b.WriteString("digraph tasks {\n  rankdir=LR;\n")
	if p.Name != "" {
		fmt.Fprintf(&b, "  label=%s;\n  labelloc=t;\n", dotText(shorten.Runes(plain(p.Name), mostLine)))
	}
	b.WriteString("  fontname=\"Helvetica,Arial,sans-serif\";\n")
	b.WriteString("  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica,Arial,sans-serif\", fontsize=11];\n")
	b.WriteString("  edge [color=\"#6b7280\", arrowsize=0.7];\n")
	for _, list := range append([]string{""}, chain.HandlerLists...) {
		p.dotList(&b, list)
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		var style []string
		if e.Optional {
			style = append(style, "style=dashed")
		}
		if p.Run != nil && p.Run.critical[i] {
			style = append(style, `penwidth=2.5, color="#1f2937"`)
		}
		fmt.Fprintf(&b, "  n%d -> n%d", e.from, e.to)
		if len(style) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(style, ", "))
		}
		b.WriteString(";\n")
	}
	p.follow(func(from, to int) { fmt.Fprintf(&b, "  n%d -> n%d [style=invis];\n", from, to) })
	b.WriteString("}\n")
	return b.String()
}

// follow calls fn for invisible lines. They keep handlers right of all other tasks.
func (p *Picture) follow(fn func(from, to int)) {
	joined := make([]bool, len(p.Nodes))
	for i := range p.Edges {
		joined[p.Edges[i].to] = true
	}
	var last [stages]int // by stage: its last node
	for stage := range last {
		last[stage] = -1
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if at := &last[stageOf(n.Handler)]; *at < 0 || p.Nodes[*at].Layer < n.Layer {
			*at = i
		}
	}
	for i := range p.Nodes {
		before := stageOf(p.Nodes[i].Handler) - 1
		if before == 1 && last[1] < 0 {
			before = 0
		}
		if before >= 0 && last[before] >= 0 && !joined[i] {
			fn(last[before], i)
		}
	}
}

// dotList writes the nodes of a list of handlers, or of no list.
func (p *Picture) dotList(b *strings.Builder, list string) {
	indent, begun := "  ", list == ""
	if list != "" {
		indent = "    "
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Handler != list {
			continue
		}
		if !begun {
			fmt.Fprintf(b, "  subgraph cluster_%s {\n    label=%s;\n    style=dashed;\n", list, list)
			begun = true
		}
		p.dotNode(b, i, indent)
	}
	if list != "" && begun {
		b.WriteString("  }\n")
	}
}

func (p *Picture) dotNode(b *strings.Builder, i int, indent string) {
	n := &p.Nodes[i]
	var style []string
	switch {
	case n.When:
		style = append(style, "shape=diamond")
	case n.ForEach:
		style = append(style, "peripheries=2")
	case n.Approval:
		style = append(style, "shape=parallelogram")
	}
	if p.Run != nil {
		st := &p.Run.States[i]
		look := lookOf(st.Status).Light
		style = append(style, fmt.Sprintf("color=%q, fillcolor=%q, fontcolor=%q", look.Line, look.Fill, look.Text))
		if st.Critical {
			style = append(style, "penwidth=2.5")
		}
	}
	label := fmt.Sprintf("label=%s", dotText(p.lines(i)...))
	fmt.Fprintf(b, "%sn%d [%s];\n", indent, i, strings.Join(append([]string{label}, style...), ", "))
}

// dotText returns lines as one quoted string. Graphviz knows no other escapes than
// these, and reads entities of HTML.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;")
	for i := range lines {
		lines[i] = escape.Replace(lines[i])
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
