package expr

import (
	"regexp"
	"strings"
)

// placeholders finds what looks like the placeholder of a secret in a text.
var placeholders = regexp.MustCompile(`\$\{\{\s*secrets\.[A-Za-z_][A-Za-z0-9_]*\s*\}\}`)

// seal escapes whatever in v looks like the placeholder of a secret. v is not
// changed; where there is nothing to escape, it is v that is returned.
func seal(v any) any {
	sealed, _ := sealParts(v)
	return sealed
}

func sealParts(v any) (sealed any, changed bool) {
	switch v := v.(type) {
	case string:
		text := sealText(v)
		return text, len(text) != len(v)
	case []any:
		var copied []any
		for i, each := range v {
			if part, ok := sealParts(each); ok {
				if copied == nil {
					copied = append(copied, v...)
				}
				copied[i] = part
			}
		}
		if copied != nil {
			return copied, true
		}
	case map[string]any:
		var copied map[string]any
		for key, each := range v {
			if part, ok := sealParts(each); ok {
				if copied == nil {
					copied = make(map[string]any, len(v))
					for k, w := range v {
						copied[k] = w
					}
				}
				copied[key] = part
			}
		}
		if copied != nil {
			return copied, true
		}
	}
	return v, false
}

// sealText is seal of a text.
func sealText(s string) string {
	if !strings.Contains(s, opening) {
		return s
	}
	return placeholders.ReplaceAllStringFunc(s, func(found string) string { return "$" + found })
}
