package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// spelling is one form of one secret. Forms that differ only in how single
// characters are escaped are one.
type spelling struct {
	text  []byte // as it is
	plain []byte // as it is in a plain view, where that is something else
	mark  string
	wraps bool // its encoders break lines
}

// spellings lists the forms that encoders give a value.
func spellings(value, mark string) []spelling {
	var all []spelling
	add := func(form string, wraps bool) {
		if len(form) >= minSecret && !slices.ContainsFunc(all, func(s spelling) bool { return string(s.text) == form }) {
			one := spelling{text: []byte(form), mark: mark, wraps: wraps}
			if plain := plainView(one.text); plain != nil && len(plain.text) >= keyLength {
				one.plain = plain.text
			}
			all = append(all, one)
		}
	}
	add(value, false)
	add(strings.ReplaceAll(value, " ", "+"), false) // in a query
	for _, quote := range []string{"'", `"`} {      // in SQL and CSV
		add(strings.ReplaceAll(value, quote, quote+quote), false)
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(enc.EncodeToString([]byte(value)), true)
		add(enc.WithPadding(base64.NoPadding).EncodeToString([]byte(value)), true)
		for _, form := range []string{value, url.QueryEscape(value), jsonEscaped(value, false), jsonEscaped(value, true), strings.ReplaceAll(value, `"`, `""`)} {
			for shift := range 3 {
				add(insideBase64(enc, form, shift), true)
			}
		}
	}
	return all
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
