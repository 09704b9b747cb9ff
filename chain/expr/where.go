package expr

// Where leads to the first reference of the value whose reads match; empty
// where that is the value itself, or there is none.
func (v *Value) Where(match func(*Reads) bool) string {
	if v.node == nil {
		return ""
	}
	path, _ := where(v.node, match)
	return path
}

// Where leads to the first reference of the inputs whose reads match.
func (t *Template) Where(match func(*Reads) bool) string { return t.value.Where(match) }

func where(n node, match func(*Reads) bool) (path string, found bool) {
	switch n := n.(type) {
	case *expression:
		return "", match(&n.reads)
	case sealed:
		return "", match(&n.reads)
	case *text:
		for i, p := range n.pieces {
			if n.refs[i] != nil && match(&n.refs[i].reads) || p.kind == hidden && match(&Reads{Secrets: []string{p.name}}) {
				return "", true
			}
		}
	case *array:
		for _, s := range n.slots {
			if path, ok := where(s.value, match); ok {
				return join(placeStep(s.place), path), true
			}
		}
	case *object:
		for _, f := range n.fields {
			if path, ok := where(f.value, match); ok {
				return join(keyStep(f.key), path), true
			}
		}
	}
	return "", false
}
