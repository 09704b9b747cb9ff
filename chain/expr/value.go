package expr

import (
	"context"
	"slices"

	"github.com/chainwright/chainwright/executors"
)

// Value is a JSON value with compiled references. It is safe for concurrent use.
type Value struct {
	literal any  // if node is nil
	node    node // nil: nothing is evaluated
	reads   Reads
}

// Static returns the value, and whether it has no references.
func (v *Value) Static() (any, bool) { return v.literal, v.node == nil }

// Known returns the value with executors.Unknown instead of references and
// secrets.
func (v *Value) Known() any {
	if v.node == nil {
		return v.literal
	}
	return v.node.known()
}

// Whole reports whether the value is a string that is one whole reference.
func (v *Value) Whole() bool {
	switch v.node.(type) {
	case *expression, sealed:
		return true
	}
	return false
}

// Reads returns what the value's references read.
func (v *Value) Reads() *Reads { return &v.reads }

// Eval evaluates the value. The error's Field is the path of the reference that
// failed.
func (v *Value) Eval(ctx context.Context, env *Env) (any, *executors.Error) {
	if v.node == nil {
		return v.literal, nil
	}
	return v.node.eval(ctx, bounded(*env))
}

// Template is the inputs of a task: an object with compiled references. The zero
// value is the empty object.
type Template struct {
	value Value
}

// Literal returns a template of inputs without references: text that looks like
// one is kept.
func Literal(inputs map[string]any) Template { return Template{Value{literal: inputs}} }

// Static returns the inputs, and whether they have no references. They may have
// placeholders of secrets.
func (t *Template) Static() (map[string]any, bool) {
	if !t.value.fixed() {
		return nil, false
	}
	return asObject(t.value.literal), true
}

// Known returns the inputs with executors.Unknown instead of references and
// secrets.
func (t *Template) Known() map[string]any { return asObject(t.value.Known()) }

// Has reports whether the inputs have a field.
func (t *Template) Has(name string) bool {
	if o, ok := t.value.node.(*object); ok {
		_, fixed := o.fixed[name]
		return fixed || slices.ContainsFunc(o.fields, func(f field) bool { return f.key == name })
	}
	_, ok := asObject(t.value.literal)[name]
	return ok
}

// Reads returns what the inputs' references read.
func (t *Template) Reads() *Reads { return t.value.Reads() }

// Eval evaluates the inputs. The error's Field is the path of the reference that
// failed.
//
// Placeholders of secrets that the author of the tree wrote are kept, for
// Registry.Invoke to resolve. A placeholder in the value of a reference is
// escaped, $${{ … }}, so that it is not resolved.
func (t *Template) Eval(ctx context.Context, env *Env) (map[string]any, *executors.Error) {
	if t.value.fixed() {
		return asObject(t.value.literal), nil
	}
	v, err := t.value.Eval(ctx, env)
	if err != nil {
		return nil, err
	}
	return asObject(v), nil
}

// fixed reports whether the value has no references. It may have secrets.
func (v *Value) fixed() bool { return v.node == nil || v.literal != nil }

func asObject(v any) map[string]any {
	if object, ok := v.(map[string]any); ok && object != nil {
		return object
	}
	return map[string]any{}
}
