package scrape

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// longestCell is the most text of a cell of data, in characters. A table with
	// longer ones arranges the page.
	longestCell = 2000
	// maxColumns and maxSpanned limit the empty cells that spans add to a row and
	// to a page.
	maxColumns, maxSpanned = 200, 20_000
)

// formatting are elements in which Markdown can't have a table.
var formatting = []atom.Atom{atom.A, atom.B, atom.Strong, atom.Em, atom.I, atom.Del, atom.S, atom.Strike}

// tables prepares the tables of a page for rendering. In a table of data, each
// cell becomes one line, and spans become empty cells, so that every cell is in
// its column. A table that arranges the page becomes blocks: it contains other
// tables or long texts.
type tables struct{ spanned int }

func (t *tables) prepare(article *html.Node) { t.visit(article, false) }

// visit prepares the tables within n, from the inside to the outside. It reports
// whether there are any.
func (t *tables) visit(n *html.Node, inside bool) (found bool) {
	isTable := n.Type == html.ElementNode && n.DataAtom == atom.Table
	bare := !inside && slices.Contains([]atom.Atom{atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot}, n.DataAtom)
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		found = t.visit(c, inside || isTable || bare) || found
		c = next
	}
	switch {
	case bare: // the selector chose parts of a table
		holder := element(atom.Table)
		n.Parent.InsertBefore(holder, n)
		n.Parent.RemoveChild(n)
		holder.AppendChild(n)
		n = holder
	case !isTable:
		return found
	}
	if found || attribute(n, "role") == "presentation" || long(n) {
		blocks(n)
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if slices.Contains(formatting, p.DataAtom) {
			p.Data, p.DataAtom, p.Attr = "div", atom.Div, nil
		}
	}
	t.grid(n)
	return true
}

func element(kind atom.Atom) *html.Node {
	return &html.Node{Type: html.ElementNode, Data: kind.String(), DataAtom: kind}
}

func isCell(n *html.Node) bool { return n.DataAtom == atom.Td || n.DataAtom == atom.Th }

// long reports whether a cell has more text than a cell of data.
func long(table *html.Node) bool {
	length := 0
	for n := range table.Descendants() {
		switch {
		case isCell(n):
			length = 0
		case n.Type == html.TextNode:
			if length += utf8.RuneCountInString(n.Data); length > longestCell {
				return true
			}
		}
	}
	return false
}

// blocks makes blocks of the parts of a table.
func blocks(n *html.Node) {
	n.Data, n.DataAtom = "div", atom.Div
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.DataAtom {
		case atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr, atom.Td, atom.Th, atom.Caption:
			blocks(c)
		case atom.Colgroup, atom.Col:
			c.Data, c.DataAtom = "div", atom.Div
		}
	}
}

// grid puts each cell of a table of data into its column and onto one line.
func (t *tables) grid(table *html.Node) {
	var rows, captions []*html.Node
	for n := range table.Descendants() {
		switch n.DataAtom {
		case atom.Tr:
			rows = append(rows, n)
		case atom.Caption:
			captions = append(captions, n)
		}
	}
	for _, caption := range captions {
		flatten(caption)
	}
	var above []int // for each column, the rows that a cell above still covers
	for _, row := range rows {
		column := 0
		skip := func(before *html.Node) {
			for ; column < len(above) && above[column] > 0; column++ {
				above[column]--
				t.insert(row, before)
			}
		}
		for c := row.FirstChild; c != nil; c = c.NextSibling {
			if !isCell(c) {
				continue
			}
			skip(c)
			flatten(c)
			wide, high := span(c, "colspan"), span(c, "rowspan")
			c.Attr = slices.DeleteFunc(c.Attr, func(a html.Attribute) bool { return a.Key == "colspan" || a.Key == "rowspan" })
			last := c
			for i := range min(wide, max(1, maxColumns-column)) {
				for len(above) <= column {
					above = append(above, 0)
				}
				if above[column] = 0; column < maxColumns {
					above[column] = high - 1
				}
				if column++; i > 0 {
					last = t.insert(row, last.NextSibling)
				}
			}
			c = last
		}
		skip(nil)
	}
}

// insert adds an empty cell to a row, before a node or at its end. It returns the
// cell, or after the limit the node that comes before that place.
func (t *tables) insert(row, before *html.Node) *html.Node {
	if t.spanned++; t.spanned > maxSpanned {
		if before != nil {
			return before.PrevSibling
		}
		return row.LastChild
	}
	cell := element(atom.Td)
	row.InsertBefore(cell, before)
	return cell
}

// span returns the number of columns or rows of a cell.
func span(cell *html.Node, name string) int {
	n, err := strconv.Atoi(attribute(cell, name))
	if err != nil || n < 1 {
		return 1
	}
	return min(n, 65534)
}

// flatten puts the content of a cell onto one line: spaces replace line breaks,
// and the items of lists get a bullet. Links, images and emphasis stay.
func flatten(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		switch {
		case c.Type != html.ElementNode:
			c = c.NextSibling
		case breaks[c.DataAtom] == 0:
			flatten(c)
			c = c.NextSibling
		default: // its children take its place
			before := " "
			if c.DataAtom == atom.Li {
				before = " • "
			}
			n.InsertBefore(&html.Node{Type: html.TextNode, Data: before}, c)
			first := c.FirstChild
			for child := first; child != nil; child = c.FirstChild {
				c.RemoveChild(child)
				n.InsertBefore(child, c)
			}
			space := &html.Node{Type: html.TextNode, Data: " "}
			n.InsertBefore(space, c)
			n.RemoveChild(c)
			if c = first; c == nil {
				c = space
			}
		}
	}
	if isCell(n) {
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				c.Data = strings.Join(strings.FieldsFunc(c.Data, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
			}
		}
	}
}
