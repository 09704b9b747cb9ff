package scrape

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// breaks is the number of line breaks around an element.
var breaks = map[atom.Atom]int{
	atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.H5: 2, atom.H6: 2, atom.Blockquote: 2, atom.Pre: 2, atom.Ul: 2,
	atom.Ol: 2, atom.Dl: 2, atom.Table: 2, atom.Hr: 2, atom.Figure: 2, atom.Article: 2, atom.Section: 2, atom.Main: 2, atom.Header: 2,
	atom.Footer: 2, atom.Nav: 2, atom.Aside: 2, atom.Form: 2, atom.Fieldset: 2, atom.Details: 2,
	atom.Div: 1, atom.Li: 1, atom.Dt: 1, atom.Dd: 1, atom.Tr: 1, atom.Br: 1, atom.Address: 1, atom.Option: 1, atom.Summary: 1,
	atom.Figcaption: 1, atom.Caption: 1,
}

// text renders a tree as plain text: an empty line between paragraphs, a dash
// before list items, a bar between table cells, also for empty ones.
func text(article *html.Node) string {
	w := &writer{}
	for part := article.FirstChild; part != nil; part = part.NextSibling {
		w.end(2)
		w.write(part)
	}
	return w.String()
}

// writer joins pieces of text and keeps what must precede the next one.
type writer struct {
	strings.Builder
	lines int    // pending line breaks
	space bool   // a pending space
	joint string // pending text that replaces both
	pre   int    // depth of pre elements
	row   int    // start of the last table row
	bars  int    // pending bars between cells
	cells int    // depth of cells
}

func (w *writer) end(lines int) { w.lines = max(w.lines, lines) }

func (w *writer) write(n *html.Node) {
	if n.Type == html.TextNode {
		w.add(n.Data)
		return
	}
	around := breaks[n.DataAtom]
	w.end(around)
	switch n.DataAtom {
	case atom.Pre:
		w.pre++
		defer func() { w.pre-- }()
	case atom.Li:
		w.add("-")
		w.joint = " "
	case atom.Tr:
		w.row, w.bars = w.Len(), 0
		defer w.endRow()
	case atom.Td, atom.Th:
		if earlier(n) {
			w.bars++
		}
		w.cells++
		defer func() { w.cells-- }()
	case atom.Img:
		if alt := attribute(n, "alt"); alt != "" {
			w.add(alt)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.write(c)
	}
	w.end(around)
}

// endRow writes the bars of empty cells at the end of a row that has text.
func (w *writer) endRow() {
	if w.Len() > w.row {
		w.WriteString(strings.Repeat(" |", w.bars))
	}
	w.bars = 0
}

func earlier(n *html.Node) bool {
	for p := n.PrevSibling; p != nil; p = p.PrevSibling {
		if p.Type == html.ElementNode {
			return true
		}
	}
	return false
}

// add appends a text and collapses its white space, except inside pre.
func (w *writer) add(piece string) {
	for _, r := range piece {
		if unicode.IsSpace(r) && w.pre == 0 {
			w.space = true
			continue
		}
		between := w.bars > 0 && w.Len() > w.row
		switch {
		case between:
			w.WriteString(strings.Repeat(" |", w.bars) + " ")
		case w.Len() == 0:
		case w.joint != "":
			w.WriteString(w.joint)
		case w.lines > 0:
			w.WriteString(strings.Repeat("\n", w.lines))
		case w.space:
			w.WriteByte(' ')
		}
		if w.bars > 0 && !between {
			w.WriteString(strings.Repeat("| ", w.bars)) // the row begins with empty cells
		}
		w.lines, w.space, w.joint, w.bars = 0, false, "", 0
		if r == '|' && w.cells > 0 {
			w.WriteByte('\\')
		}
		w.WriteRune(r)
	}
}

// clean removes control characters.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// inline returns the text of an element on one line.
func inline(n *html.Node) string {
	const most = 8 << 10
	var b strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode && b.Len() < most:
			b.WriteString(d.Data[:min(len(d.Data), most)])
		case breaks[d.DataAtom] > 0 || isCell(d):
			b.WriteByte(' ')
		}
	}
	return clean(strings.Join(strings.Fields(strings.ToValidUTF8(b.String(), "")), " "))
}

// bareText returns the text of a page that could not be parsed, without scripts
// and styles.
func bareText(page string) string {
	w := &writer{}
	tokens := html.NewTokenizer(strings.NewReader(page))
	skip := atom.Atom(0)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return w.String()
		case html.StartTagToken:
			name, _ := tokens.TagName()
			tag := atom.Lookup(name)
			if skip == 0 && (tag == atom.Script || tag == atom.Style) {
				skip = tag
			}
			w.end(breaks[tag])
			w.space = w.space || tag == atom.Td || tag == atom.Th
		case html.EndTagToken:
			name, _ := tokens.TagName()
			tag := atom.Lookup(name)
			if tag == skip {
				skip = 0
			}
			w.end(breaks[tag])
		case html.TextToken:
			if skip == 0 {
				w.add(string(tokens.Text()))
			}
		}
	}
}
