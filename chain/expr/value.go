package expr

import (
	"context"

	"github.com/chainwright/chainwright/executors"
)

// Value is a JSON value with its references compiled. It is safe for
// concurrent use.
type Value struct {
	literal any  // where node is nil
	node    node // nil where there is nothing to evaluate
	reads   Reads
}

// Static gives the value as it is where it holds no reference.
func (v *Value) Static() (any, bool) { return v.literal, v.node == nil }

// Known gives the value with executors.Unknown in the place of everything
// that a reference decides, or the value of a secret.
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

// Reads says what the value's references read.
func (v *Value) Reads() *Reads { return &v.reads }

// Eval evaluates the value. The error's Field leads to the reference at
// fault.
func (v *Value) Eval(ctx context.Context, env *Env) (any, *executors.Error) {
	if v.node == nil {
		return v.literal, nil
	}
	return v.node.eval(ctx, env)
}

// Template is a task's inputs: an object with its references compiled. The
// zero value is the empty object.
type Template struct {
	value Value
}

// Literal makes a template of inputs that are final: nothing in them is a
// reference, whatever it looks like.
func Literal(inputs map[string]any) Template { return Template{Value{literal: inputs}} }

// Static gives the inputs as they are where they hold no reference. They may
// hold placeholders of secrets.
func (t *Template) Static() (map[string]any, bool) {
	if !t.value.fixed() {
		return nil, false
	}
	return asObject(t.value.literal), true
}

// Known gives the inputs with executors.Unknown in the place of everything
// that a reference decides, or the value of a secret.
func (t *Template) Known() map[string]any { return asObject(t.value.Known()) }

// Reads says what the inputs' references read.
func (t *Template) Reads() *Reads { return t.value.Reads() }

// Eval evaluates the inputs. The error's Field leads to the reference at
// fault.
//
// Placeholders of secrets that the tree's author wrote pass through as they
// are, for the executor's door to resolve. A text that came through a
// reference is never taken for one: the door finds it escaped, $${{ … }}.
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

// fixed reports whether evaluating gives the literal: there may be secrets in
// it, but no reference.
func (v *Value) fixed() bool { return v.node == nil || v.literal != nil }

func asObject(v any) map[string]any {
	if object, ok := v.(map[string]any); ok && object != nil {
		return object
	}
	return map[string]any{}
}
