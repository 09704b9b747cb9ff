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
	Tree   json.RawMessage
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
		"Title": from.Title, "Description": from.Description, "Annotations": from.Annotations, "Inputs": inputs, "Tree": from.Tree,
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
