package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// field is a property of a schema with its name.
type field struct {
	name string
	property
}

// properties returns the properties of an object schema in the author's order,
// and the names of the required ones.
func properties(schema json.RawMessage) ([]field, map[string]bool, error) {
	var root struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, nil, fmt.Errorf("reading a schema: %w", err)
	}
	required := map[string]bool{}
	for _, name := range root.Required {
		required[name] = true
	}
	if len(root.Properties) == 0 {
		return nil, required, nil
	}
	var fields []field
	for name, schema := range strictjson.Members(root.Properties) {
		f := field{name: name}
		if err := json.Unmarshal(schema, &f.property); err != nil {
			return nil, nil, fmt.Errorf("reading the schema of %s: %w", f.name, err)
		}
		fields = append(fields, f)
	}
	return fields, required, nil
}

// wrap breaks a text into lines of at most n characters.
func wrap(text string, n int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > n {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
