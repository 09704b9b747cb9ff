// Package jq runs jq programs that callers wrote, within bounds. It is not a stable API.
// The bounds are a time, a number of outputs, a size and an amount of work. A program sees its
// input and the values it is given, nothing else: no environment, no files, no
// modules.
//
// Values are those of a JSON decoder: nil, bool, json.Number, string, []any
// and map[string]any. Every number of an output is a json.Number too.
//
// gojq can be stopped only between steps, and one step can build a value of any
// size or run for minutes. Guards, written by hand, therefore stand before every
// step whose cost can exceed the size of its input: they charge the cost, which
// follows from the sizes, to the budget of the run, and refuse it beforehand.
package jq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itchyny/gojq"
)

// Bounds are the limits of one run. Zero fields have the default values.
type Bounds struct {
	Time    time.Duration // wall clock: DefaultTime
	Outputs int           // number of outputs: DefaultOutputs
	Bytes   int           // all outputs as compact JSON, about: DefaultBytes
	Work    int           // what all steps read and make, in units (guard.go): DefaultWork
}

// The default limits.
const (
	DefaultTime    = time.Second
	DefaultOutputs = 100_000
	DefaultBytes   = 16 << 20
	DefaultWork    = 64 << 20 // takes about a second
)

// Program is a compiled program. It is safe for concurrent use.
type Program struct {
	code   *gojq.Code
	bounds Bounds
	// dynamic programs compute regular expressions.
	dynamic bool
}

// Compile parses and compiles a program. The error is an *Error of kind Invalid.
func Compile(src string) (*Program, error) { return compiled.get(src, nil) }

// CompileValues compiles a program in which each of names is a function
// without arguments ("tasks", "inputs"), usable anywhere. Run is given their
// values in the same order.
func CompileValues(src string, names ...string) (*Program, error) {
	return compiled.get(src, names)
}

// Within returns the program with other limits.
func (p *Program) Within(b Bounds) *Program {
	return &Program{code: p.code, bounds: b, dynamic: p.dynamic}
}

// Run runs the program on an input and returns its outputs in order. It does
// not change the input or the values, but outputs may share parts with them. A
// program that fails or exceeds a limit returns an *Error; the end of ctx
// returns the error of ctx, wrapped.
func (p *Program) Run(ctx context.Context, input any, values ...any) (outputs []any, err error) {
	bounds := p.bounds.withDefaults()
	limited := newWatch(ctx, bounds)
	defer func() {
		if r := recover(); r != nil {
			outputs, err = nil, &Error{Kind: Failed, Message: fmt.Sprintf("the program could not be run: %v", r)}
		}
	}()
	size := sizer{left: bounds.Bytes, depth: maxDepth}
	iter := p.code.RunWithContext(limited, input, append([]any{limited}, values...)...)
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
			return nil, &Error{Kind: TooMuch, Message: fmt.Sprintf("more than %d outputs", bounds.Outputs)}
		}
		v, ok = size.normal(v)
		if !ok {
			return nil, &Error{Kind: TooMuch, Message: fmt.Sprintf("the output is larger than %d bytes or nests deeper than %d levels", bounds.Bytes, maxDepth)}
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
			return &Error{Kind: Failed, Message: "the program raised an error too large to show"}
		}
	}
	return &Error{Kind: Failed, Message: failure.Error()}
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
	if b.Work <= 0 {
		b.Work = DefaultWork
	}
	return b
}
