package strictjson

// Span is the position of an object or an array in a text.
type Span struct {
	Start, End int
	// Closed is false for a span that reaches the end of the text without its
	// closing bracket.
	Closed bool
}

// Spans finds the outermost objects and arrays in a text with other content.
// They need not be valid JSON.
func Spans(text string) []Span {
	var list []Span
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case quoted && ch == '\\':
			i++
		case quoted:
			quoted = ch != '"'
		case ch == '"' && depth > 0:
			quoted = true
		case ch == '{' || ch == '[':
			if depth == 0 {
				start = i
			}
			depth++
		case (ch == '}' || ch == ']') && depth > 0:
			if depth--; depth == 0 {
				list = append(list, Span{start, i + 1, true})
			}
		}
	}
	if depth > 0 {
		list = append(list, Span{start, len(text), false})
	}
	return list
}
