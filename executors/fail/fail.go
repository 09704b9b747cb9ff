// Package fail implements fail_executor. It is not a stable API.
// The executor fails its task with a message.
package fail

import (
	"context"
	"embed"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

//go:embed definition.yaml
var files embed.FS

// New returns fail_executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute)
}

type input struct {
	Message string `json:"message"`
	Details any    `json:"details"`
}

type output struct {
	Message string            `json:"message"`
	Details json.RawMessage   `json:"details,omitempty"`
	Errors  map[string]string `json:"errors,omitempty"`
}

// execute always returns an error.
func execute(_ context.Context, call *executors.Call, in input) (*output, error) {
	out := &output{Message: in.Message}
	if in.Details != nil {
		details, err := plainjson.Marshal(in.Details)
		if err != nil {
			return nil, err
		}
		out.Details = details
	}
	for id, before := range call.Dependencies {
		if before.Error == "" {
			continue
		}
		if out.Errors == nil {
			out.Errors = map[string]string{}
		}
		out.Errors[id] = before.Error
	}
	return out, executors.Errorf(executors.ExecutionError, "%s", in.Message).WithHint("the tree fails here on purpose")
}
