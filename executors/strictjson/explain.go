package strictjson

import (
	"errors"
	"regexp"
	"strings"
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

// explain replaces the message of a YAML error by what to write, if the line
// of the error shows a common mistake. YAML libraries report the line before or
// after the mistake too.
func explain(data []byte, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Line < 1 {
		return err
	}
	lines := strings.Split(string(data), "\n")
	for _, number := range []int{syntax.Line, syntax.Line + 1, syntax.Line - 1} {
		if number < 1 || number > len(lines) {
			continue
		}
		line, message := lines[number-1], ""
		switch space := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; {
		case strings.Contains(space, "\t") && misread.MatchString(syntax.Message):
			message = "a tab can't indent YAML: use spaces"
		case openReference.MatchString(line):
			message = `a reference inside { } or [ ] must be quoted: "${{ … }}"`
		case openBraces.MatchString(line):
			message = `{{ … }} is not a reference, and not YAML: write ${{ … }}, in quotes`
		case openColon.MatchString(line):
			message = `a reference with a colon and a space in it must be quoted: "${{ … }}"`
		}
		if message != "" {
			return &SyntaxError{Line: number, Column: syntax.Column, Message: message}
		}
	}
	return err
}
