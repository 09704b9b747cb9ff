package policy

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// spelling is one encoded form of a secret. Forms that differ only in the escapes
// of single characters are one spelling.
type spelling struct {
	text  []byte // the encoded form
	plain []byte // its form in a decoded view, if that differs
	name  string // of the secret
	wraps bool   // its encoders break lines
}

// spellings returns the forms that encoders give a value.
func spellings(value, name string) []spelling {
	var all []spelling
	add := func(form string, wraps bool) {
		if len(form) >= leastSecret && !slices.ContainsFunc(all, func(s spelling) bool { return string(s.text) == form }) {
			one := spelling{text: []byte(form), name: name, wraps: wraps}
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
	add(hex.EncodeToString([]byte(value)), true) // as databases show bytes
	add(strings.ToUpper(hex.EncodeToString([]byte(value))), true)
	plain, forHTML := jsonEscaped(value)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(enc.EncodeToString([]byte(value)), true)
		add(enc.WithPadding(base64.NoPadding).EncodeToString([]byte(value)), true)
		for _, form := range []string{value, url.QueryEscape(value), plain, forHTML, strings.ReplaceAll(value, `"`, `""`)} {
			for shift := range 3 {
				add(insideBase64(enc, form, shift), true)
			}
		}
	}
	return all
}

// insideBase64 returns the base64 characters that depend on the value alone when
// it is inside a longer text, such as "user:" before it. shift is how many bytes
// of the first group of three are before the value.
func insideBase64(enc *base64.Encoding, value string, shift int) string {
	encoded := enc.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), value...))
	first := (shift*8 + 5) / 6
	last := (shift + len(value)) * 8 / 6
	if last-first < 5 { // too short to tell from other text
		return ""
	}
	return encoded[first:last]
}

// jsonEscaped returns value in the form that it has inside a JSON string, and in
// the form of encoders that escape for HTML too.
func jsonEscaped(value string) (plain, forHTML string) {
	raw, err := json.Marshal(value)
	if err != nil {
		raw = plainjson.AppendString(nil, value)
	}
	inner := func(quoted []byte) string { return string(quoted[1 : len(quoted)-1]) }
	return inner(plainjson.AppendString(nil, value)), inner(raw)
}
