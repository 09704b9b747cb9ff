package expr

import (
	"regexp"
	"strings"
)

// The marks around a reference, and the escaped opening mark.
const (
	opening = "${{"
	closing = "}}"
	escaped = "$${{"
)

// placeholder matches the text between the marks of a secret.
var placeholder = regexp.MustCompile(`^\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*$`)

// secret returns the name in the placeholder of a secret.
func secret(src string) (name string, ok bool) {
	if !strings.Contains(src, "secrets.") {
		return "", false
	}
	found := placeholder.FindStringSubmatch(src)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// kind is the kind of a part of a text.
type kind int

const (
	plain     kind = iota
	reference      // an expression to evaluate
	hidden         // the placeholder of a secret, which is kept
)

// part is a part of a text. Its text is the expression of a reference, or the
// placeholder of a secret with its marks.
type part struct {
	kind kind
	text string
	name string // of the secret
	mark int    // which opening mark of the text it has, from 1; 0: none
}

// Mark is the opening mark of a reference.
const Mark = opening

// scan splits a text into its parts. It returns the offset of an opening mark that
// is never closed, or -1.
func scan(s string) (parts []part, unclosed int) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, part{kind: plain, text: text.String()})
			text.Reset()
		}
	}
	marks := 0
	for i := 0; i < len(s); {
		at := strings.Index(s[i:], opening)
		if at < 0 {
			text.WriteString(s[i:])
			break
		}
		at += i
		marks++
		if at > i && s[at-1] == '$' { // escaped
			text.WriteString(s[i : at-1])
			text.WriteString(opening)
			i = at + len(opening)
			continue
		}
		text.WriteString(s[i:at])
		start := at + len(opening)
		length, ok := end(s[start:])
		if !ok {
			return nil, at
		}
		src := s[start : start+length]
		i = start + length + len(closing)
		flush()
		if name, ok := secret(src); ok {
			parts = append(parts, part{kind: hidden, text: s[at:i], name: name, mark: marks})
		} else {
			parts = append(parts, part{kind: reference, text: src, mark: marks})
		}
		marks += strings.Count(src, opening)
	}
	flush()
	return parts, -1
}

// end returns the end of an expression: the first }} outside jq strings and
// braces. A string can hold expressions, "\(…)", and those can hold strings.
func end(s string) (length int, ok bool) {
	const (
		brace  = '{'
		paren  = '('  // inside an interpolation
		inside = '\\' // the interpolation itself
		quoted = '"'
	)
	var open []byte
	top := func() byte {
		if len(open) == 0 {
			return 0
		}
		return open[len(open)-1]
	}
	pop := func() { open = open[:len(open)-1] }
	depth := 0 // of interpolations
	for i := 0; i < len(s); i++ {
		c := s[i]
		if top() == quoted {
			switch c {
			case '"':
				pop()
			case '\\':
				i++
				if i < len(s) && s[i] == '(' {
					open = append(open, inside)
					depth++
				}
			}
			continue
		}
		switch c {
		case '"':
			open = append(open, quoted)
		case '{':
			open = append(open, brace)
		case '}':
			if top() == brace {
				pop()
			} else if len(open) == 0 && strings.HasPrefix(s[i:], closing) {
				return i, true
			}
		case '(':
			if depth > 0 {
				open = append(open, paren)
			}
		case ')':
			switch top() {
			case paren:
				pop()
			case inside:
				pop()
				depth--
			}
		}
	}
	return 0, false
}
