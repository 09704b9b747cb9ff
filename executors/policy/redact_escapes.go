package policy

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape writes the texts of a JSON text in one way, whatever its author
// escaped without need: a peer can spell any character as \u0041. It gives raw
// itself where there is nothing to do.
func unescape(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(`\u`)) && !bytes.Contains(raw, []byte(`\/`)) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			i++
			continue
		}
		r, n := readEscape(raw[i:])
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r >= ' ':
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[i:i+n]...)
		}
		i += n
	}
	return out
}

// readEscape reads the character that an escape stands for, and its length;
// -1 for what stays as it is.
func readEscape(b []byte) (r rune, n int) {
	switch b[1] {
	case '/':
		return '/', 2
	case '"', '\\':
		return rune(b[1]), 2
	case 'u':
	default:
		return -1, 2
	}
	r = readUnit(b)
	if r < 0 {
		return -1, 2
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if both := utf16.DecodeRune(r, readUnit(b[6:])); both != utf8.RuneError {
		return both, 12
	}
	return -1, 6
}

// readUnit reads \u0041; -1 for anything else.
func readUnit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}
