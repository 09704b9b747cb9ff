// Package jq runs jq programs that callers wrote, on JSON values, within
// bounds: a time, a number of outputs and a size. A program sees its input and
// the values it is given, nothing else: no environment, no files, no modules.
//
// Values are those of a JSON decoder: nil, bool, json.Number, string, []any
// and map[string]any. Every number of an output is a json.Number too.
package jq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itchyny/gojq"
)

// Bounds are what one run of a program may use. Zero fields take the
// defaults.
type Bounds struct {
	Time    time.Duration // wall clock: DefaultTime
	Outputs int           // number of outputs: DefaultOutputs
	Bytes   int           // all outputs as compact JSON, about: DefaultBytes
}

// The bounds of a program that was given none.
const (
	DefaultTime    = time.Second
	DefaultOutputs = 100_000
	DefaultBytes   = 16 << 20
)

// Program is a compiled program. It is safe for concurrent use.
type Program struct {
	code   *gojq.Code
	bounds Bounds
}

// Compile parses and compiles a program. Variables and functions come from
// gojq's own options. The error is an *Error of kind Invalid.
func Compile(src string, opts ...gojq.CompilerOption) (*Program, error) {
	if len(opts) == 0 {
		return compiled.get(src, nil)
	}
	return compile(src, nil, opts)
}

// CompileValues compiles a program in which each of names is a function
// without arguments ("tasks", "inputs"), usable anywhere. Run is given their
// values in the same order.
func CompileValues(src string, names ...string) (*Program, error) {
	return compiled.get(src, names)
}

// Within returns the program with other bounds.
func (p *Program) Within(b Bounds) *Program {
	return &Program{code: p.code, bounds: b}
}

// Run runs the program on an input and returns its outputs, in order. Neither
// the input nor the values are changed, but outputs may share parts with them.
// A program that fails, or goes over a bound, gives an *Error; the end of ctx
// gives ctx's own error, wrapped.
func (p *Program) Run(ctx context.Context, input any, values ...any) (outputs []any, err error) {
	bounds := p.bounds.withDefaults()
	limited := newWatch(ctx, bounds)
	defer func() {
		if r := recover(); r != nil {
			outputs, err = nil, &Error{Kind: Failed, Message: fmt.Sprintf("the program could not be run: %v", r), Offset: -1}
		}
	}()
	size := sizer{left: bounds.Bytes, depth: maxDepth}
	iter := p.code.RunWithContext(limited, input, values...)
	for {
		v, ok := iter.Next()
		if !ok {
			return outputs, nil
		}
		if failure, isError := v.(error); isError {
			var halt *gojq.HaltError
			if errors.As(failure, &halt) && halt.Value() == nil {
				return outputs, nil
			}
			return nil, explain(ctx, limited, failure)
		}
		if len(outputs) == bounds.Outputs {
			return nil, &Error{Kind: TooMuch, Message: fmt.Sprintf("more than %d outputs", bounds.Outputs), Offset: -1}
		}
		v, ok = size.normal(v)
		if !ok {
			return nil, &Error{Kind: TooMuch, Message: fmt.Sprintf("the output is larger than %d bytes or nests deeper than %d levels", bounds.Bytes, maxDepth), Offset: -1}
		}
		outputs = append(outputs, v)
	}
}

func explain(ctx context.Context, limited *watch, failure error) error {
	var typed *Error
	switch {
	case limited.err != nil:
		return limited.err
	case ctx.Err() != nil:
		return fmt.Errorf("running the program: %w", context.Cause(ctx))
	case errors.As(failure, &typed):
		return typed
	}
	if raised, ok := failure.(gojq.ValueError); ok { //nolint:errorlint // the interpreter hands it over as it is
		if _, ok := measure(raised.Value(), maxShort); !ok {
			return &Error{Kind: Failed, Message: "the program raised an error too large to show", Offset: -1}
		}
	}
	return &Error{Kind: Failed, Message: failure.Error(), Offset: -1}
}

func (b Bounds) withDefaults() Bounds {
	if b.Time <= 0 {
		b.Time = DefaultTime
	}
	if b.Outputs <= 0 {
		b.Outputs = DefaultOutputs
	}
	if b.Bytes <= 0 {
		b.Bytes = DefaultBytes
	}
	return b
}
