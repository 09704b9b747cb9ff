package policy

import (
	"bytes"
	"strings"
)

// shortestCut is the length from which a spelling is known by a part of it:
// by half of it, but by no fewer than ten characters, or all but two, and no
// more than sixteen. Words that are in every text are shorter.
const shortestCut, leastPart, leastLess, mostPart = 10, 10, 2, 16

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
		anchor = min(mostPart, max((len(text)+1)/2, min(leastPart, len(text)-leastLess)))
	}
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], text[:anchor])
		if i < 0 {
			break
		}
		from += i
		to := from + same(b[from:], text)
		if to-from < len(text) && !endsAt(b, to, nearly) { // unless it has a quote of its own
			to = from + anchor + max(0, bytes.LastIndexAny(b[from+anchor:to], quotes))
		}
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
		begin := to - sameEnd(b[:to], text)
		if to-begin == len(text) {
			continue // it is there as a whole
		}
		if !beginsAt(b, begin, nearly) {
			if quote := bytes.IndexAny(b[begin:from], quotes); quote >= 0 {
				begin += quote + 1
			}
		}
		if beginsAt(b, begin, nearly) {
			spans = append(spans, span{begin, to, s.mark})
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
		if k >= len(b) || strings.IndexByte(quotes, b[k]) >= 0 || bytes.HasPrefix(b[k:], ellipsis) || bytes.HasPrefix(b[k:], dots) {
			return true
		}
	}
	return false
}

// beginsAt reports whether a text begins at i, or nearly.
func beginsAt(b []byte, i, nearly int) bool {
	for k := i; k >= i-nearly; k-- {
		if k <= 0 || strings.IndexByte(quotes, b[k-1]) >= 0 || bytes.HasSuffix(b[:k], ellipsis) || bytes.HasSuffix(b[:k], dots) {
			return true
		}
	}
	return false
}

// quotes are what texts in texts stand in.
const quotes = "\"'`"

var ellipsis, dots = []byte("…"), []byte("...")
