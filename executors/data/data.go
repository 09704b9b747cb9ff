// Package data is data_processor: arithmetic, filtering, sorting, grouping and
// joining of JSON values that are already at hand, and jq for the rest.
package data

import (
	"context"
	"embed"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var definition embed.FS

// New returns the data_processor executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(definition), process)
}

// Input is what a call gives. Options that an operation has no use for are
// refused, for they would be a misunderstanding.
type Input struct {
	Data      any                  `json:"data"`
	Operation string               `json:"operation"`
	Program   string               `json:"program"`
	Field     string               `json:"field"`
	By        any                  `json:"by"`
	Where     any                  `json:"where"`
	Order     string               `json:"order"`
	Aggregate map[string]Aggregate `json:"aggregate"`
	With      any                  `json:"with"`
	On        any                  `json:"on"`
	How       string               `json:"how"`
}

// Aggregate is one number that group_by works out for each group.
type Aggregate struct {
	Operation string `json:"operation"`
	Field     string `json:"field"`
}

// Output is what a call gives back.
type Output struct {
	Operation  string `json:"operation"`
	Result     any    `json:"result"`
	InputCount int    `json:"input_count"`
}

// operation is one way of working on data.
type operation struct {
	options  []string // that it knows, besides data and operation
	required []string
	run      func(ctx context.Context, in Input, elements []element) (any, error)
}

var operations = map[string]operation{
	"sum":      {options: []string{"field", "where"}, run: arithmetic},
	"average":  {options: []string{"field", "where"}, run: arithmetic},
	"max":      {options: []string{"field", "where"}, run: arithmetic},
	"min":      {options: []string{"field", "where"}, run: arithmetic},
	"median":   {options: []string{"field", "where"}, run: arithmetic},
	"count":    {options: []string{"field", "where"}, run: count},
	"filter":   {options: []string{"where"}, required: []string{"where"}, run: filter},
	"sort":     {options: []string{"by", "field", "order", "where"}, run: sortElements},
	"unique":   {options: []string{"by", "field", "where"}, run: unique},
	"group_by": {options: []string{"by", "field", "aggregate", "order", "where"}, run: groupBy},
	"join":     {options: []string{"with", "on", "how", "where"}, required: []string{"with", "on"}, run: join},
	"merge":    {options: []string{"with"}},
	"jq":       {options: []string{"program"}, required: []string{"program"}},
}

func process(ctx context.Context, call *executors.Call, in Input) (Output, error) {
	out := Output{Operation: in.Operation, InputCount: 1}
	list, isList := in.Data.([]any)
	if isList {
		out.InputCount = len(list)
	}
	op := operations[in.Operation]
	if err := checkOptions(call.Inputs, in.Operation, op); err != nil {
		return Output{}, err
	}
	var err error
	switch {
	case in.Operation == "jq":
		out.Result, err = runProgram(ctx, in)
	case in.Operation == "merge":
		out.Result, err = merge(in.Data, in.With)
	case in.Operation == "count" && !isList:
		out.Result, err = countOther(in)
	case !isList:
		err = invalid("data", "must be an array for the operation %s; got %s", in.Operation, kind(in.Data))
	default:
		var elements []element
		if elements, err = keep(ctx, list, in.Where); err == nil {
			out.Result, err = op.run(ctx, in, elements)
		}
	}
	if err != nil {
		return Output{}, err
	}
	return out, nil
}

// checkOptions refuses options that the operation lacks or has no use for.
func checkOptions(inputs map[string]any, name string, op operation) error {
	for _, required := range op.required {
		if inputs[required] == nil {
			return invalid(required, "is required by the operation %s", name)
		}
	}
	for _, option := range optionNames {
		if inputs[option] != nil && !slices.Contains(op.options, option) {
			return invalid(option, "is not used by the operation %s, which takes %s", name, strings.Join(op.options, ", ")).
				WithHint("leave " + option + " out, or choose an operation that uses it")
		}
	}
	return nil
}

var optionNames = []string{"program", "field", "by", "where", "order", "aggregate", "with", "on", "how"}

// checkEvery is how many elements go by between looks at the context.
const checkEvery = 1 << 12

// keep gives the elements that where holds for.
func keep(ctx context.Context, list []any, where any) ([]element, error) {
	var c condition
	if where != nil {
		var err error
		if c, err = newCondition(where); err != nil {
			return nil, err
		}
	}
	kept := make([]element, 0, len(list))
	for i, v := range list {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		e := element{i, v}
		if c != nil {
			ok, err := c.holds(ctx, e)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept, nil
}
