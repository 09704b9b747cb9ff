package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table writes columns that are as wide as their widest cell. The last one
// takes what is left of a terminal's line, and goes on below itself.
type table struct {
	rows  [][]string
	right map[int]bool // columns of numbers
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is between two columns.
const gap = "  "

func (t *table) write(w io.Writer) error { return t.writeTo(w, width(w)) }

// writeTo writes for lines of a width; 0 is no bound.
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

// hang wraps a text that begins at a column so that it goes on below itself,
// or in a column of its own where hardly any room is left.
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

// clip shortens a text to at most n characters of one line.
func clip(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(n-1, 0)]) + "…"
}

// cut shortens a line to at most n characters, and leaves its spaces.
func cut(line string, n int) string {
	if runes := []rune(line); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return line
}

// took writes a duration as people say it.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// thousands writes a number with separators.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}
