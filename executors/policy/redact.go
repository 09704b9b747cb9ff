package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
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

// spelling is one form of one secret.
type spelling struct {
	text []byte
	mark string
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
			for _, form := range spellings(value) {
				all = append(all, spelling{text: []byte(form), mark: markOf(name)})
			}
		}
	}
	slices.SortFunc(all, func(a, b spelling) int {
		return cmp.Or(-cmp.Compare(len(a.text), len(b.text)), bytes.Compare(a.text, b.text), cmp.Compare(a.mark, b.mark))
	})
	r.patterns.Store(&all)
}

func markOf(name string) string { return "[secret " + name + "]" }

// spellings lists the forms that encoders give a value.
func spellings(value string) []string {
	forms := []string{value}
	add := func(form string) {
		if len(form) >= minSecret && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	add(url.QueryEscape(value))
	add(url.PathEscape(value))
	add(lowerEscapes(url.QueryEscape(value)))
	add(lowerEscapes(url.PathEscape(value)))
	for _, escapeHTML := range []bool{true, false} {
		escaped := jsonEscaped(value, escapeHTML)
		add(escaped)
		add(strings.ReplaceAll(escaped, "/", `\/`))
		add(jsonEscaped(escaped, escapeHTML)) // JSON inside a JSON string
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(enc.EncodeToString([]byte(value)))
		add(enc.WithPadding(base64.NoPadding).EncodeToString([]byte(value)))
		for shift := range 3 {
			add(insideBase64(enc, value, shift))
		}
	}
	return forms
}

// insideBase64 returns the characters that a value gives wherever it stands
// in a longer encoded text ("user:" before it, say), with shift bytes of
// the first group of three taken: those that depend on the value alone.
func insideBase64(enc *base64.Encoding, value string, shift int) string {
	encoded := enc.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), value...))
	first := (shift*8 + 5) / 6
	last := (shift + len(value)) * 8 / 6
	if last-first < 5 { // too short to be told from any other text
		return ""
	}
	return encoded[first:last]
}

func jsonEscaped(value string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(value); err != nil {
		return value
	}
	return strings.Trim(strings.TrimSuffix(b.String(), "\n"), `"`)
}

// lowerEscapes turns %2F into %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

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
	var spans []span
	for _, p := range *patterns {
		for from := 0; ; {
			i := bytes.Index(b[from:], p.text)
			if i < 0 {
				break
			}
			spans = append(spans, span{from + i, from + i + len(p.text), p.mark})
			from += i + 1
		}
	}
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

// Redact replaces every value of a secret in b, in all its usual spellings
// (as it is, URL- and JSON-escaped, in base64 also inside longer encoded
// text), by a mark that names the secret. It returns b itself, untouched,
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
