package policy

import (
	"encoding/json"
)

// RedactJSON is Redact for JSON, and returns valid JSON: a number that reveals a
// secret is replaced as a whole by a string with the mark.
func (p *Policy) RedactJSON(raw []byte) []byte {
	spans := p.redactor.find(raw)
	if len(spans) == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(spans)*16)
	at, inString := 0, false
	for _, s := range spans {
		if s.to <= at { // inside a literal that was replaced
			continue
		}
		from := max(s.from, at)
		out = append(out, raw[at:from]...)
		inString = insideString(raw[at:from], inString)
		if inString {
			out = append(out, mark...)
			at = s.to
			continue
		}
		for len(out) > 0 && isLiteral(out[len(out)-1]) {
			out = out[:len(out)-1]
		}
		for at = s.to; at < len(raw) && isLiteral(raw[at]); at++ {
		}
		out = append(append(append(out, '"'), mark...), '"')
	}
	out = append(out, raw[at:]...)
	if !json.Valid(out) { // the secret contains JSON syntax
		return []byte(`"[secret]"`)
	}
	return out
}

// insideString reports whether a text ends inside a JSON string. The argument says
// whether it starts inside one.
func insideString(text []byte, inString bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			inString = !inString
		case text[i] == '\\' && inString:
			i++
		}
	}
	return inString
}

// isLiteral reports whether a byte can be part of a number, true, false or null.
func isLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E' || c == '-' || c == '+' || c == '.'
}
