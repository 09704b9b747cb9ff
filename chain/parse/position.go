package parse

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// spot is a place in a tree: a field of a task or of the tree.
type spot struct {
	field string
	// nth is which occurrence of mark in the text of the field, from 1; 0: the
	// whole field. An empty mark is that of a reference.
	nth  int
	mark string
	// named: it is the name of the field, not its value.
	named bool
}

// within returns the place of an offset in the text of a field, where the mark
// stands.
func within(field, text string, offset int, mark string) spot {
	return spot{field: field, nth: strings.Count(text[:offset], mark) + 1, mark: mark}
}

// locate sets the positions of problems in the text that the tree was read from.
func locate(text []byte, places *strictjson.Places, list []placed) {
	if len(list) == 0 {
		return
	}
	lines := newLines(text)
	for i := range list {
		p := &list[i]
		steps := pathSteps(p.Path)
		key, at, followed := places.Find(steps)
		if followed == 0 && len(steps) > 0 && steps[0] == "tasks" { // the text is the array itself
			steps = steps[1:]
			key, at, followed = places.Find(steps)
		}
		if found := len(steps) == followed; key >= 0 && (p.named || !found) {
			at = key
		} else if p.nth > 0 && found {
			if inside := places.Occurrence(steps, cmp.Or(p.mark, expr.Mark), p.nth); inside >= 0 {
				at = inside
			}
		}
		p.Position = lines.at(at)
	}
}

// pathSteps splits a path, such as tasks[3].inputs.env["a b"], into keys and
// indexes.
func pathSteps(path string) []any {
	var steps []any
	for path != "" {
		if path[0] == '.' {
			path = path[1:]
			continue
		}
		if path[0] != '[' {
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps, path = append(steps, path[:end]), path[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(path[1:])
		if err == nil {
			key, _ := strconv.Unquote(quoted) // it is quoted
			steps, path = append(steps, key), strings.TrimPrefix(path[1+len(quoted):], "]")
			continue
		}
		index, rest, _ := strings.Cut(path[1:], "]")
		n, err := strconv.Atoi(index)
		if err != nil {
			return steps
		}
		steps, path = append(steps, n), rest
	}
	return steps
}

// lines finds the lines and columns of a text.
type lines struct {
	text   []byte
	starts []int
	// runes are the numbers of characters before each block of the text, because a
	// line may be long.
	runes []int
}

const block = 1024

func newLines(text []byte) *lines {
	l := &lines{text: text, starts: []int{len(text) - len(bytes.TrimPrefix(text, []byte("\uFEFF")))}}
	n := 0
	for i, c := range text {
		if i%block == 0 {
			l.runes = append(l.runes, n)
		}
		if utf8.RuneStart(c) {
			n++
		}
		if c == '\n' || c == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// before returns the number of characters before an offset.
func (l *lines) before(at int) int {
	if len(l.runes) == 0 {
		return 0
	}
	k := min(at/block, len(l.runes)-1)
	n := l.runes[k]
	for _, c := range l.text[k*block : at] {
		if utf8.RuneStart(c) {
			n++
		}
	}
	return n
}

// at returns the position of an offset.
func (l *lines) at(offset int) chain.Position {
	offset = max(offset, l.starts[0])
	k, exact := slices.BinarySearch(l.starts, offset)
	if !exact {
		k--
	}
	start := l.starts[k]
	column := l.before(offset) - l.before(start) + 1
	const most = chain.LongestLine * utf8.UTFMax // a line may be long
	start, after := max(start, offset-most), l.text[offset:min(len(l.text), offset+most)]
	if end := bytes.IndexAny(after, "\r\n"); end >= 0 {
		after = after[:end]
	}
	return chain.At(k+1, column, string(l.text[start:offset]), string(after))
}

// syntaxAt returns the position of an error of the text.
func syntaxAt(text []byte, err *strictjson.SyntaxError) chain.Position {
	l := newLines(text)
	if err.Line < 1 || err.Line > len(l.starts) {
		return chain.Position{}
	}
	at := l.starts[err.Line-1]
	if err.Column == 0 { // only the line is known
		at += len(l.text[at:]) - len(bytes.TrimLeft(l.text[at:], " \t"))
	}
	for column := 1; column < err.Column && at < len(text); column++ {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return l.at(min(at, len(text)))
}
