package brief_test

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
)

func schemaOf(raw json.RawMessage) (*executors.Schema, error) {
	return executors.CompileSchema("reply", raw)
}
