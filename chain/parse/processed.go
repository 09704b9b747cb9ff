package parse

import (
	"github.com/chainwright/chainwright/chain/internal/typing"
)

// processed returns the type of the result of a data_processor task, which depends
// on its operation and on its data.
func (t *typer) processed(task int) *typing.Type {
	known := t.tree.Tasks[task].Inputs.Known()
	operation, named := known["operation"].(string)
	if _, given := known["operation"]; !given {
		operation, named = "sum", true
	}
	if !named {
		return typing.Any
	}
	result := typing.Any
	switch operation {
	case "sum", "average", "count":
		result = typing.Of(typing.Number)
	case "median":
		result = typing.Of(typing.Number | typing.Null)
	case "max", "min":
		result = typing.Of(typing.Number | typing.String | typing.Null) // as it was written
	case "filter", "sort", "unique":
		result = typing.ArrayOf(t.elements(task))
	case "group_by":
		result = typing.ArrayOf(t.group(task, known["aggregate"]))
	case "join":
		result = typing.ArrayOf(typing.Of(typing.Object))
	case "merge":
		result = typing.Of(typing.Array | typing.Object)
	}
	return result.Named("the result of the operation " + operation)
}

// group returns the type of a group.
func (t *typer) group(task int, aggregate any) *typing.Type {
	fields := map[string]*typing.Type{"key": typing.Any, "count": typing.Of(typing.Number)}
	switch names := aggregate.(type) {
	case nil:
		fields["items"] = typing.ArrayOf(t.elements(task))
	case map[string]any:
		for name := range names {
			fields[name] = typing.Any
		}
	default:
		return typing.Any
	}
	return typing.ObjectOf("a group", fields)
}

// elements returns the type of an element of a task's data.
func (t *typer) elements(task int) *typing.Type {
	for e := range t.tree.Tasks[task].Inputs.Expressions() {
		if e.Whole && e.Path == "data" {
			if of, _ := t.infer(task, e); of.Kinds() == typing.Array {
				return of.Items()
			}
		}
	}
	return typing.Any
}
