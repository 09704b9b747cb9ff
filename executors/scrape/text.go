package scrape

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// breaks is how many line ends stand around an element.
var breaks = map[atom.Atom]int{
	atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.H5: 2, atom.H6: 2, atom.Blockquote: 2, atom.Pre: 2, atom.Ul: 2,
	atom.Ol: 2, atom.Dl: 2, atom.Table: 2, atom.Hr: 2, atom.Figure: 2, atom.Article: 2, atom.Section: 2, atom.Main: 2, atom.Header: 2,
	atom.Footer: 2, atom.Nav: 2, atom.Aside: 2, atom.Form: 2, atom.Fieldset: 2, atom.Details: 2,
	atom.Div: 1, atom.Li: 1, atom.Dt: 1, atom.Dd: 1, atom.Tr: 1, atom.Br: 1, atom.Address: 1, atom.Option: 1, atom.Summary: 1,
	atom.Figcaption: 1, atom.Caption: 1,
}

// text writes a tree as plain text: paragraphs apart, list items with a dash,
// cells of a table with a bar between them.
func text(article *html.Node) string {
	w := &writer{}
	for part := article.FirstChild; part != nil; part = part.NextSibling {
		w.end(2)
		w.write(part)
	}
	return w.String()
}

// writer joins pieces of text, and knows what has to stand before the next.
type writer struct {
	strings.Builder
	lines int    // line ends
	space bool   // a space
	joint string // what stands there whatever else would
	pre   int    // inside pre
	row   int    // where the last row of a table began
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
		w.row = w.Len()
	case atom.Td, atom.Th:
		if earlier(n) && w.Len() > w.row {
			w.joint = " | "
		}
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

func earlier(n *html.Node) bool {
	for p := n.PrevSibling; p != nil; p = p.PrevSibling {
		if p.Type == html.ElementNode {
			return true
		}
	}
	return false
}

// add appends a text with its white space as one space each, or as it is
// inside pre.
func (w *writer) add(piece string) {
	for _, r := range piece {
		if unicode.IsSpace(r) && w.pre == 0 {
			w.space = true
			continue
		}
		switch {
		case w.Len() == 0:
		case w.joint != "":
			w.WriteString(w.joint)
		case w.lines > 0:
			w.WriteString(strings.Repeat("\n", w.lines))
		case w.space:
			w.WriteByte(' ')
		}
		w.lines, w.space, w.joint = 0, false, ""
		w.WriteRune(r)
	}
}

// clean drops what is no text to read: control characters.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// inline is the text of one element on one line.
func inline(n *html.Node) string {
	const most = 8 << 10
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && b.Len() < most {
			b.WriteString(d.Data[:min(len(d.Data), most)])
		}
	}
	return clean(strings.Join(strings.Fields(strings.ToValidUTF8(b.String(), "")), " "))
}

// bareText is the text of a page that is no tree, without what is between
// scripts' and styles' tags.
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
