package executors

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/chainwright/chainwright/executors/bind"
)

// New returns an executor that calls a function with typed inputs and output.
// Inputs are bound to In by its json tags: numbers to any Go number type that
// can hold them, seconds to time.Duration, and values of several types to any,
// with numbers as json.Number.
//
// An output that is returned with an error is the output of the failed call,
// unless it is the zero value of its type. New panics if no JSON value can be
// bound to In.
//
// checks are what Checker.Check calls.
func New[In, Out any](def *Definition, fn func(context.Context, *Call, In) (Out, error), checks ...func(inputs map[string]any) []*Error) Executor {
	if err := bind.Check(reflect.TypeFor[In]()); err != nil {
		panic(fmt.Sprintf("executor %s: %v", def.ID, err))
	}
	t := &typed[In, Out]{def, fn}
	if len(checks) > 0 {
		return &checked[In, Out]{t, checks}
	}
	return t
}

type typed[In, Out any] struct {
	def *Definition
	fn  func(context.Context, *Call, In) (Out, error)
}

type checked[In, Out any] struct {
	*typed[In, Out]
	checks []func(inputs map[string]any) []*Error
}

// Check implements Checker.
func (c *checked[In, Out]) Check(inputs map[string]any) []*Error {
	var found []*Error
	for _, check := range c.checks {
		found = append(found, check(inputs)...)
	}
	return found
}

// Definition describes the executor.
func (t *typed[In, Out]) Definition() *Definition { return t.def }

// Execute decodes the inputs and calls the function.
func (t *typed[In, Out]) Execute(ctx context.Context, call *Call) (any, error) {
	var in In
	if err := bind.Into(&in, call.Inputs); err != nil {
		var wrong *bind.Error
		if errors.As(err, &wrong) {
			return nil, Errorf(ValidationError, "%s", wrong).WithField(wrong.Path)
		}
		return nil, err
	}
	out, err := t.fn(ctx, call, in)
	if err != nil && reflect.ValueOf(&out).Elem().IsZero() {
		return nil, err
	}
	return out, err
}

// inputType implements InputType.
func (t *typed[In, Out]) inputType() reflect.Type { return reflect.TypeFor[In]() }

// outputType implements OutputType.
func (t *typed[In, Out]) outputType() reflect.Type { return reflect.TypeFor[Out]() }

// OutputType returns the Go type of the outputs of an executor made by New, and
// nil for others. Tests compare it with the schema.
func OutputType(e Executor) reflect.Type {
	if t, ok := e.(interface{ outputType() reflect.Type }); ok {
		return t.outputType()
	}
	return nil
}

// InputType returns the Go type of the inputs of an executor made by New, and
// nil for others. Tests compare it with the schema.
func InputType(e Executor) reflect.Type {
	if t, ok := e.(interface{ inputType() reflect.Type }); ok {
		return t.inputType()
	}
	return nil
}
