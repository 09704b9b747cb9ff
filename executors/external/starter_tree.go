package external

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
)

// savedStarter are the files of an executor that is a tree which exists.
const savedStarter = "saved"

// TreeStarter is a tree that becomes an executor.
type TreeStarter struct {
	ID string
	// Title and Description are for people and assistants; a title is made of
	// the id where there is none.
	Title, Description string
	Annotations        executors.Annotations
	// Inputs is the schema of the tree's inputs; nil: it has none.
	Inputs *executors.Schema
	Tree   json.RawMessage
}

// StartTree writes an executor that runs a tree, as Start does.
func StartTree(dir string, from TreeStarter) (files []string, err error) {
	if from.Title == "" {
		from.Title = titled(from.ID)
	}
	inputs := json.RawMessage(`{"type": "object", "properties": {}, "additionalProperties": false}`)
	if from.Inputs != nil {
		if !from.Inputs.IsObject() {
			return nil, fmt.Errorf(`the inputs of the tree must be a schema with "type": "object" and "properties" at its root`)
		}
		inputs = from.Inputs.JSON()
	}
	values := map[string]string{}
	for name, value := range map[string]any{
		"Title": from.Title, "Description": from.Description, "Annotations": from.Annotations, "Inputs": inputs, "Tree": from.Tree,
	} {
		// JSON stands for itself in YAML.
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if name == "Tree" {
			enc.SetIndent("", "  ")
		}
		if err := enc.Encode(value); err != nil {
			return nil, fmt.Errorf("writing the definition: %w", err)
		}
		values[name] = string(bytes.TrimSpace(b.Bytes()))
	}
	return write(dir, from.ID, savedStarter, values)
}
