package tools

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"regexp"

	"github.com/chainwright/chainwright/executors"
)

// envelopeSchema is the envelope's schema. The schema of the tool's result
// replaces its "result".
//
//go:embed definitions/envelope.json
var envelopeSchema []byte

var (
	resultPlace = []byte(`"result":{}`)
	properties  = []byte(`"properties":`)
)

// closedObject, and which members inner objects always have, are removed from
// published schemas: readers of results do not need them, and they cost tokens in
// every conversation. Tests validate results with them.
var (
	closedObject = []byte(`,"additionalProperties":false`)
	always       = regexp.MustCompile(`,"required":\[[^\[\]]*\]`)
)

// outputSchema returns the schema of a tool's results: the envelope with the
// result that the definition describes. Only the status is required.
func outputSchema(def *executors.Definition) json.RawMessage {
	var envelope bytes.Buffer
	if err := json.Compact(&envelope, envelopeSchema); err != nil {
		panic("the envelope's schema: " + err.Error())
	}
	result := json.RawMessage(`{}`)
	if def.Output != nil {
		result = bytes.ReplaceAll(def.Output.JSON(), closedObject, nil)
		if outer := bytes.Index(result, properties); outer >= 0 {
			result = append(result[:outer:outer], always.ReplaceAll(result[outer:], nil)...)
		}
	}
	return bytes.Replace(envelope.Bytes(), resultPlace, append([]byte(`"result":`), result...), 1)
}
