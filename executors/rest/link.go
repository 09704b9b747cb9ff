package rest

import "strings"

// nextLink returns the target of rel="next" in Link headers (RFC 8288), not
// resolved, or "" if there is none. Invalid links are skipped.
func nextLink(headers []string) string {
	for _, rest := range headers {
		for rest != "" {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			target, after, closed := strings.Cut(after, ">")
			if !closed {
				break
			}
			var next bool
			next, rest = linkParams(after)
			if next {
				return strings.TrimSpace(target)
			}
		}
	}
	return ""
}

// linkParams reads the parameters of a link up to the comma that ends it, and
// reports whether rel contains "next". Only the first rel counts.
func linkParams(text string) (next bool, rest string) {
	seen := false
	for {
		text = strings.TrimLeft(text, " \t;")
		if text == "" {
			return next, ""
		}
		if text[0] == ',' {
			return next, text[1:]
		}
		end := strings.IndexAny(text, "=;,")
		if end < 0 {
			return next, ""
		}
		name := strings.TrimSpace(text[:end])
		text = text[end:]
		if text[0] != '=' {
			continue
		}
		var value string
		value, text = linkValue(strings.TrimLeft(text[1:], " \t"))
		if !seen && strings.EqualFold(name, "rel") {
			seen = true
			for _, relation := range strings.Fields(value) {
				next = next || strings.EqualFold(relation, "next")
			}
		}
	}
}

// linkValue reads a token or a quoted string.
func linkValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			return strings.TrimSpace(text), ""
		}
		return strings.TrimSpace(text[:end]), text[end:]
	}
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return out.String(), text[i+1:]
		case '\\':
			if i++; i == len(text) {
				return out.String(), ""
			}
		}
		out.WriteByte(text[i])
	}
	return out.String(), ""
}
