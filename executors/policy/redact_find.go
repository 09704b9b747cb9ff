package policy

import "bytes"

// shortestCut is the length from which a spelling is known by a part of it:
// by half of it, but by no fewer than ten characters, or all but two. Words
// that are in every text are shorter.
const shortestCut, leastPart, leastLess = 10, 10, 2

// find adds the places of a spelling's text in b. Outputs are cut off at some
// length, which callers may choose: half of the text is enough where b, or
// something that is quoted in it, begins or ends with it.
func (s *spelling) find(b, text []byte, spans []span) []span {
	nearly := 0
	if s.wraps {
		nearly = 3 // the last characters of base64 depend on what was cut off
	}
	anchor := len(text)
	if anchor >= shortestCut {
		anchor = max((len(text)+1)/2, min(leastPart, len(text)-leastLess))
	}
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], text[:anchor])
		if i < 0 {
			break
		}
		from += i
		to := from + same(b[from:], text)
		if to-from == len(text) || endsAt(b, to, nearly) {
			spans = append(spans, span{from, to, s.mark})
		}
	}
	if anchor == len(text) {
		return spans
	}
	tail := text[len(text)-anchor:]
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], tail)
		if i < 0 {
			return spans
		}
		from += i
		to := from + anchor
		if n := sameEnd(b[:to], text); n < len(text) && beginsAt(b, to-n, nearly) {
			spans = append(spans, span{to - n, to, s.mark})
		}
	}
}

// same is how far two texts are the same from their beginning.
func same(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sameEnd is how far two texts are the same from their end.
func sameEnd(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// endsAt reports whether a text ends at i, or nearly: with its last byte, a
// quote, or what says that there was more.
func endsAt(b []byte, i, nearly int) bool {
	for k := i; k <= i+nearly; k++ {
		if k >= len(b) || isQuote(b[k]) || bytes.HasPrefix(b[k:], ellipsis) || bytes.HasPrefix(b[k:], dots) {
			return true
		}
	}
	return false
}

// beginsAt reports whether a text begins at i, or nearly.
func beginsAt(b []byte, i, nearly int) bool {
	for k := i; k >= i-nearly; k-- {
		if k <= 0 || isQuote(b[k-1]) || bytes.HasSuffix(b[:k], ellipsis) || bytes.HasSuffix(b[:k], dots) {
			return true
		}
	}
	return false
}

var ellipsis, dots = []byte("…"), []byte("...")

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }
