package jq

import (
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	maxPattern = 16 << 10 // bytes of a regular expression
	maxHeft    = 20_000   // instructions of its program, about
	free       = 1 << 20  // the product that costs less than a charge is worth
)

// matchable charges a match. Each character costs up to the size of the
// compiled expression, and a search for all matches can read the text again for
// each match. The search is therefore made once with a reader that charges what
// it reads; the step repeats it.
func matchable(w *watch, v, re, flags any) error {
	s, _ := v.(string)
	expr, _ := re.(string)
	how, _ := flags.(string)
	if len(s) < 1<<10 && len(s)*len(s)*len(expr) < free && !strings.ContainsRune(expr, '{') {
		return nil
	}
	if err := text(w, s, maxMatched); err != nil {
		return err
	}
	if strings.Contains(how, "i") {
		expr = "(?i)" + expr
	}
	if strings.Contains(how, "m") {
		expr = "(?s)" + expr
	}
	heft, err := w.heft(expr)
	if err != nil || heft == 0 {
		return err
	}
	if len(s)*len(s)*heft < free {
		return w.charge(len(s)*heft>>3 + 1)
	}
	return search(w, s, expr, heft, strings.Contains(how, "g"))
}

// heft returns the size of an expression, or 0 if it is invalid, which the
// step itself reports. Each expression of a run is charged once.
func (w *watch) heft(expr string) (int, error) {
	if heft, known := w.patterns[expr]; known {
		return heft, nil
	}
	if len(expr) > maxPattern {
		return 0, tooLarge("a regular expression is longer than %d bytes", maxPattern)
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 0, nil //nolint:nilerr // the step reports it
	}
	heft := instructions(re)
	if heft > maxHeft {
		return 0, tooLarge("a regular expression is too large: counted repetitions multiply its size")
	}
	if w.patterns == nil {
		w.patterns = map[string]int{}
	}
	w.patterns[expr] = heft
	return heft, w.charge(1000 + 64*heft)
}

// MaxMatching limits the bytes that a regular expression of CompileRegexp reads,
// times its instructions. Matching can't be interrupted.
const MaxMatching = 1 << 29

// CompileRegexp compiles a regular expression within the limits of this package.
// It also returns about how many instructions it has; a match may cost that many
// steps a character.
func CompileRegexp(expr string) (*regexp.Regexp, int, error) {
	if len(expr) > maxPattern {
		return nil, 0, tooLarge("a regular expression is longer than %d bytes", maxPattern)
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the regular expression: %w", err)
	}
	heft := instructions(parsed)
	if heft > maxHeft {
		return nil, 0, tooLarge("a regular expression is too large: counted repetitions multiply its size")
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the regular expression: %w", err)
	}
	return re, heft, nil
}

// instructions estimates the size of the compiled program.
func instructions(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n += len(re.Rune)
	}
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxHeft+1)
}

// search finds what a match finds, and charges each character that is read.
// After the first match it starts one character before the end of the last one,
// so that ^ and \b see what precedes.
func search(w *watch, s, expr string, heft int, all bool) error {
	first, err := regexp.Compile(expr)
	if err != nil {
		return nil //nolint:nilerr // the step reports it
	}
	next, err := regexp.Compile(`\A(?s:.)(?s:.*?)((?:` + expr + `))`)
	if err != nil {
		return tooLarge("a regular expression is too large")
	}
	re, group, from := first, 0, 0
	for matches := 0; ; matches++ {
		reader := &charged{watch: w, text: s[from:], units: heft/2 + 1}
		loc := re.FindReaderSubmatchIndex(reader)
		if w.err != nil {
			return w.err
		}
		if loc == nil || !all {
			return nil
		}
		// gojq counts the characters before each match.
		if err := w.charge(len(s)>>3 + nodeUnits*len(loc)); err != nil {
			return err
		}
		start, end := from+loc[2*group], from+loc[2*group+1]
		if end == start {
			_, width := utf8.DecodeRuneInString(s[end:])
			end += max(width, 1)
		}
		if end > len(s) {
			return nil
		}
		_, before := utf8.DecodeLastRuneInString(s[:end])
		re, group, from = next, 1, end-before
	}
}

// charged reads a text and charges each character.
type charged struct {
	watch *watch
	text  string
	units int
}

// ReadRune returns the next character, or io.EOF when the budget is spent.
func (c *charged) ReadRune() (rune, int, error) {
	if c.text == "" || c.watch.charge(c.units) != nil {
		return 0, 0, io.EOF
	}
	r, width := utf8.DecodeRuneInString(c.text)
	c.text = c.text[width:]
	return r, width, nil
}
