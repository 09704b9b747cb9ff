package policy

import (
	"bytes"
	"sort"
)

// find adds the places of a spelling in b. Outputs are cut off at some length,
// which callers may choose: half of a spelling is enough where the text, or a
// text inside of it, begins or ends with it.
func (s *spelling) find(b []byte, spans []span) []span {
	head, tail := s.text[:s.anchor], s.text[len(s.text)-s.anchor:]
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], head)
		if i < 0 {
			break
		}
		from += i
		to := from + same(b[from:], s.text)
		if to-from == len(s.text) || endsAt(b, to, s.nearly()) {
			spans = append(spans, span{from, to, s.mark})
		}
	}
	if s.anchor == len(s.text) {
		return spans
	}
	for from := 0; ; from++ {
		i := bytes.Index(b[from:], tail)
		if i < 0 {
			return spans
		}
		from += i
		to := from + len(tail)
		if n := sameEnd(b[:to], s.text); n < len(s.text) && beginsAt(b, to-n, s.nearly()) {
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

// nearly is how much may stand between a part and the end of its text: the
// last characters of base64 depend on what was cut off.
func (s *spelling) nearly() int {
	if s.wraps {
		return 3
	}
	return 0
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

// unwrapped is a text without its line breaks, and where they were.
type unwrapped struct {
	text   []byte
	breaks []lineBreak
}

// lineBreak says that what comes from a place on was gap bytes further in the
// text as it was.
type lineBreak struct{ at, gap int }

// unwrap takes the line breaks out of a text, also those that are escaped in
// JSON: base64 is broken into lines. It gives nil where there are none.
func unwrap(b []byte) *unwrapped {
	if bytes.IndexByte(b, '\n') < 0 && !bytes.Contains(b, []byte(`\n`)) {
		return nil
	}
	u := &unwrapped{text: make([]byte, 0, len(b))}
	for i := 0; i < len(b); {
		n := breakAt(b[i:])
		if n == 0 {
			u.text = append(u.text, b[i])
			i++
			continue
		}
		i += n
		u.breaks = append(u.breaks, lineBreak{len(u.text), i - len(u.text)})
	}
	return u
}

// breakAt is the length of the line break that a text begins with, 0 for none.
func breakAt(b []byte) int {
	if b[0] == '\n' || b[0] == '\r' {
		return 1
	}
	n := 0
	for n < len(b) && b[n] == '\\' {
		n++
	}
	if n > 0 && n < len(b) && (b[n] == 'n' || b[n] == 'r') {
		return n + 1
	}
	return 0
}

// place is where a byte was before.
func (u *unwrapped) place(i int) int {
	if n := sort.Search(len(u.breaks), func(n int) bool { return u.breaks[n].at > i }); n > 0 {
		return i + u.breaks[n-1].gap
	}
	return i
}
