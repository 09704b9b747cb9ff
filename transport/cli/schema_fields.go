package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// field is a property of a schema with its name.
type field struct {
	name string
	property
}

// properties reads an object schema's properties, in the author's order.
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
	dec := json.NewDecoder(bytes.NewReader(root.Properties))
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("reading a schema: %w", err)
	}
	var fields []field
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("reading a schema: %w", err)
		}
		f := field{name: fmt.Sprint(name)}
		if err := dec.Decode(&f.property); err != nil {
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
