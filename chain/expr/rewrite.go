package expr

import "strings"

// Rewrite gives a text with each of its expressions replaced by what fn makes
// of it. Plain text and the placeholders of secrets stay as they are, and so
// does a text with an opening that is never closed, which compiling refuses.
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
