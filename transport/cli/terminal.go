package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	file := fileOf(stream)
	return file != nil && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// fileOf is the file behind a stream; nil where there is none.
func fileOf(stream any) *os.File {
	switch stream := stream.(type) {
	case *os.File:
		return stream
	case screen:
		return stream.file
	}
	return nil
}

// width is how many columns a terminal has; 0 where the stream is none, and
// lines may be as long as they are.
func width(stream any) int {
	if !isTerminal(stream) {
		return 0
	}
	columns, _, err := term.GetSize(int(fileOf(stream).Fd()))
	if err != nil || columns < 40 {
		return 80
	}
	return columns
}

// screen is a terminal that shows text and is not ruled by it. The names of
// runs and tasks, errors and answers come from models and servers: control
// characters in them could hide or forge what a person reads here, the
// question of a confirmation too.
type screen struct{ file *os.File }

// shown is a stream as text is written to it.
func shown(file *os.File) io.Writer {
	if term.IsTerminal(int(file.Fd())) {
		return screen{file}
	}
	return file
}

func (s screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.file, harmless(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// harmless writes control characters as Go does; lines and tabs stay.
func harmless(text string) string {
	if strings.IndexFunc(text, rules) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range strings.ReplaceAll(text, "\r\n", "\n") {
		switch {
		case r == utf8.RuneError:
			b.WriteRune(r)
		case rules(r):
			quoted := fmt.Sprintf("%+q", r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// rules reports whether a character does something to a terminal, or turns the
// order of what follows it.
func rules(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
