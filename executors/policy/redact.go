package policy

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// redactor finds the values of secrets in every spelling that encoders give
// them, and replaces them in everything that leaves the server.
//
// It is written by hand: libraries replace given strings, and don't find values
// that were escaped, encoded, broken into lines or cut off.
type redactor struct {
	mu     sync.Mutex // held while a value is added
	values map[string]map[string]bool
	finder atomic.Pointer[finder] // nil: no values yet
}

// know adds a value. Earlier values of the same secret stay, because they may
// still be in use.
func (r *redactor) know(name, value string) {
	if f := r.finder.Load(); f != nil {
		for _, s := range f.known {
			if s.name == name && string(s.text) == value {
				return
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values == nil {
		r.values = map[string]map[string]bool{}
	}
	if r.values[name] == nil {
		r.values[name] = map[string]bool{}
	}
	r.values[name][value] = true
	var all []spelling
	for name, values := range r.values {
		for value := range values {
			all = append(all, spellings(value, name)...)
		}
	}
	r.finder.Store(newFinder(all))
}

// mark replaces a secret. It is the same for all of them, so that it does not tell
// which one a caller has guessed.
const mark = "[secret]"

// span is a part of a text that reveals a secret.
type span struct {
	from, to int
	name     string
}

// find returns the parts to replace, in order. Overlapping parts are merged and
// keep the name of the first.
func (r *redactor) find(b []byte) []span {
	f := r.finder.Load()
	if f == nil {
		return nil
	}
	spans := f.findAll(b)
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	merged := spans[:1]
	for _, s := range spans[1:] {
		if last := &merged[len(merged)-1]; s.from < last.to {
			last.to = max(last.to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

// deepest is how often escapes are decoded: a page with a secret may be a string
// in JSON inside JSON.
const deepest = 3

// findAll looks for every spelling in a text and in its decoded views. It looks
// for spellings with line breaks in the last view, joined to one line.
func (f *finder) findAll(b []byte) []span {
	spans := append(f.find(b, false), f.findDecoded(b, plainView)...)
	if bytes.Contains(b, twoBackslashes) {
		spans = append(spans, f.findDecoded(b, jsonView)...)
	}
	return spans
}

// twoBackslashes are in every text that the two decoders read differently.
var twoBackslashes = []byte(`\\`)

func (f *finder) findDecoded(b []byte, decode func([]byte) *view) (spans []span) {
	var views []*view
	back := func(found []span) {
		for _, v := range slices.Backward(views) {
			found = v.back(found)
		}
		spans = append(spans, found...)
	}
	for range deepest {
		decoded := decode(b)
		if decoded == nil {
			break
		}
		views, b = append(views, decoded), decoded.text
		back(f.find(b, false))
	}
	if whole := wholeView(b); whole != nil {
		views = append(views, whole)
		back(f.find(whole.text, true))
	}
	return spans
}

// Redact replaces every secret value in b with a mark. It finds plain values, URL, HTML and JSON escapes, and base64, also inside longer
// encoded text and across line breaks, and the larger part of a value that was
// cut off at the end of a text. If there is nothing to replace, it returns b.
func (p *Policy) Redact(b []byte) []byte {
	spans := p.redactor.find(b)
	if len(spans) == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+len(spans)*16)
	at := 0
	for _, s := range spans {
		out = append(append(out, b[at:s.from]...), mark...)
		at = s.to
	}
	return append(out, b[at:]...)
}

// RedactString is Redact for strings.
func (p *Policy) RedactString(s string) string {
	if p.redactor.finder.Load() == nil {
		return s
	}
	return string(p.Redact([]byte(s)))
}
