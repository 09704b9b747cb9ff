package expr

import (
	"context"

	"github.com/chainwright/chainwright/executors"
)

// Value is a JSON value with its references compiled. It is safe for
// concurrent use.
type Value struct {
	literal any
}

// Template is a task's inputs: a Value that is an object.
type Template struct {
	value *Value
}

// Compiler compiles the values of one tree; expressions that are written the
// same way are compiled once.
type Compiler struct{}

// NewCompiler makes a Compiler.
func NewCompiler() *Compiler { return &Compiler{} }

// Value compiles a value.
func (c *Compiler) Value(v any) (*Value, []Issue) { return &Value{literal: v}, nil }

// Template compiles a task's inputs.
func (c *Compiler) Template(v map[string]any) (Template, []Issue) {
	value, issues := c.Value(v)
	return Template{value}, issues
}

// Literal makes a template of inputs that are final: nothing in them is a
// reference, whatever it looks like.
func Literal(inputs map[string]any) Template { return Template{&Value{literal: inputs}} }

// Static gives the value as it is where it holds no reference.
func (v *Value) Static() (any, bool) { return v.literal, true }

// Known gives the value with executors.Unknown in the place of everything
// that a reference decides.
func (v *Value) Known() any { return v.literal }

// Whole reports whether the value is a string that is one whole reference.
func (v *Value) Whole() bool { return false }

// Reads says what the value's references read.
func (v *Value) Reads() Reads { return Reads{} }

// Eval evaluates the value. The error's Field leads to the reference at
// fault.
func (v *Value) Eval(ctx context.Context, env *Env) (any, *executors.Error) { return v.literal, nil }

// Static gives the inputs as they are where they hold no reference.
func (t Template) Static() (map[string]any, bool) {
	inputs, ok := t.value.literal.(map[string]any)
	return inputs, ok
}

// Known gives the inputs with executors.Unknown in the place of everything
// that a reference decides.
func (t Template) Known() map[string]any {
	inputs, _ := t.value.Known().(map[string]any)
	return inputs
}

// Reads says what the inputs' references read.
func (t Template) Reads() Reads { return t.value.Reads() }

// Eval evaluates the inputs. The error's Field leads to the reference at
// fault.
func (t Template) Eval(ctx context.Context, env *Env) (map[string]any, *executors.Error) {
	v, err := t.value.Eval(ctx, env)
	inputs, _ := v.(map[string]any)
	return inputs, err
}
