package strictjson

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	// openReference matches a reference inside [ ] or { } that no quote precedes.
	openReference = regexp.MustCompile(`^[^"'#]*[\[{,]\s*(?:[^"'#{}\[\]]*:\s*)?\$\{\{`)
	// openBraces matches a value in the notation of other systems.
	openBraces = regexp.MustCompile(`^[^"'#]*(?:[:,\[-]\s*|^\s*)\{\{`)
	// misread matches the messages of the YAML library for a tab as indentation.
	misread = regexp.MustCompile(`tab character|cannot start any token|mapping values are not allowed|did not find expected`)
	// openColon matches a reference without quotes that has a colon and a space.
	openColon = regexp.MustCompile(`^[^"'#]*[:-]\s+\$\{\{.*:\s`)
)

const quoteIt = `a reference inside { } or [ ] must be quoted: "${{ … }}"`

// unquoted returns where the first reference without quotes is, inside brackets
// that open on a line; zeros if there is none.
func unquoted(lines []string, number int) (line, column int) {
	depth, quote := 0, byte(0)
	for k := number - 1; k < len(lines) && (depth > 0 || k == number-1); k++ {
		text := lines[k]
		for i := 0; i < len(text); i++ {
			c, begins := text[i], i == 0 || strings.IndexByte(" \t{[,:", text[i-1]) >= 0
			switch {
			case quote != 0:
				if c == '\\' && quote == '"' {
					i++
				} else if c == quote {
					quote = 0
				}
			case begins && (c == '"' || c == '\''):
				quote = c
			case begins && c == '#':
				i = len(text)
			case depth > 0 && strings.HasPrefix(text[i:], "${{"):
				return k + 1, utf8.RuneCountInString(text[:i]) + 1
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
		}
	}
	return 0, 0
}

// explain replaces the message of a YAML error by what to write, if the line
// of the error shows a common mistake. YAML libraries report the line before or
// after the mistake too.
func explain(data []byte, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Line < 1 {
		return err
	}
	lines := strings.Split(string(data), "\n")
	if strings.HasPrefix(syntax.Message, "did not find expected ',' or") {
		for _, number := range []int{syntax.Line + 1, syntax.Line, 1} { // that of the bracket
			if line, column := unquoted(lines, number); line > 0 {
				return &SyntaxError{Line: line, Column: column, Message: quoteIt}
			}
		}
	}
	for _, number := range []int{syntax.Line, syntax.Line + 1, syntax.Line - 1} {
		if number < 1 || number > len(lines) {
			continue
		}
		line, message, mark := lines[number-1], "", "{{"
		switch space := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; {
		case strings.Contains(space, "\t") && misread.MatchString(syntax.Message):
			message, mark = "a tab can't indent YAML: use spaces", "\t"
		case openReference.MatchString(line):
			message, mark = quoteIt, "${{"
		case openBraces.MatchString(line):
			message = `{{ … }} is not a reference, and not YAML: write ${{ … }}, in quotes`
		case openColon.MatchString(line):
			message, mark = `a reference with a colon and a space in it must be quoted: "${{ … }}"`, "${{"
		}
		if message != "" {
			before, _, _ := strings.Cut(line, mark)
			return &SyntaxError{Line: number, Column: utf8.RuneCountInString(before) + 1, Message: message}
		}
	}
	return err
}
