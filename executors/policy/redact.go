package policy

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// redactor knows the values of secrets in all the spellings in which they
// turn up, and takes them out of what leaves the server.
type redactor struct {
	mu     sync.Mutex // held while a value is added
	values map[string]map[string]bool
	finder atomic.Pointer[finder] // nil while nothing is known
}

// know adds a value. Earlier values of the same secret stay known: they may
// still be in flight.
func (r *redactor) know(name, value string) {
	if f := r.finder.Load(); f != nil {
		for _, s := range f.known {
			if s.mark == markOf(name) && string(s.text) == value {
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
			all = append(all, spellings(value, markOf(name))...)
		}
	}
	r.finder.Store(newFinder(all))
}

func markOf(name string) string { return "[secret " + name + "]" }

// span is a part of a text that gives a secret away.
type span struct {
	from, to int
	mark     string
}

// find returns the parts to take out, in order, those that overlap as one.
func (r *redactor) find(b []byte) []span {
	f := r.finder.Load()
	if f == nil {
		return nil
	}
	spans := f.findAll(b)
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to, cmp.Compare(a.mark, b.mark)) })
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

// deepest is how many times over a text's escapes are undone: a page with a
// secret in it, as a text in JSON, in JSON.
const deepest = 3

// findAll looks for every spelling in a text, in its plain views, and for those
// that are broken into lines in the last of these without the line breaks.
func (f *finder) findAll(b []byte) []span {
	spans := f.find(b, false)
	text := b
	var views []*view
	back := func(found []span) {
		for _, v := range slices.Backward(views) {
			found = v.back(found)
		}
		spans = append(spans, found...)
	}
	for range deepest {
		plain := plainView(text)
		if plain == nil {
			break
		}
		views, text = append(views, plain), plain.text
		back(f.find(text, false))
	}
	if whole := wholeView(text); whole != nil {
		views = append(views, whole)
		back(f.find(whole.text, true))
	}
	return spans
}

// Redact replaces every value of a secret in b, in all its usual spellings
// (as it is, URL-, HTML- and JSON-escaped, in base64 also inside longer encoded
// text and over several lines), by a mark that names the secret; so too the
// larger part of one that was cut off at the end of a text. It returns b itself,
// untouched, where there is nothing to take out.
func (p *Policy) Redact(b []byte) []byte {
	spans := p.redactor.find(b)
	if len(spans) == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+len(spans)*16)
	at := 0
	for _, s := range spans {
		out = append(append(out, b[at:s.from]...), s.mark...)
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
