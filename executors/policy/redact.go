package policy

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// redactor knows the values of secrets in all the spellings in which they
// turn up, and takes them out of what leaves the server.
type redactor struct {
	mu       sync.Mutex // held while a value is added
	values   map[string]map[string]bool
	patterns atomic.Pointer[[]spelling]
}

// know adds a value. Earlier values of the same secret stay known: they may
// still be in flight.
func (r *redactor) know(name, value string) {
	if known := r.patterns.Load(); known != nil {
		for _, s := range *known {
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
	slices.SortFunc(all, func(a, b spelling) int {
		return cmp.Or(-cmp.Compare(len(a.text), len(b.text)), bytes.Compare(a.text, b.text), cmp.Compare(a.mark, b.mark))
	})
	r.patterns.Store(&all)
}

func markOf(name string) string { return "[secret " + name + "]" }

// span is a part of a text that gives a secret away.
type span struct {
	from, to int
	mark     string
}

// find returns the parts to take out, in order, those that overlap as one.
func (r *redactor) find(b []byte) []span {
	patterns := r.patterns.Load()
	if patterns == nil {
		return nil
	}
	spans := findAll(b, *patterns)
	if len(spans) < 2 {
		return spans
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
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

// findAll looks for every spelling in a text and in its plain view, and for
// those that are broken into lines in that without the line breaks.
func findAll(b []byte, patterns []spelling) []span {
	var spans []span
	for i := range patterns {
		spans = patterns[i].find(b, patterns[i].text, spans)
	}
	plain, text := plainView(b), b
	if plain != nil {
		text = plain.text
		var found []span
		for i := range patterns {
			found = patterns[i].find(text, patterns[i].plain, found)
		}
		spans = append(spans, plain.back(found)...)
	}
	if whole := wholeView(text); whole != nil {
		var found []span
		for i := range patterns {
			if patterns[i].wraps {
				found = patterns[i].find(whole.text, patterns[i].plain, found)
			}
		}
		if found = whole.back(found); plain != nil {
			found = plain.back(found)
		}
		spans = append(spans, found...)
	}
	return spans
}

// Redact replaces every value of a secret in b, in all its usual spellings
// (as it is, URL-, HTML- and JSON-escaped, in base64 also inside longer encoded
// text and over several lines), by a mark that names the secret; so too the
// larger part of one that was cut off at the end of a text. It returns b itself, untouched,
// where there is nothing to take out.
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
	if p.redactor.patterns.Load() == nil {
		return s
	}
	return string(p.Redact([]byte(s)))
}
