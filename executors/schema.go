package executors

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors/internal/schema"
)

// Schema is a compiled JSON Schema: see package schema.
type Schema = schema.Schema

// Violation is one reason why a value is not valid.
type Violation = schema.Violation

// Unknown is a part of a value that is not known yet, such as a reference.
// Validation accepts what depends on it.
type Unknown = schema.Unknown

// Known reports whether no part of a value is Unknown.
func Known(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return false
	case []any:
		for _, each := range v {
			if !Known(each) {
				return false
			}
		}
	case map[string]any:
		for _, each := range v {
			if !Known(each) {
				return false
			}
		}
	}
	return true
}

// CompileSchema compiles a JSON Schema (2020-12). Its errors begin with name.
func CompileSchema(name string, raw json.RawMessage) (*Schema, error) {
	return schema.Compile(name, raw)
}
