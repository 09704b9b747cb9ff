package policy

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes are the bytes that escapes start with.
const escapes = `%&\`

// readEscape appends the decoded escape and returns what it read. Bytes that are
// not an escape are copied.
func readEscape(b, into []byte) ([]byte, int) {
	switch b[0] {
	case '%':
		if len(b) >= 3 {
			if c, err := strconv.ParseUint(string(b[1:3]), 16, 8); err == nil {
				return append(into, byte(c)), 3
			}
		}
	case '&':
		const longest = 10
		if end := bytes.IndexByte(b[:min(len(b), longest)], ';'); end > 1 {
			if text := html.UnescapeString(string(b[:end+1])); text != string(b[:end+1]) {
				return append(into, text...), end + 1
			}
		}
	case '\\':
		return readBackslash(b, into)
	}
	return append(into, b[0]), 1
}

// readBackslash reads an escape that starts with one or more backslashes: each
// time a text is quoted in another, they double. Backslashes that are no escape
// are left out, in secrets too: before an escape nothing tells them from its own.
func readBackslash(b, into []byte) ([]byte, int) {
	n := 0
	for n < len(b) && b[n] == '\\' {
		n++
	}
	if n == len(b) {
		return into, n
	}
	switch c := b[n]; c {
	case '"', '\'', '/':
		return append(into, c), n + 1
	case 'n':
		return append(into, '\n'), n + 1
	case 'r':
		return append(into, '\r'), n + 1
	case 't':
		return append(into, '\t'), n + 1
	case 'u':
		if r, length := readUnits(b[n:]); length > 0 {
			return utf8.AppendRune(into, r), n + length
		}
	}
	return into, n
}

// readJSONEscape reads an escape of a JSON string.
func readJSONEscape(b, into []byte) ([]byte, int) {
	if len(b) > 1 && b[1] == '\\' {
		return append(into, '\\'), 2
	}
	return readBackslash(b, into)
}

// readUnits reads u0041, and both parts of a surrogate pair.
func readUnits(b []byte) (r rune, n int) {
	first, ok := readUnit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 5
	}
	rest := bytes.TrimLeft(b[5:], `\`)
	if second, ok := readUnit(rest); ok {
		if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
			return both, len(b) - len(rest) + 5
		}
	}
	return utf8.RuneError, 5
}

func readUnit(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	return rune(unit), err == nil
}
