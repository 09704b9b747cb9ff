package plainjson

import (
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, quotes included, exactly as
// encoding/json does with SetEscapeHTML(false). Invalid UTF-8 becomes \ufffd.
func AppendString(to []byte, s string) []byte {
	to = append(to, '"')
	start := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		width, size := escapedWidth(s, i)
		if width == size {
			i += size
			continue
		}
		to = append(to, s[start:i]...)
		switch c := s[i]; {
		case c >= utf8.RuneSelf && size == 1:
			to = append(to, `\ufffd`...)
		case c >= utf8.RuneSelf: // U+2028 or U+2029
			to = append(to, `\u202`...)
			to = append(to, hexDigits[s[i+2]&0xF])
		case width == 2:
			to = append(to, '\\', shortEscapes[c])
		default:
			to = append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
		}
		i += size
		start = i
	}
	return append(append(to, s[start:]...), '"')
}

// Fit returns how many bytes of s, whole characters only, take at most room
// bytes once they are escaped inside a JSON string. The quotes do not count.
func Fit(s string, room int) int {
	if len(s) <= room/6 { // an escape has at most six bytes
		return len(s)
	}
	for i := 0; i < len(s); {
		width, size := 1, 1
		if !plain[s[i]] {
			width, size = escapedWidth(s, i)
		}
		if width > room {
			return i
		}
		room -= width
		i += size
	}
	return len(s)
}

// plain marks the bytes that are never escaped and are whole characters.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// shortEscapes are the letters of the two-character escapes, by character.
var shortEscapes = [utf8.RuneSelf]byte{'"': '"', '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f'}

// escapedWidth returns how many bytes the character at s[i] takes inside a JSON
// string, and how many it takes in s. They are equal when it is not escaped.
func escapedWidth(s string, i int) (width, size int) {
	c := s[i]
	switch {
	case c >= utf8.RuneSelf:
		r, size := utf8.DecodeRuneInString(s[i:])
		if size == 1 || r == '\u2028' || r == '\u2029' {
			return 6, size
		}
		return size, size
	case shortEscapes[c] != 0:
		return 2, 1
	case c < ' ':
		return 6, 1
	}
	return 1, 1
}
