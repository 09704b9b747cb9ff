// Package data implements data_processor. It is not a stable API.
// The executor does arithmetic, filtering, sorting, grouping and joining of
// JSON values, and jq for everything else.
package data

import (
	"context"
	"embed"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/strictjson"
)

//go:embed definition.yaml
var definition embed.FS

// New returns the data_processor executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(definition), process, check)
}

// Input holds the arguments of a call. An option that the operation does not
// use is an error, because the caller expects an effect.
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
	CSV       *delimited.Settings  `json:"csv"`
}

// Aggregate is one number that group_by calculates for each group.
type Aggregate struct {
	Operation string `json:"operation"`
	Field     string `json:"field"`
}

// Output is the result of a call.
type Output struct {
	Operation  string `json:"operation"`
	Result     any    `json:"result"`
	InputCount int    `json:"input_count"`
}

// operation is one way of working on data.
type operation struct {
	options  []string // allowed in addition to data and operation
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
	if in.CSV != nil {
		if err := in.rows(); err != nil {
			return Output{}, err
		}
	}
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

// mostRows is the most bytes of the rows of CSV as JSON.
const mostRows = 64 << 20

// rows replaces data that is the text of a table by its rows.
func (in *Input) rows() error {
	text, ok := in.Data.(string)
	if !ok {
		return invalid("data", "must be a string with csv; got %s", kind(in.Data))
	}
	rows, _, err := in.CSV.Rows(text, false, mostRows)
	if err != nil {
		if field := delimited.FieldOf(err); field != "" {
			return executors.Errorf(executors.ValidationError, "csv.%w", err).WithField("csv." + field)
		}
		return invalid("data", "%v", err)
	}
	in.Data, err = strictjson.Decode(rows)
	return err
}

// check returns the errors in literal options, which do not depend on the data.
func check(inputs map[string]any) []*executors.Error {
	var found []*executors.Error
	add := func(err error) {
		if err != nil {
			found = append(found, executors.AsError(err))
		}
	}
	if name, ok := inputs["operation"].(string); ok {
		add(checkOptions(inputs, name, operations[name]))
	}
	if program, ok := inputs["program"].(string); ok {
		if _, err := jq.Compile(program); err != nil {
			add(jqError(err, "program", ""))
		}
	}
	if where := inputs["where"]; where != nil && executors.Known(where) {
		_, err := newCondition(where)
		add(err)
	}
	field, _ := inputs["field"].(string)
	if by := inputs["by"]; executors.Known(by) {
		_, err := newKeys(Input{By: by, Field: field})
		add(err)
	}
	return found
}

// checkOptions reports required options that are missing, and options that the
// operation does not use.
func checkOptions(inputs map[string]any, name string, op operation) error {
	for _, required := range op.required {
		if inputs[required] == nil {
			return invalid(required, "is required by the operation %s", name)
		}
	}
	for _, option := range optionNames {
		if _, unknown := inputs[option].(executors.Unknown); unknown {
			continue // it may be null
		}
		if inputs[option] != nil && !slices.Contains(op.options, option) {
			return invalid(option, "is not used by the operation %s, which uses %s", name, strings.Join(op.options, ", ")).
				WithHint("leave " + option + " out, or choose an operation that uses it")
		}
	}
	return nil
}

var optionNames = []string{"program", "field", "by", "where", "order", "aggregate", "with", "on", "how"}

// checkEvery is the number of elements between two checks of the context.
const checkEvery = 1 << 12

// keep returns the elements that satisfy where.
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
