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

	"github.com/chainwright/chainwright/executors/shorten"
)

var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16BE = []byte("\xfe\xff")
	markUTF16LE = []byte("\xff\xfe")
)

// ToUTF8 converts text to UTF-8 from the charset that a content type names. A
// byte order mark overrides the name. Bytes that are not in the charset are
// replaced, with a warning. ok is false if the charset can't be determined. If
// the text was cut, an incomplete character at its end is dropped.
func ToUTF8(data []byte, charset string, cut bool) (text []byte, warning string, ok bool) {
	label := strings.ToLower(strings.TrimSpace(charset))
	switch {
	case bytes.HasPrefix(data, markUTF8):
		data, label = data[len(markUTF8):], "utf-8"
	case bytes.HasPrefix(data, markUTF16BE), bytes.HasPrefix(data, markUTF16LE):
		label = "utf-16"
	}
	if cut && label != "utf-16" {
		data = shorten.Whole(data)
	}
	switch {
	case label == "" && !utf8.Valid(data):
		return decodeText(charmap.Windows1252, data, "the response has no charset and is not UTF-8; it was read as windows-1252")
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
	return nil, warning + "; the body is returned unchanged", false
}

func decodeText(from encoding.Encoding, data []byte, warning string) (text []byte, _ string, ok bool) {
	text, err := from.NewDecoder().Bytes(data)
	if err != nil {
		return nil, fmt.Sprintf("the body can't be read in its charset: %v", err), false
	}
	return text, warning, true
}
