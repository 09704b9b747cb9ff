package graph

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
	"golang.org/x/text/width"
)

// The longest text of a picture, and the longest line of a node, in characters.
const (
	mostLabel = 200
	mostLine  = 60
)

// plain returns a text on one line, without characters that control a terminal,
// reverse the order of others or can't be seen.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, shorten.Line(text, mostLabel))
}

// title is the first text of a node: its id, which commands take.
func (n *Node) title() string {
	if n.merged {
		return n.Name
	}
	title := plain(n.ID)
	if n.Count > 0 {
		title += fmt.Sprintf(" (%d tasks)", n.Count)
	}
	return title
}

// about is the second text of a node: its name if it has one of its own, and its
// executor.
func (n *Node) about() string {
	var parts []string
	if !n.merged && n.Name != n.ID && n.Name != n.Executor && n.Name != "" {
		parts = append(parts, plain(n.Name))
	}
	if n.Executor != "" {
		parts = append(parts, plain(n.Executor))
	}
	return strings.Join(parts, " · ")
}

// lines returns what diagrams of other programs show in a node.
func (p *Picture) lines(i int) []string {
	n := &p.Nodes[i]
	lines := []string{n.title()}
	if about := n.about(); about != "" {
		lines = append(lines, about)
	}
	if p.Run != nil {
		st := &p.Run.States[i]
		lines[0] = Mark(st.Status) + " " + lines[0]
		lines = append(lines, st.fate())
	}
	for k := range lines {
		lines[k] = shorten.Runes(lines[k], mostLine)
	}
	return lines
}

// kinds says what is special about a node.
func (n *Node) kinds() (list []string) {
	if n.ForEach {
		list = append(list, "for each")
	}
	if n.When {
		list = append(list, "on a condition")
	}
	if n.Approval {
		list = append(list, "asks a person")
	}
	return list
}

// fate says what has become of a node: its state, how long it took, attempts and
// elements.
func (st *State) fate() string {
	text := inWords(st.Status)
	if st.StartedAt != nil {
		text += " " + Took(time.Duration(st.DurationMS*float64(time.Millisecond)))
	}
	if n := st.counted(); n != "" {
		text += ", " + n
	}
	if st.Attempts > 1 && len(st.Counts) == 0 {
		text += fmt.Sprintf(", %d attempts", st.Attempts)
	}
	return text
}

// counted says how many tasks or elements have ended: 3 of 5.
func (st *State) counted() string {
	counts := st.Counts
	if len(counts) == 0 {
		counts = chain.Counts(st.Elements)
	}
	if len(counts) == 0 {
		return ""
	}
	ended, total := counts.Done()
	text := fmt.Sprintf("%d of %d", ended, max(total, st.ElementsOf))
	if len(st.Counts) == 0 && !st.Status.Ended() && st.ElementsOf == 0 {
		text = fmt.Sprintf("%d done", ended) // the record does not say how many there will be
	}
	if n := counts[chain.Failed]; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	return text
}

func inWords(state chain.State) string { return strings.ReplaceAll(string(state), "_", " ") }

// Took returns a duration for people.
func Took(d time.Duration) string {
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

// columns returns how many columns of a terminal a text takes.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fit returns a text that takes exactly n columns, cut or filled with spaces.
func fit(text string, n int, end string) string {
	if have := columns(text); have <= n {
		return text + strings.Repeat(" ", n-have)
	}
	if n <= 0 {
		return ""
	}
	used := 0
	for i, r := range text {
		if used+columnsOf(r) > n-1 {
			return text[:i] + end + strings.Repeat(" ", n-1-used)
		}
		used += columnsOf(r)
	}
	return text
}
