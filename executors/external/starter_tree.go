package external

import (
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// savedStarter is the starter of StartTree.
const savedStarter = "saved"

// TreeStarter is an existing task tree to be saved as an executor.
type TreeStarter struct {
	ID string
	// Title and Description are shown to people and assistants. An empty title
	// is made from the ID.
	Title, Description string
	Annotations        executors.Annotations
	// Inputs is the schema of the tree's inputs; nil: no inputs.
	Inputs *executors.Schema
	// Outputs are the names of the tree's outputs, which are then the result;
	// none: the result has the run and the results of all tasks.
	Outputs []string
	Tree    json.RawMessage
}

// StartTree writes an executor that runs a tree to the new folder dir/from.ID
// and returns the paths of its files. It fails with fs.ErrExist if the folder
// exists.
func StartTree(dir string, from TreeStarter) (files []string, err error) {
	if from.Title == "" {
		from.Title = titled(from.ID)
	}
	inputs := json.RawMessage(`{"type": "object", "properties": {}, "additionalProperties": false}`)
	if from.Inputs != nil {
		if !from.Inputs.IsObject() {
			return nil, fmt.Errorf(`the schema of the tree's inputs must have "type": "object" and "properties" at its root`)
		}
		inputs = from.Inputs.JSON()
	}
	values := map[string]string{}
	for name, value := range map[string]any{
		"Title": from.Title, "Description": from.Description, "Annotations": from.Annotations, "Inputs": inputs, "Outputs": from.outputs(), "Tree": from.Tree,
	} {
		// JSON is valid YAML.
		raw, err := plainjson.Marshal(value)
		if name == "Tree" {
			raw, err = plainjson.Indent(value, "  ")
		}
		if err != nil {
			return nil, fmt.Errorf("writing the definition: %w", err)
		}
		values[name] = string(raw)
	}
	return write(dir, from.ID, savedStarter, values)
}

// outputs returns the output schema.
func (from *TreeStarter) outputs() any {
	object := func(about string) any { return map[string]any{"type": "object", "description": about} }
	properties, required := map[string]any{}, from.Outputs
	for _, name := range from.Outputs {
		properties[name] = map[string]any{}
	}
	if len(required) == 0 {
		text := map[string]any{"type": "string"}
		required = []string{"run_id", "status", "counts", "results"}
		properties = map[string]any{"run_id": text, "status": text, "counts": object("Tasks by state"), "results": object("The result of each task by its id")}
	}
	return map[string]any{"type": "object", "required": required, "properties": properties}
}
