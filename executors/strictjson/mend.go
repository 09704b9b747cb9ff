package strictjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// Mend replaces invalid characters in JSON by U+FFFD: bytes that are not
// UTF-8, and single surrogates such as \ud83d. Decode refuses them, but other
// programs write them when they cut a text inside a character. It returns raw
// itself if there are none.
func Mend(raw []byte) []byte {
	raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	if !bytes.Contains(raw, []byte(`\ud`)) && !bytes.Contains(raw, []byte(`\uD`)) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		n := 1
		switch {
		case raw[i] != '\\':
		case halfAt(raw[i:]) == 0:
			n = min(2, len(raw)-i) // an escaped backslash takes two bytes
		case utf16.DecodeRune(halfAt(raw[i:]), halfAt(raw[i+6:])) != '\uFFFD':
			n = 12
		default:
			out = append(out, `\ufffd`...)
			i += 6
			continue
		}
		out = append(out, raw[i:i+n]...)
		i += n
	}
	return out
}

// halfAt returns the surrogate that b begins with, 0 if there is none.
func halfAt(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil || !utf16.IsSurrogate(rune(unit)) {
		return 0
	}
	return rune(unit)
}
