package expr

import (
	"strings"
)

// Escape escapes every opening mark in a value, so that compiling the result
// returns the value. Placeholders of secrets are kept.
func Escape(v any) any {
	switch v := v.(type) {
	case string:
		return escapeText(v)
	case []any:
		w := make([]any, len(v))
		for i, each := range v {
			w[i] = Escape(each)
		}
		return w
	case map[string]any:
		w := make(map[string]any, len(v))
		for key, each := range v {
			w[key] = Escape(each)
		}
		return w
	}
	return v
}

func escapeText(s string) string {
	if !strings.Contains(s, opening) {
		return s
	}
	var b strings.Builder
	rest := 0
	for _, at := range placeholders.FindAllStringIndex(s, -1) {
		b.WriteString(strings.ReplaceAll(s[rest:at[0]], opening, escaped))
		b.WriteString(s[at[0]:at[1]])
		rest = at[1]
	}
	b.WriteString(strings.ReplaceAll(s[rest:], opening, escaped))
	return b.String()
}
