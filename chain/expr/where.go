package expr

import (
	"iter"
	"slices"
)

// Spot is where a reference stands.
type Spot struct {
	Path string // in the value: "headers.accept", "data[3]"
	Mark int    // which opening mark of the text at the path, from 1
}

// References returns the place of every reference in the value, and what it reads.
// The placeholder of a secret counts as a reference.
func (v *Value) References() iter.Seq2[Spot, *Reads] {
	return func(yield func(Spot, *Reads) bool) {
		if v.node != nil {
			visit(v.node, "", yield)
		}
	}
}

// References returns the place of every reference in the inputs, and what it reads.
func (t *Template) References() iter.Seq2[Spot, *Reads] { return t.value.References() }

// visit calls yield for the references of a node. It reports whether to continue.
func visit(n node, path string, yield func(Spot, *Reads) bool) bool {
	switch n := n.(type) {
	case *expression:
		return yield(Spot{path, 1}, &n.reads)
	case sealed:
		return yield(Spot{path, 1}, &n.reads)
	case *text:
		for i, p := range n.pieces {
			switch {
			case p.kind == reference && !yield(Spot{path, p.mark}, &n.refs[i].reads),
				p.kind == hidden && !yield(Spot{path, p.mark}, &Reads{Secrets: []string{p.name}}):
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

// Expression is a reference that compiles.
type Expression struct {
	Spot
	// Steps are the path of a whole reference as keys (string) and indexes (int).
	Steps []any
	// Source is the text between the marks.
	Source string
	// Walk is the root and the keys and indexes of an expression that has
	// nothing else: tasks, fetch, result, 0. It is nil for others.
	Walk []any
	// Whole: the reference is the whole value at the path, not a part of a text.
	Whole bool
}

// Expressions returns every reference in the value that compiles.
func (v *Value) Expressions() iter.Seq[Expression] {
	return func(yield func(Expression) bool) {
		if v.node != nil {
			expressions(v.node, "", nil, yield)
		}
	}
}

// Expressions returns every reference in the inputs that compiles.
func (t *Template) Expressions() iter.Seq[Expression] { return t.value.Expressions() }

// expressions calls yield for the references of a node. It reports whether to
// continue.
func expressions(n node, path string, steps []any, yield func(Expression) bool) bool {
	found := func(e *expression, mark int, whole bool) bool {
		if slices.ContainsFunc(e.issues, func(i Issue) bool { return !i.Code.Warning() }) {
			return true
		}
		found := Expression{Spot: Spot{path, mark}, Source: e.src, Walk: e.walk, Whole: whole}
		if whole {
			found.Steps = slices.Clone(steps)
		}
		return yield(found)
	}
	switch n := n.(type) {
	case *expression:
		return found(n, 1, true)
	case sealed:
		return found(n.expression, 1, true)
	case *text:
		for i, e := range n.refs {
			if e != nil && !found(e, n.pieces[i].mark, false) {
				return false
			}
		}
	case *array:
		for _, s := range n.slots {
			if !expressions(s.value, join(path, placeStep(s.place)), append(steps, s.place), yield) {
				return false
			}
		}
	case *object:
		for _, f := range n.fields {
			if !expressions(f.value, join(path, keyStep(f.key)), append(steps, f.key), yield) {
				return false
			}
		}
	}
	return true
}
