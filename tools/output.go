package tools

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
)

// envelopeSchema is the envelope's schema. The result's own schema takes the
// place of its "result".
//
//go:embed definitions/envelope.json
var envelopeSchema []byte

var resultPlace = []byte(`"result":{}`)

// closedObject is left out of what is published: it tells a reader of results
// nothing, and every tool's costs tokens in every conversation. Results are
// held to it by the tests.
var closedObject = []byte(`,"additionalProperties":false`)

// outputSchema is the schema of a tool's answers: the envelope around the
// result that the definition describes. Only the status is always there.
func outputSchema(def *executors.Definition) json.RawMessage {
	var envelope bytes.Buffer
	if err := json.Compact(&envelope, envelopeSchema); err != nil {
		panic("the envelope's schema: " + err.Error())
	}
	result := json.RawMessage(`{}`)
	if def.Output != nil {
		result = bytes.ReplaceAll(def.Output.JSON(), closedObject, nil)
	}
	return bytes.Replace(envelope.Bytes(), resultPlace, append([]byte(`"result":`), result...), 1)
}
