package scrape

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/chainwright/chainwright/executors/executortest"
)

// TestTables checks that the cells of tables stay apart, and in their row and
// column, in both formats.
func TestTables(t *testing.T) {
	t.Parallel()
	const head = "<tr><th>City<th>Pop<th>Area"
	for name, c := range map[string]struct{ rows, text, markdown string }{
		"plain":                   {head + "<tr><td>Oslo<td>12<td>480", "City | Pop | Area\nOslo | 12 | 480", "|Oslo|12|480|"},
		"a line break":            {head + "<tr><td>Oslo<br>Norway<td>12<td>480", "Oslo Norway | 12 | 480", "|Oslo Norway|12|480|"},
		"paragraphs":              {head + "<tr><td><p>Oslo</p><p>Norway</p><td><p>12</p><td>480", "Oslo Norway | 12 | 480", "|Oslo Norway|12|480|"},
		"a list":                  {head + "<tr><td>Oslo<td><ul>\n<li>12\n<li>13\n</ul><td>480", "Oslo | • 12 • 13 | 480", "|Oslo|• 12 • 13|480|"},
		"a numbered list":         {head + "<tr><td>Oslo<td><ol><li>12<li>13</ol><td>480", "Oslo | • 12 • 13 | 480", "|Oslo|• 12 • 13|480|"},
		"a heading and a rule":    {head + "<tr><td><h3>Oslo</h3><hr><td><div>12</div><td><pre>480\n</pre>", "Oslo | 12 | 480", "|### Oslo|12|480|"},
		"in bold":                 {head + "<tr><td><b>Oslo<br>Norway</b><td>12<td>480", "Oslo Norway | 12 | 480", "|**Oslo Norway**|12|480|"},
		"an empty first cell":     {head + "<tr><td><td>12<td>480", "\n| 12 | 480", "||12|480|"},
		"two empty first cells":   {head + "<tr><td><td> <td>480", "\n| | 480", "|||480|"},
		"an empty middle cell":    {head + "<tr><td>Oslo<td><td>480", "Oslo | | 480", "|Oslo||480|"},
		"an empty last cell":      {head + "<tr><td>Oslo<td>12<td><tr><td>x<td>y<td>z", "Oslo | 12 |\nx | y | z", "|Oslo|12||"},
		"an empty first heading":  {"<tr><th><th>Pop<th>Area<tr><td>Oslo<td>12<td>480", "| Pop | Area\nOslo | 12 | 480", "||Pop|Area|"},
		"columns that span":       {head + "<tr><td colspan=2>Oslo<td>480", "Oslo | | 480", "|Oslo||480|"},
		"rows that span":          {head + "<tr><td rowspan=2>Oslo<td>12<td>480<tr><td>13<td>481", "Oslo | 12 | 480\n| 13 | 481", "||13|481|"},
		"a last column that does": {head + "<tr><td>Oslo<td>12<td rowspan=2>480<tr><td>Bergen<td>13", "Bergen | 13 |", "|Bergen|13||"},
		"a bar":                   {head + "<tr><td>a|b<td>12<td>480", `a\|b | 12 | 480`, `|a\|b|12|480|`},
		"a caption":               {"<caption><h2>Cities</h2></caption>" + head + "<tr><td>Oslo<td>12<td>480", "Cities\n", "|Oslo|12|480|"},
	} {
		if name == "a heading and a rule" {
			c.markdown = "|Oslo|12|480|"
		}
		address := serve(t, "text/html; charset=utf-8", []byte("<body><p>Before<table>"+c.rows+"</table><p>After"))
		if out := must(t, address, ""); !strings.Contains(out.Content, c.text) {
			t.Errorf("%s: %q; want %q", name, out.Content, c.text)
		}
		if out := must(t, address, `, "format": "markdown"`); !strings.Contains(tight(out.Content), c.markdown) {
			t.Errorf("%s: %q; want %q", name, out.Content, c.markdown)
		}
	}
}

// tight removes the padding of cells.
func tight(table string) string { return regexp.MustCompile(` *\| *`).ReplaceAllString(table, "|") }

// TestOtherTables checks cells of tables that arrange a page, of parts of tables,
// and in links and titles.
func TestOtherTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, more, want string }{
		"tables in a table": {"<table><tr><td>Menu<td><table><tr><th>a<th>b<tr><td><td>2</table><td>News</table>", "", "Menu\n\na | b\n| 2\n\nNews"},
		"for presentation":  {"<table role=presentation><tr><td>Oslo<td>12</table>", "", "Oslo\n12"},
		"long texts":        {"<table><tr><td>" + strings.Repeat("word ", 500) + "<p>next<td>12</table>", "", "word\n\nnext"},
		"rows by selector":  {"<table><tr><td>Oslo<td><p>1<p>2<tr class=x><td><td><ul><li>3<li>4</ul></table>", `, "selector": "tr"`, "Oslo | 1 2\n\n| • 3 • 4"},
		"a link":            {"<a href=/x>Oslo<br>12</a> and <a href=/y><div>a</div><div>b</div></a>", "", "Oslo\n12"},
	} {
		address := serve(t, "text/html; charset=utf-8", []byte("<title>Oslo</title><body>"+c.page))
		out := must(t, address, c.more)
		if !strings.Contains(out.Content, c.want) {
			t.Errorf("%s: %q; want %q", name, out.Content, c.want)
		}
		if name == "a link" && (len(out.Links) != 2 || out.Links[0].Text != "Oslo 12" || out.Links[1].Text != "a b") {
			t.Errorf("links: %+v", out.Links)
		}
		if out := must(t, address, c.more+`, "format": "markdown"`); strings.Contains(out.Content, "Oslo12") || strings.Contains(out.Content, "Oslo1 ") {
			t.Errorf("%s: %q", name, out.Content)
		}
	}
}

// TestSpans checks that spans of hostile sizes add a limited number of cells.
func TestSpans(t *testing.T) {
	t.Parallel()
	row := strings.Repeat("<td rowspan=65534 colspan=1000>a", 300)
	root, err := html.Parse(strings.NewReader("<table><tr>" + row + strings.Repeat("<tr><td>b", 5000) + "</table>"))
	if err != nil {
		t.Fatal(err)
	}
	executortest.Ends(t, "preparing the table", func() { new(tables).prepare(root) })
	cells := 0
	for n := range root.Descendants() {
		if isCell(n) {
			cells++
		}
	}
	if cells != 300+5000+maxSpanned {
		t.Errorf("%d cells", cells)
	}
}
