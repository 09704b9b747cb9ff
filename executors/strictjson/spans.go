package strictjson

// Span is where an object or an array stands in a text.
type Span struct {
	Start, End int
	// Closed is false for one that goes to the end of the text without its
	// bracket.
	Closed bool
}

// Spans finds the outermost objects and arrays in a text that holds other
// things too. Whether they are valid is another question.
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
