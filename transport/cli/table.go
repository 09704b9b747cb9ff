package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain/graph"
)

// table writes columns that are as wide as their widest cell. The last column is
// wrapped to the width of the terminal.
type table struct {
	rows  [][]string
	right map[int]bool // columns of numbers
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is the space between two columns.
const gap = "  "

func (t *table) write(w io.Writer) error { return t.writeTo(w, width(w)) }

// writeTo writes lines of at most limit characters; 0: no bound.
func (t *table) writeTo(w io.Writer, limit int) error {
	widths := t.widths()
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row[:len(row)-1] {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				line.WriteString(pad + cell + gap)
			} else {
				line.WriteString(cell + pad + gap)
			}
		}
		last := row[len(row)-1]
		used := utf8.RuneCountInString(line.String())
		if limit > 0 {
			last = hang(last, used, limit)
		}
		text := line.String()
		if strings.HasPrefix(last, "\n") {
			text = strings.TrimRight(text, " ")
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(text+last, " ")); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// hang wraps a text that begins at a column, with a hanging indent. If little
// room is left, the text starts on the next line.
func hang(text string, column, limit int) string {
	if column+utf8.RuneCountInString(text) <= limit {
		return text
	}
	const least, indent = 24, 6
	if limit-column >= least {
		return strings.ReplaceAll(wrap(text, limit-column), "\n", "\n"+strings.Repeat(" ", column))
	}
	below := "\n" + strings.Repeat(" ", indent)
	return below + strings.ReplaceAll(wrap(text, limit-indent), "\n", below)
}

// took returns a duration as text: 12 ms, 1.5 s, 1m30s.
func took(d time.Duration) string { return graph.Took(d) }

// thousands returns a number with separators: 1,234.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// plural returns a count with its noun: 1 task, 2 tasks.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}
