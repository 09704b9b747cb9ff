package policy

import (
	"encoding/json"
)

// RedactJSON is Redact for a JSON text, and gives a JSON text: a number that
// gives a secret away becomes a string with the mark, as a whole.
func (p *Policy) RedactJSON(raw []byte) []byte {
	spans := p.redactor.find(raw)
	if len(spans) == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(spans)*16)
	at, inString := 0, false
	for _, s := range spans {
		if s.to <= at { // inside a literal that is gone
			continue
		}
		from := max(s.from, at)
		out = append(out, raw[at:from]...)
		inString = insideString(raw[at:from], inString)
		if inString {
			out = append(out, s.mark...)
			at = s.to
			continue
		}
		for len(out) > 0 && isLiteral(out[len(out)-1]) {
			out = out[:len(out)-1]
		}
		for at = s.to; at < len(raw) && isLiteral(raw[at]); at++ {
		}
		out = append(append(append(out, '"'), s.mark...), '"')
	}
	out = append(out, raw[at:]...)
	if !json.Valid(out) { // a secret that looks like JSON's own signs
		return []byte(`"[secret]"`)
	}
	return out
}

// insideString reports whether a text ends inside a JSON string, when it
// begins inside of one or not.
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

// isLiteral: what numbers, true, false and null consist of.
func isLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E' || c == '-' || c == '+' || c == '.'
}
