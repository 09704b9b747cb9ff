package cli

import (
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// width is how many columns a terminal has; 0 where the stream is none, and
// lines may be as long as they are.
func width(stream any) int {
	file, ok := stream.(*os.File)
	if !ok || !isTerminal(stream) {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil || columns < 40 {
		return 80
	}
	return columns
}
