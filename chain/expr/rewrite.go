package expr

import (
	"strings"
)

// Rewrite returns a text with each expression replaced by the result of fn. Plain
// text and placeholders of secrets are kept. A text with an opening mark that is
// never closed, which does not compile, is returned unchanged.
func Rewrite(s string, fn func(src string) (string, error)) (string, error) {
	parts, unclosed := scan(s)
	if unclosed >= 0 {
		return s, nil
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.kind {
		case plain:
			b.WriteString(strings.ReplaceAll(p.text, opening, escaped))
		case hidden:
			b.WriteString(p.text)
		case reference:
			src, err := fn(p.text)
			if err != nil {
				return "", err
			}
			b.WriteString(opening + src + closing)
		}
	}
	return b.String(), nil
}
