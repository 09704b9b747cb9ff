package cli

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// The modes of --color.
const (
	colourAuto   = "auto"
	colourAlways = "always"
	colourNever  = "never"
)

// The colours, as terminals number them.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	yellow = "33"
)

// markColours are the colours of the marks in front of tasks. The marks alone tell
// the states apart.
var markColours = coloursOfMarks()

func coloursOfMarks() map[rune]string {
	colours := map[rune]string{}
	for _, look := range graph.Looks() {
		mark, _ := utf8.DecodeRuneInString(look.Mark)
		colours[mark] = look.SGR
	}
	return colours
}

// starts are the colours of what begins a line.
var starts = []struct{ text, colour string }{
	{"chainwright: ", red}, {"warning: ", yellow}, {"hint: ", dim}, {"see: ", dim}, {"results: ", dim}, {"retry: ", dim}, {"answer: ", dim},
	{"problem", red}, {"interrupted: ", yellow},
}

// colourMode returns the value of --color in a command line, which is not parsed
// yet.
func colourMode(args []string) string {
	mode := colourAuto
	for i, arg := range args {
		switch value, given := strings.CutPrefix(arg, "--color="); {
		case arg == "--":
			return mode
		case given:
			mode = value
		case arg == "--color" && i+1 < len(args):
			mode = args[i+1]
		}
	}
	return mode
}

// coloured returns a stream that colours what is written to it, or the stream
// itself. Without a mode, only a terminal is coloured, and NO_COLOR holds.
func coloured(stream io.Writer, mode string) io.Writer {
	switch mode {
	case colourAlways:
	case colourAuto:
		file := fileOf(stream)
		if os.Getenv("NO_COLOR") != "" || !isTerminal(stream) || !enableCursor(file) {
			return stream
		}
	default:
		return stream
	}
	return &painted{to: stream}
}

// painted colours the marks and the first words of lines, by how they look. So
// nothing that prints has to know of colours, and texts of others can only choose
// a colour. It writes to the terminal itself, because screen would escape the
// sequences.
type painted struct {
	to  io.Writer
	mid bool // a line has begun
}

// Write colours text and writes it.
func (p *painted) Write(raw []byte) (int, error) {
	text, to := string(raw), p.to
	if s, ok := to.(screen); ok {
		text, to = harmless(text), s.file
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if p.mid {
			b.WriteString(line)
		} else {
			b.WriteString(colourLine(line))
		}
		p.mid = !strings.HasSuffix(line, "\n")
	}
	if _, err := io.WriteString(to, b.String()); err != nil {
		return 0, err
	}
	return len(raw), nil
}

// colourLine colours a line, which may end with a newline.
func colourLine(line string) string {
	for _, start := range starts {
		if rest, ok := strings.CutPrefix(line, start.text); ok {
			return ink(start.text, start.colour) + rest
		}
	}
	branch := strings.IndexFunc(line, func(r rune) bool { return !strings.ContainsRune("│├└─ ", r) })
	if branch < 0 {
		return line
	}
	mark, size := utf8.DecodeRuneInString(line[branch:])
	colour, ok := markColours[mark]
	after := line[branch+size:]
	switch {
	case ok && strings.HasPrefix(after, " ") && (branch > 0 || string(mark) == graph.Mark(chain.Failed)):
		return line[:branch] + ink(string(mark), colour) + after
	case strings.HasPrefix(line, "run ") && slices.Contains(strings.Fields(line), "in"):
		return ink(strings.TrimSuffix(line, "\n"), bold) + line[len(strings.TrimSuffix(line, "\n")):]
	}
	return line
}

func ink(text, colour string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }
