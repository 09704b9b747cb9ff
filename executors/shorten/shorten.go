// Package shorten cuts texts and lists for messages. It is not a stable API.
//
// A text is cut between characters and ends with "…", which counts as part of
// the length that is allowed. A text that fits is returned unchanged.
package shorten

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/plainjson"
)

const ellipsis = "…"

// Ellipsis is the mark of a text that is cut, for texts that are measured in other
// ways than here.
const Ellipsis = ellipsis

// Bytes returns at most n bytes of s.
func Bytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:Boundary(s, n-len(ellipsis))] + ellipsis
}

// JSON returns as much of s as takes at most n bytes as a JSON string, with its
// quotes and escapes.
func JSON(s string, n int) string {
	const quotes = 2
	if plainjson.Fit(s, n-quotes) == len(s) {
		return s
	}
	return s[:plainjson.Fit(s, n-quotes-len(ellipsis))] + ellipsis
}

// Runes returns at most n characters of s.
func Runes(s string, n int) string {
	if len(First(s, n)) == len(s) {
		return s
	}
	return First(s, n-1) + ellipsis
}

// First returns the first n characters of s, without a mark of the cut.
func First(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// Line returns at most n characters of s on one line: each run of white space
// becomes one space. It leaves out bytes that are not UTF-8.
func Line(s string, n int) string {
	s = s[:Boundary(s, 16*n)] // a body can be megabytes long
	return Runes(strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "), n)
}

// LastLine returns the last line of s in at most n characters: most programs
// name there what is wrong.
func LastLine(s string, n int) string {
	s = strings.TrimSpace(s)
	return Runes(strings.TrimSpace(strings.ToValidUTF8(s[strings.LastIndexByte(s, '\n')+1:], "")), n)
}

// LastRunes returns at most n characters of the end of s, the first of them "…" if
// s is longer.
func LastRunes(s string, n int) string {
	at := len(s)
	for i := 0; at > 0; i++ {
		_, size := utf8.DecodeLastRuneInString(s[:at])
		if i == n-1 && at > size {
			return ellipsis + s[at:]
		}
		at -= size
	}
	return s
}

// End returns at most n bytes of the end of s, after "…".
func End(s string, n int) string {
	if len(s) <= n {
		return s
	}
	from := len(s) - max(n-len(ellipsis), 0)
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return ellipsis + s[from:]
}

// Middle returns the first two thirds and the last third of n bytes of s, and
// how many characters are left out between them. The result may be up to 40
// bytes longer than n.
func Middle(s string, n int) string {
	if len(s) <= n {
		return s
	}
	head, tail := Boundary(s, n*2/3), Boundary(s, len(s)-n/3)
	return fmt.Sprintf("%s … %d characters more … %s", s[:head], utf8.RuneCountInString(s[head:tail]), s[tail:])
}

// Boundary returns the largest index of s, at most i, at which a character
// begins. It is between 0 and len(s).
func Boundary(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	for back := 0; back < utf8.UTFMax-1 && i > 0 && !utf8.RuneStart(s[i]); back++ {
		i--
	}
	return max(i, 0)
}

// Whole returns b without an incomplete UTF-8 character at its end.
func Whole(b []byte) []byte {
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		if i := len(b) - back; utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// Names joins names with commas. If they are the first of total names, it
// counts the others: "a, b and 3 more".
func Names(names []string, total int) string {
	list := strings.Join(names, ", ")
	if more := total - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// List joins the texts of the first n items with semicolons, and counts the
// others: "a; b; and 3 more".
func List[T any](items []T, n int, text func(T) string) string {
	lines := make([]string, 0, min(len(items), n+1))
	for _, item := range items[:min(len(items), n)] {
		lines = append(lines, text(item))
	}
	if more := len(items) - n; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}
