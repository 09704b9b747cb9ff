package web

import "unicode/utf8"

// EscapedEnd is how much of a text fits into limit bytes of a JSON string.
func EscapedEnd(text []byte, limit int) int {
	if 6*len(text) <= limit {
		return len(text)
	}
	for i := 0; i < len(text); {
		size := 1
		switch b := text[i]; {
		case b == '"', b == '\\', b == '\n', b == '\r', b == '\t', b == '\b', b == '\f':
			limit -= 2
		case b < ' ':
			limit -= 6
		case b < utf8.RuneSelf:
			limit--
		default:
			_, size = utf8.DecodeRune(text[i:])
			limit -= 2 * size // U+2028 and U+2029 are escaped
		}
		if limit < 0 {
			return i
		}
		i += size
	}
	return len(text)
}
