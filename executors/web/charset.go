package web

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16BE = []byte("\xfe\xff")
	markUTF16LE = []byte("\xff\xfe")
)

// ToUTF8 turns text of a charset, as a content type names it, into UTF-8. A
// byte order mark counts for more than the name. Text that is not in the
// charset is given as far as it goes, with a warning; ok is false where
// there is no telling how to read it. The last character of text that was cut
// may be missing half of itself, and is then dropped.
func ToUTF8(data []byte, charset string, cut bool) (text []byte, warning string, ok bool) {
	label := strings.ToLower(strings.TrimSpace(charset))
	switch {
	case bytes.HasPrefix(data, markUTF8):
		data, label = data[len(markUTF8):], "utf-8"
	case bytes.HasPrefix(data, markUTF16BE), bytes.HasPrefix(data, markUTF16LE):
		label = "utf-16"
	}
	if cut && label != "utf-16" {
		data = WholeCharacters(data)
	}
	switch {
	case label == "" && !utf8.Valid(data):
		return decodeText(charmap.Windows1252, data, "the body names no charset and is not UTF-8; it was read as windows-1252")
	case label == "", label == "utf-8", label == "utf8", label == "us-ascii" && utf8.Valid(data):
		if utf8.Valid(data) {
			return data, "", true
		}
		return bytes.ToValidUTF8(data, []byte("\uFFFD")), "parts of the body are not UTF-8 and were replaced", true
	case strings.HasPrefix(label, "utf-16"):
		order := unicode.BigEndian
		if label == "utf-16le" {
			order = unicode.LittleEndian
		}
		return decodeText(unicode.UTF16(order, unicode.UseBOM), data[:len(data)&^1], "")
	}
	named, err := htmlindex.Get(label)
	if err == nil {
		return decodeText(named, data, "")
	}
	warning = fmt.Sprintf("the charset %q is not known", charset)
	if utf8.Valid(data) {
		return data, warning + "; the body was read as UTF-8", true
	}
	return nil, warning + "; the body is given as it came", false
}

func decodeText(from encoding.Encoding, data []byte, warning string) (text []byte, _ string, ok bool) {
	text, err := from.NewDecoder().Bytes(data)
	if err != nil {
		return nil, fmt.Sprintf("the body can't be read in its charset: %v", err), false
	}
	return text, warning, true
}

// WholeCharacters drops the start of a UTF-8 character at the end.
func WholeCharacters(data []byte) []byte {
	for back := 1; back < utf8.UTFMax && back <= len(data); back++ {
		at := len(data) - back
		if utf8.RuneStart(data[at]) {
			if !utf8.FullRune(data[at:]) {
				return data[:at]
			}
			return data
		}
	}
	return data
}
