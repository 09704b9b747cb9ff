package policy

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Stream holds back at most this many bytes, or as many as the longest spelling
// has when each byte is escaped.
const leastHeld, longestEscape = 4 << 10, 8

// Stream redacts a text that comes in parts. It holds back the end of a part while
// more of the text could make a secret of it, or a character of its bytes. Bytes
// that are no UTF-8 are replaced. It belongs to one goroutine at a time.
type Stream struct {
	policy *Policy
	held   []byte
}

// Stream returns a stream for one text.
func (p *Policy) Stream() *Stream { return &Stream{policy: p} }

// Write returns what can be shown now that more of the text is there. The result
// is valid until the next call.
func (s *Stream) Write(part []byte) []byte {
	f := s.policy.redactor.finder.Load()
	text := part
	if len(s.held) > 0 {
		text = append(s.held, part...)
	}
	cut := len(text) - unfinished(text)
	if f != nil {
		cut = min(cut, f.open(text[:cut]))
	}
	if f != nil {
		if most := max(leastHeld, longestEscape*f.longest); len(text)-cut > most {
			cut = len(text) - most
			for cut > 0 && !utf8.RuneStart(text[cut]) {
				cut--
			}
		}
	}
	shown, cut := s.show(text, cut)
	s.held = append([]byte(nil), text[cut:]...)
	return shown
}

// Close returns the rest.
func (s *Stream) Close() []byte {
	shown, _ := s.show(s.held, len(s.held))
	s.held = nil
	return shown
}

// show returns a text up to cut. If a secret is across the cut, it goes on to the
// end of it.
func (s *Stream) show(text []byte, cut int) ([]byte, int) {
	spans := s.policy.redactor.find(text)
	if len(spans) == 0 {
		return valid(text[:cut]), cut
	}
	out, at := make([]byte, 0, cut+len(mark)), 0
	for _, part := range spans {
		if part.from >= cut {
			break
		}
		out = append(append(out, text[at:part.from]...), mark...)
		at = part.to
	}
	cut = max(cut, at)
	return valid(append(out, text[at:cut]...)), cut
}

// valid returns a text with what is no UTF-8 replaced.
func valid(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}

// unfinished returns how many bytes at the end of a text begin a character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if utf8.FullRune(text[at:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// open returns the place in a text from which on more text could make a secret;
// the length of the text if there is none. It looks at the same views as findAll.
func (f *finder) open(b []byte) int {
	at := f.begun(b, false)
	for _, decode := range []func([]byte) *view{plainView, jsonView} {
		text := b
		var views []*view
		back := func(at int) int {
			for _, v := range slices.Backward(views) {
				at += v.by(at)
			}
			return at
		}
		for range deepest {
			if escape := escapeAt(text); escape < len(text) {
				text = text[:escape]
				at = min(at, back(escape), back(f.begun(text, false)))
			}
			decoded := decode(text)
			if decoded == nil {
				break
			}
			views, text = append(views, decoded), decoded.text
			at = min(at, back(f.begun(text, false)))
		}
		if whole := wholeView(text); whole != nil {
			views = append(views, whole)
			at = min(at, back(f.begun(whole.text, true)))
		}
	}
	return min(at, len(b))
}

// begun returns the place from which on a text could become a spelling.
func (f *finder) begun(b []byte, onlyWrapped bool) int {
	for i := range b {
		if len(b)-i < keyLength {
			if f.begins(b[i:], onlyWrapped) {
				return i
			}
			continue
		}
		for _, a := range f.keys[keyOf(b[i:])] {
			if a.tail || onlyWrapped && !a.wraps {
				continue
			}
			to := i + same(b[i:], a.text)
			// A part of it that is followed by an ellipsis is replaced too.
			if to == len(b) && to-i < len(a.text) || to-i < len(a.text) && to-i >= part(a.text) && to+len(ellipsis)+3 > len(b) {
				return i
			}
		}
	}
	return f.quoted(b)
}

// begins reports whether a spelling begins with a short text.
func (f *finder) begins(b []byte, onlyWrapped bool) bool {
	return slices.ContainsFunc(f.known, func(s spelling) bool {
		return (s.wraps || !onlyWrapped) && (bytes.HasPrefix(s.text, b) || s.plain != nil && bytes.HasPrefix(s.plain, b))
	})
}

// quoted returns the place after the last quote or ellipsis if what follows is a
// part of a spelling, which may be cut off in front; else the length of the text.
func (f *finder) quoted(b []byte) int {
	at := bytes.LastIndexAny(b, quotes) + 1
	for _, mark := range [][]byte{ellipsis, dots} {
		if i := bytes.LastIndex(b, mark); i >= 0 {
			at = max(at, i+len(mark))
		}
	}
	rest := b[at:]
	if at == 0 || len(rest) == 0 || !slices.ContainsFunc(f.known, func(s spelling) bool { return bytes.Contains(s.text, rest) || bytes.Contains(s.plain, rest) }) {
		return len(b)
	}
	return at
}

// escapeAt returns the place of an escape at the end of a text that may go on;
// the length of the text if there is none.
func escapeAt(b []byte) int {
	const longest = 16 // of an escape without its backslashes
	for i := max(0, len(b)-longest); i < len(b); i++ {
		switch rest := b[i:]; {
		case rest[0] == '%' && len(rest) < 3, rest[0] == '&' && len(rest) < 10 && bytes.IndexByte(rest, ';') < 0:
			return i
		case rest[0] == '\\' && opens(rest):
			for i > 0 && b[i-1] == '\\' {
				i--
			}
			return i
		}
	}
	return len(b)
}

// opens reports whether a text is the beginning of a backslash's escape, or of
// the second one of a pair.
func opens(b []byte) bool {
	for range 2 {
		b = bytes.TrimLeft(b, `\`)
		if len(b) == 0 {
			return true
		}
		if b[0] != 'u' {
			return false
		}
		n := 1
		for n < len(b) && n < 5 && strings.IndexByte("0123456789abcdefABCDEF", b[n]) >= 0 {
			n++
		}
		if n == len(b) {
			return n < 5 || strings.IndexByte("dD", b[1]) >= 0 // the first one of a pair
		}
		if n < 5 || b[n] != '\\' {
			return false
		}
		b = b[n:]
	}
	return false
}
