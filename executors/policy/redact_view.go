package policy

import (
	"bytes"
	"sort"
)

// view is a text without escapes or line breaks, and the places of its bytes in
// the original.
type view struct {
	text   []byte
	shifts []shift
	joined bool // line breaks were removed, and belong to no byte
}

// shift says that from a place on, bytes are further back in the original.
type shift struct{ at, by int }

// plainView decodes the escapes of URLs, HTML and JSON. It returns nil if b has
// no escapes.
func plainView(b []byte) *view {
	if !bytes.ContainsAny(b, escapes) {
		return nil
	}
	if v := newView(b, escapes, readEscape); len(v.shifts) > 0 {
		return v
	}
	return nil
}

// jsonView decodes one level of JSON's escapes, exactly. It returns nil if there
// are none.
func jsonView(b []byte) *view {
	if v := newView(b, `\`, readJSONEscape); len(v.shifts) > 0 {
		return v
	}
	return nil
}

// wholeView joins the lines of a text. It returns nil if there is only one.
func wholeView(b []byte) *view {
	if bytes.IndexByte(b, '\n') < 0 {
		return nil
	}
	v := newView(b, "\r\n", func(_, into []byte) ([]byte, int) { return into, 1 })
	v.joined = true
	return v
}

// newView copies a text. At each of the given bytes it calls read, which appends
// the decoded bytes and returns what it read.
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

// back returns the places in the original of parts of the view.
func (v *view) back(spans []span) []span {
	for i, s := range spans {
		last := s.to // includes an escape that ends there
		if v.joined {
			last-- // excludes a line break that follows
		}
		spans[i].from, spans[i].to = s.from+v.by(s.from), s.to+v.by(last)
	}
	return spans
}

// by returns how much further back a byte was.
func (v *view) by(i int) int {
	n := sort.Search(len(v.shifts), func(n int) bool { return v.shifts[n].at > i })
	if n == 0 {
		return 0
	}
	return v.shifts[n-1].by
}
