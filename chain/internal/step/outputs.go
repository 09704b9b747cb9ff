package step

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// outputsTime bounds the time of all outputs of a run together.
const outputsTime = time.Minute

// Outputs evaluates the outputs of a tree whose tasks have all ended.
func Outputs(ctx context.Context, tree *chain.Tree, env *expr.Env) *chain.Outputs {
	if len(tree.Outputs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, outputsTime)
	defer cancel()
	all, left := &chain.Outputs{Values: map[string]json.RawMessage{}}, MaxResults
	for _, out := range tree.Outputs {
		raw, err := evaluate(ctx, out.Value, env)
		if left -= len(raw); err == nil && left < 0 {
			err = executors.Errorf(executors.ValidationError, "the outputs have more than %d bytes together", MaxResults)
		}
		if err != nil {
			all.Errors = append(all.Errors, chain.OutputError{Name: out.Name, Error: err.Message, ErrorType: err.Type})
			continue
		}
		all.Values[out.Name] = raw
	}
	return all
}

func evaluate(ctx context.Context, value *expr.Value, env *expr.Env) (json.RawMessage, *executors.Error) {
	v, err := value.Eval(ctx, env)
	if err != nil {
		if err.Field != "" {
			err.Message = err.Field + ": " + err.Message
		}
		return nil, err
	}
	raw, failed := plainjson.Marshal(v)
	return raw, executors.AsError(failed)
}

// OutputsFailed returns the error of a run whose tasks completed and whose
// outputs could not all be evaluated; nil if all were.
func OutputsFailed(all *chain.Outputs) *executors.Error {
	if all == nil || len(all.Errors) == 0 {
		return nil
	}
	first := all.Errors[0]
	err := executors.Errorf(first.ErrorType, "the output %s could not be evaluated: %s", first.Name, first.Error).WithField("outputs." + first.Name)
	if more := len(all.Errors) - 1; more > 0 {
		err.Message += fmt.Sprintf("; and %d more", more)
	}
	return err.WithHint("the tasks completed; correct the output, or name tasks for retry_run to run again")
}
