// Package aggregate implements aggregate_results_executor. It is not a stable API.
// The executor combines the results of the tasks that its task depends on.
package aggregate

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// New returns aggregate_results_executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute)
}

type input struct {
	Strategy string   `json:"strategy"`
	Order    []string `json:"order"`
	Template string   `json:"template"`
}

type output struct {
	Summary     string                     `json:"summary"`
	Timestamp   string                     `json:"timestamp"`
	Results     map[string]json.RawMessage `json:"results"`
	ResultCount int                        `json:"result_count"`
	Value       json.RawMessage            `json:"value,omitempty"`
	Statuses    map[string]string          `json:"statuses"`
	Errors      map[string]string          `json:"errors,omitempty"`
}

// completed is the status of a task whose result counts.
const completed = "completed"

var null = json.RawMessage("null")

// source is one dependency.
type source struct {
	id string
	executors.Dependency
}

// execute returns all results in the output, even together with an error.
func execute(_ context.Context, call *executors.Call, in input) (*output, error) {
	sources, err := arrange(call.Dependencies, in.Order)
	if err != nil {
		return nil, err
	}
	out := &output{
		Timestamp:   time.Now().UTC().Format(time.RFC3339),
		Results:     make(map[string]json.RawMessage, len(sources)),
		ResultCount: len(sources),
		Statuses:    make(map[string]string, len(sources)),
	}
	for _, s := range sources {
		out.Results[s.id], out.Statuses[s.id] = s.Result, s.Status
		if s.Error != "" {
			if out.Errors == nil {
				out.Errors = map[string]string{}
			}
			out.Errors[s.id] = s.Error
		}
	}
	out.Summary = count(sources)
	if in.Template != "" {
		if out.Summary, err = fill(in.Template, out.Results); err != nil {
			return out, err
		}
	}
	switch in.Strategy {
	case "merge":
		out.Value, err = merge(sources)
	case "concat":
		out.Value, err = concat(sources)
	case "first":
		out.Value, err = first(sources)
	}
	return out, err
}

// arrange orders the tasks: those named in the input first, then the others by
// id.
func arrange(dependencies map[string]executors.Dependency, order []string) ([]source, error) {
	sources := make([]source, 0, len(dependencies))
	placed := make(map[string]bool, len(dependencies))
	add := func(id string) {
		d := dependencies[id]
		if d.Result = bytes.TrimSpace(d.Result); len(d.Result) == 0 {
			d.Result = null
		}
		placed[id] = true
		sources = append(sources, source{id, d})
	}
	for i, id := range order {
		field := fmt.Sprintf("order[%d]", i)
		if _, ok := dependencies[id]; !ok {
			return nil, executors.Errorf(executors.ValidationError, "%s must be the id of a task that this one depends on; got %q", field, id).
				WithField(field)
		}
		if placed[id] {
			return nil, executors.Errorf(executors.ValidationError, "%s: %q is listed twice", field, id).WithField(field)
		}
		add(id)
	}
	for _, id := range byID(dependencies) {
		if !placed[id] {
			add(id)
		}
	}
	return sources, nil
}

// count describes in words how the tasks ended.
func count(sources []source) string {
	done := 0
	for _, s := range sources {
		if s.Status == completed {
			done++
		}
	}
	if len(sources) == 1 {
		return fmt.Sprintf("%d of 1 task completed", done)
	}
	return fmt.Sprintf("%d of %d tasks completed", done, len(sources))
}
