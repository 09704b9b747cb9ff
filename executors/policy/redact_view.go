package policy

import (
	"bytes"
	"sort"
)

// view is a text as it was before somebody escaped it or broke it into lines,
// and where its bytes are in what it was made of.
type view struct {
	text   []byte
	shifts []shift
	joined bool // what is left out belongs to nothing
}

// shift says that what comes from a place on is by bytes further in what the
// view was made of.
type shift struct{ at, by int }

// plainView undoes the escapes of URLs, HTML and JSON. It gives nil where there
// are none.
func plainView(b []byte) *view {
	if !bytes.ContainsAny(b, escapes) {
		return nil
	}
	if v := newView(b, escapes, readEscape); len(v.shifts) > 0 {
		return v
	}
	return nil
}

// wholeView puts the lines of a text together; nil where there is only one.
func wholeView(b []byte) *view {
	if bytes.IndexByte(b, '\n') < 0 {
		return nil
	}
	v := newView(b, "\r\n", func(_, into []byte) ([]byte, int) { return into, 1 })
	v.joined = true
	return v
}

// newView copies a text, but for what begins with one of the signs: read
// appends what that stands for, and gives its length.
func newView(b []byte, signs string, read func(b, into []byte) ([]byte, int)) *view {
	v := &view{text: make([]byte, 0, len(b))}
	for i := 0; i < len(b); {
		next := bytes.IndexAny(b[i:], signs)
		if next < 0 {
			v.text = append(v.text, b[i:]...)
			break
		}
		v.text = append(v.text, b[i:i+next]...)
		i += next
		n, before := 0, len(v.text)
		v.text, n = read(b[i:], v.text)
		if i += n; n != len(v.text)-before {
			v.shifts = append(v.shifts, shift{len(v.text), i - len(v.text)})
		}
	}
	return v
}

// back gives where parts of the view were.
func (v *view) back(spans []span) []span {
	for i, s := range spans {
		last := s.to // an escape that ends there belongs to the part
		if v.joined {
			last-- // a line break that comes next does not
		}
		spans[i].from, spans[i].to = s.from+v.by(s.from), s.to+v.by(last)
	}
	return spans
}

// by is how much further a byte was.
func (v *view) by(i int) int {
	n := sort.Search(len(v.shifts), func(n int) bool { return v.shifts[n].at > i })
	if n == 0 {
		return 0
	}
	return v.shifts[n-1].by
}
