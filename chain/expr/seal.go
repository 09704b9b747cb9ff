package expr

import (
	"regexp"
	"strings"
)

// placeholders matches the placeholders of secrets in a text.
var placeholders = regexp.MustCompile(`\$\{\{\s*secrets\.[A-Za-z_][A-Za-z0-9_]*\s*\}\}`)

// seal escapes the placeholders of secrets in v. v is not changed; it is returned
// if it has none.
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

// sealText escapes the placeholders of secrets in a text.
func sealText(s string) string {
	if !strings.Contains(s, opening) {
		return s
	}
	return placeholders.ReplaceAllStringFunc(s, func(found string) string { return "$" + found })
}
