package expr

import "iter"

// References gives every reference in the value with the path that leads to
// it, and what it reads. The placeholder of a secret is one too.
func (v *Value) References() iter.Seq2[string, *Reads] {
	return func(yield func(string, *Reads) bool) {
		if v.node != nil {
			visit(v.node, "", yield)
		}
	}
}

// References gives every reference in the inputs with the path that leads to
// it, and what it reads.
func (t *Template) References() iter.Seq2[string, *Reads] { return t.value.References() }

// visit calls yield for the references of a node, and reports whether to go
// on.
func visit(n node, path string, yield func(string, *Reads) bool) bool {
	switch n := n.(type) {
	case *expression:
		return yield(path, &n.reads)
	case sealed:
		return yield(path, &n.reads)
	case *text:
		for i, p := range n.pieces {
			switch {
			case p.kind == reference && !yield(path, &n.refs[i].reads),
				p.kind == hidden && !yield(path, &Reads{Secrets: []string{p.name}}):
				return false
			}
		}
	case *array:
		for _, s := range n.slots {
			if !visit(s.value, join(path, placeStep(s.place)), yield) {
				return false
			}
		}
	case *object:
		for _, f := range n.fields {
			if !visit(f.value, join(path, keyStep(f.key)), yield) {
				return false
			}
		}
	}
	return true
}
