package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// spelling is one form of one secret.
type spelling struct {
	text  []byte
	mark  string
	wraps bool // its encoders break lines
	// anchor is how much of it gives it away where it was cut off: the whole
	// of it is that for one too short to be told by a part.
	anchor int
}

// shortestCut is the length from which a spelling is known by a part of it:
// by half of it, but by no fewer than ten characters, or all but two. Words
// that are in every text are shorter.
const shortestCut, leastPart, leastLess = 10, 10, 2

// spellings lists the forms that encoders give a value.
func spellings(value, mark string) []spelling {
	var all []spelling
	add := func(form string, wraps bool) {
		if len(form) < minSecret || slices.ContainsFunc(all, func(s spelling) bool { return string(s.text) == form }) {
			return
		}
		one := spelling{text: []byte(form), mark: mark, wraps: wraps, anchor: len(form)}
		if len(form) >= shortestCut {
			one.anchor = max((len(form)+1)/2, min(leastPart, len(form)-leastLess))
		}
		all = append(all, one)
	}
	for _, form := range escaped(value) {
		add(form, false)
		add(jsonEscaped(form, false), false) // a text inside a JSON string
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(enc.EncodeToString([]byte(value)), true)
		add(enc.WithPadding(base64.NoPadding).EncodeToString([]byte(value)), true)
		for shift := range 3 {
			add(insideBase64(enc, value, shift), true)
		}
	}
	return all
}

// escaped lists the value as it is, and as it stands in URLs, HTML and JSON.
func escaped(value string) []string {
	query, path := url.QueryEscape(value), url.PathEscape(value)
	page := html.EscapeString(value)
	forms := []string{
		value, query, path, lowerEscapes(query), lowerEscapes(path),
		page, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;").Replace(page),
		asciiJSON(value, "", "%04x"), asciiJSON(value, "\"&'+<>`", "%04X"),
	}
	for _, escapeHTML := range []bool{true, false} {
		forms = append(forms, jsonEscaped(value, escapeHTML))
	}
	for _, form := range forms[len(forms)-4:] {
		forms = append(forms, strings.ReplaceAll(form, "/", `\/`))
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
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// asciiJSON escapes what is no ASCII too, and more that an encoder finds
// worth it.
func asciiJSON(value, more, format string) string {
	var b strings.Builder
	for _, r := range value {
		switch {
		case r > '~' || strings.ContainsRune(more, r):
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u`+format, unit)
			}
		default:
			b.WriteString(jsonEscaped(string(r), false))
		}
	}
	return b.String()
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
