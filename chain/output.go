package chain

import (
	"encoding/json"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// Output is a named result of a tree. It is evaluated when all tasks have ended.
type Output struct {
	Name  string
	Value *expr.Value
}

// Outputs are the outputs of a run that has ended. Each output of the tree is
// either in Values or in Errors.
type Outputs struct {
	Values map[string]json.RawMessage `json:"outputs"`
	Errors []OutputError              `json:"errors,omitempty"`
}

// OutputError is why an output could not be evaluated.
type OutputError struct {
	Name      string              `json:"name"`
	Error     string              `json:"error"`
	ErrorType executors.ErrorType `json:"error_type"`
}
