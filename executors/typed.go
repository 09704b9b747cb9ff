package executors

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/chainwright/chainwright/executors/bind"
)

// New makes an executor of a function with typed inputs and output. Inputs go
// into In by its json tags; numbers into any kind of Go number that can hold
// them, seconds into time.Duration, and what is not known to be of one type
// into any, in which numbers are json.Number.
//
// An output beside an error is the failed call's output, unless it is the zero
// value of its type. New panics where no JSON goes into In, which is a mistake
// of the author's.
func New[In, Out any](def *Definition, fn func(context.Context, *Call, In) (Out, error)) Executor {
	if err := bind.Check(reflect.TypeFor[In]()); err != nil {
		panic(fmt.Sprintf("executor %s: %v", def.ID, err))
	}
	return &typed[In, Out]{def, fn}
}

type typed[In, Out any] struct {
	def *Definition
	fn  func(context.Context, *Call, In) (Out, error)
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

// inputType is for InputType.
func (t *typed[In, Out]) inputType() reflect.Type { return reflect.TypeFor[In]() }

// InputType is the Go type that the inputs of an executor made by New go into,
// nil for others: it is for tests that hold it to the schema.
func InputType(e Executor) reflect.Type {
	if t, ok := e.(interface{ inputType() reflect.Type }); ok {
		return t.inputType()
	}
	return nil
}
