package strictjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// Mend replaces in a JSON text what is no character, which is refused here and
// which others write all the same, where they cut a text in the middle of one:
// bytes that are no UTF-8, and halves of a character as \ud83d. It gives raw
// itself where there is nothing to mend.
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
			n = min(2, len(raw)-i) // it may be a backslash that is escaped
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

// halfAt reads the half of a character that a text begins with; 0 where it
// begins with anything else.
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
