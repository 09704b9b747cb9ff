package executors

import (
	"context"
	"encoding/json"
)

// New makes an executor of a function with typed inputs and output.
func New[In, Out any](def *Definition, fn func(context.Context, *Call, In) (Out, error)) Executor {
	return &typed[In, Out]{def, fn}
}

type typed[In, Out any] struct {
	def *Definition
	fn  func(context.Context, *Call, In) (Out, error)
}

func (t *typed[In, Out]) Definition() *Definition { return t.def }

func (t *typed[In, Out]) Execute(ctx context.Context, call *Call) (any, error) {
	var in In
	raw, err := json.Marshal(call.Inputs)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	return t.fn(ctx, call, in)
}
