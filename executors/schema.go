package executors

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors/schema"
)

// Schema is a compiled JSON Schema: see package schema.
type Schema = schema.Schema

// Violation is one reason why a value does not fit a schema.
type Violation = schema.Violation

// Unknown stands in a value for a part that is not known yet, such as a
// reference; validation excuses whatever depends on it.
type Unknown = schema.Unknown

// CompileSchema compiles a JSON Schema (2020-12); name begins its errors.
func CompileSchema(name string, raw json.RawMessage) (*Schema, error) {
	return schema.Compile(name, raw)
}
