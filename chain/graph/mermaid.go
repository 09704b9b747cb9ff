package graph

import (
	"fmt"
	"strings"
	"unicode"
)

// The limits of Mermaid, beyond which it draws nothing but an error. A program that
// shows diagrams can raise them, a diagram can't.
const (
	mermaidEdges = 500
	mermaidText  = 50_000 // characters
)

// Mermaid returns the picture as a Mermaid flowchart, with fewer nodes if Mermaid
// would not draw it. The warning says that several tasks are one node.
func (s *Subject) Mermaid(opts Options) (text, warning string) {
	p := s.Draw(opts)
	if len(p.Nodes) < len(s.Tasks) && len(opts.Closed) == 0 {
		warning = fmt.Sprintf("%d tasks are drawn as %d nodes", len(s.Tasks), len(p.Nodes))
	}
	for {
		text = p.mermaid(warning)
		if len(p.Edges)+strings.Count(text, "~~~") <= mermaidEdges && len(text) <= mermaidText || len(p.Nodes) <= 1 {
			return text, warning
		}
		opts.Most, opts.Open = max(1, len(p.Nodes)*2/3), nil
		p = s.Draw(opts)
		warning = fmt.Sprintf("%d tasks are drawn as %d nodes: Mermaid draws %d lines and %d characters at most",
			len(s.Tasks), len(p.Nodes), mermaidEdges, mermaidText)
	}
}

// mermaid writes the flowchart. A task is a box; with a condition it is a diamond,
// with for_each a double box, with a question a box with slanted ends. A dotted
// arrow is a dependency that need not complete, a thick one is on the critical path.
func (p *Picture) mermaid(warning string) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	if warning != "" {
		fmt.Fprintf(&b, "  %%%% %s\n", warning)
	}
	list := ""
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Handler != list {
			if list != "" {
				b.WriteString("  end\n")
			}
			if list = n.Handler; list != "" {
				fmt.Fprintf(&b, "  subgraph %s\n", list)
			}
		}
		left, right := `["`, `"]`
		switch {
		case n.When:
			left, right = `{"`, `"}`
		case n.ForEach:
			left, right = `[["`, `"]]`
		case n.Approval:
			left, right = `[/"`, `"/]`
		}
		fmt.Fprintf(&b, "  n%d%s%s%s", i, left, p.mermaidLabel(i), right)
		if p.Run != nil {
			fmt.Fprintf(&b, ":::%s", p.Run.States[i].Status)
		}
		b.WriteString("\n")
	}
	if list != "" {
		b.WriteString("  end\n")
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		arrow := "-->"
		switch {
		case p.Run != nil && p.Run.critical[i]:
			arrow = "==>"
		case e.Optional:
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", e.from, arrow, e.to)
	}
	p.follow(func(from, to int) { fmt.Fprintf(&b, "  n%d ~~~ n%d\n", from, to) })
	if p.Run != nil {
		for i := range looks {
			c := looks[i].Light
			fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:%s\n", looks[i].State, c.Fill, c.Line, c.Text)
		}
	}
	return b.String()
}

// mermaidLabel returns the text of a node.
func (p *Picture) mermaidLabel(i int) string {
	lines := p.lines(i)
	for k := range lines {
		lines[k] = mermaidEscape(lines[k])
	}
	return strings.Join(lines, "<br/>")
}

// mermaidEscape writes what Mermaid, Markdown or HTML could read as markup as numbers
// of characters. It finds formulas, icons and line breaks (\n) there as well, but not
// across a space without width.
func mermaidEscape(text string) string {
	const nothing = "\u200b"
	if strings.Contains(text, "$$") {
		text = strings.ReplaceAll(text, "$", "$"+nothing)
	}
	text = strings.NewReplacer(":fa-", ":"+nothing+"fa-", `\n`, `\`+nothing+"n").Replace(text)
	var b strings.Builder
	for _, r := range text {
		if r < unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ,.:()/+-_", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
