package command

import (
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/process"
)

// text makes an output valid UTF-8. What is none becomes U+FFFD; a character
// that the cap cut in two is dropped.
func text(out process.Output) string {
	b := out.Bytes
	if out.Truncated {
		for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
			if start := len(b) - back; utf8.RuneStart(b[start]) {
				if !utf8.FullRune(b[start:]) {
					b = b[:start]
				}
				break
			}
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
