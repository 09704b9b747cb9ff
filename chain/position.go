package chain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/chainwright/chainwright/executors/shorten"
)

// Position is a place in the text of a tree. It is zero for a tree that was given
// as a value.
type Position struct {
	// Line and Column are from 1. Columns count characters.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// SourceLine is the line of the text. Of a long line it is the part around the
	// column, with … where it is cut.
	SourceLine string `json:"source_line,omitempty"`
}

// LongestLine is the number of characters of a source line that are shown.
const LongestLine = 160

const (
	// lastColumn is the last column before which a whole line is shown, and shown
	// is the number of characters before a later one.
	lastColumn, shown = 120, 60
)

// At returns the position of a column in a line. before and after are the text of
// the line before and from the column, at least LongestLine characters of it.
func At(line, column int, before, after string) Position {
	if column > lastColumn {
		before = shorten.LastRunes(before, shown+1)
	}
	after = shorten.Runes(after, LongestLine+1-utf8.RuneCountInString(before))
	return Position{Line: line, Column: column, SourceLine: strings.Map(visible, before+after)}
}

// visible replaces the characters that a terminal would obey.
func visible(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return '\uFFFD'
	}
	return r
}

// Excerpt returns the line of the text with a mark below the column, as two lines
// without an end; empty without a position.
func (p Position) Excerpt() string {
	if p.Line == 0 {
		return ""
	}
	number := fmt.Sprintf("%5d", p.Line)
	at := p.Column - 1
	if p.Column > lastColumn {
		at = shown + 1
	}
	var below strings.Builder
	for _, r := range p.SourceLine {
		if at--; at < 0 {
			break
		}
		switch kind := width.LookupRune(r).Kind(); {
		case r == '\t':
			below.WriteByte('\t')
		case unicode.Is(unicode.Mn, r):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			below.WriteString("  ")
		default:
			below.WriteByte(' ')
		}
	}
	return number + " | " + p.SourceLine + "\n" + strings.Repeat(" ", len(number)) + " | " + below.String() + "^"
}
