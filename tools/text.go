package tools

import (
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string: valid UTF-8, nothing escaped that
// JSON does not ask for.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), `\ufffd`...)
				i, start = i+1, i+1
				continue
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// AppendString appends s as a JSON string, as the envelope's own are written.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

// cut shortens s to at most limit bytes, between characters, and says so with
// an ellipsis.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	return s[:boundary(s, limit-len(ellipsis))] + ellipsis
}

// within shortens s to what takes at most room bytes as a JSON string, and
// says so with an ellipsis.
func within(s string, room int) string {
	if fitting(s, room) == len(s) {
		return s
	}
	const ellipsis = "…"
	return s[:fitting(s, room-len(ellipsis))] + ellipsis
}

// boundary is the largest index ≤ at that begins a character of s.
func boundary(s string, at int) int {
	if at <= 0 {
		return 0
	}
	if at >= len(s) {
		return len(s)
	}
	for back := 0; back < utf8.UTFMax && at > 0; back++ {
		if utf8.RuneStart(s[at]) {
			return at
		}
		at--
	}
	return at
}

// fitting is how many bytes of s, ending between characters, take at most
// room bytes once they are a JSON string.
func fitting(s string, room int) int {
	used := 2
	for i := 0; i < len(s); {
		width, size := 1, 1
		switch c := s[i]; {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			width = 2
		case c < ' ':
			width = 6
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			width = size
			if r == utf8.RuneError && size == 1 {
				width = 6
			}
		}
		if used+width > room {
			return i
		}
		used += width
		i += size
	}
	return len(s)
}

// after is the index of the character that follows the one at i.
func after(s string, i int) int {
	_, size := utf8.DecodeRuneInString(s[i:])
	return i + size
}
