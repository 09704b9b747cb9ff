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

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file := fileOf(stream)
	return file != nil && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// fileOf returns the file behind a stream; nil if there is none.
func fileOf(stream any) *os.File {
	switch stream := stream.(type) {
	case *os.File:
		return stream
	case screen:
		return stream.file
	case *painted:
		return fileOf(stream.to)
	}
	return nil
}

// width returns the columns of a terminal; 0 if the stream is not a terminal, and
// lines need no wrapping.
func width(stream any) int {
	if !isTerminal(stream) {
		return 0
	}
	columns, _, err := term.GetSize(int(fileOf(stream).Fd()))
	if err != nil || columns < 20 {
		return 80
	}
	return columns
}

// height returns the lines of a terminal; 24 if they are not known.
func height(stream any) int {
	if file := fileOf(stream); file != nil {
		if _, rows, err := term.GetSize(int(file.Fd())); err == nil && rows > 0 {
			return rows
		}
	}
	return 24
}

// screen writes text to a terminal and escapes control characters. The names of
// runs and tasks, errors and results come from models and servers. Control
// characters in them could hide or forge text, also in the question of a
// confirmation.
type screen struct{ file *os.File }

// shown returns a writer that escapes control characters if the stream is a
// terminal.
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

// harmless escapes control characters as Go does, except newlines and tabs.
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

// rules reports whether a character controls a terminal or reverses the order of
// the text after it.
func rules(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
