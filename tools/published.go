package tools

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/internal/published"
)

// envelopeSchema is the published part of the envelope. The schema of the tool's
// result replaces its "result".
//
//go:embed definitions/envelope.json
var envelopeSchema []byte

var resultPlace = []byte(`"result":{}`)

// more comes before the name of what shows the parameters of a tool that are not
// published. It is the description of the published schema.
const more = "More: "

// schemas are what is published of a definition.
type schemas struct {
	input, output json.RawMessage
}

// tool returns the tool that a definition describes.
func (s *Set) tool(def *executors.Definition, prepare preparer) Tool {
	shown := s.schemas(def)
	return Tool{
		Name: def.ID, Title: def.Title, Description: s.described(def), SearchHint: def.Hint(), Toolset: def.Toolset, onRequest: def.OnRequest,
		Input: shown.input, Whole: def.Input.JSON(), Output: shown.output, Annotations: def.Annotations, prepare: prepare,
	}
}

// input returns what is published of an input schema of a definition.
func (s *Set) input(def *executors.Definition, schema json.RawMessage) json.RawMessage {
	return published.Input(schema, def.Rare, s.seeMore(def))
}

// seeMore names what shows the parameters of a tool that are not published.
func (s *Set) seeMore(def *executors.Definition) string {
	switch {
	case s.opts.takes(DescribeExecutor, toolsetDiscovery):
		return more + DescribeExecutor
	case s.runs.defs[def.ID] == def:
		return "" // no resource describes it
	}
	return more + "executor://" + def.ID
}

// schemas returns what is published of a definition. It is made once, because
// the tools are listed again whenever an executor comes or goes.
func (s *Set) schemas(def *executors.Definition) schemas {
	if made, ok := s.published.Load(def); ok {
		return made.(schemas)
	}
	made := schemas{s.input(def, def.Input.JSON()), outputSchema(def)}
	s.published.Store(def, made)
	return made
}

// forget drops what was made for definitions that are no longer registered.
func (s *Set) forget() {
	s.published.Range(func(key, _ any) bool {
		def := key.(*executors.Definition)
		executor, ok := s.opts.Registry.Lookup(def.ID)
		if own := s.runs.defs[def.ID]; own != def && (!ok || executor.Definition() != def) {
			s.published.Delete(def)
		}
		return true
	})
}

// outputSchema returns the published schema of a tool's results: the envelope
// with the result that the definition describes, or any object if there is nothing
// to say about the result. It is nil if the definition describes none.
func outputSchema(def *executors.Definition) json.RawMessage {
	if def.Output == nil {
		return nil
	}
	result, named := published.Output(def.Output.JSON(), def.RareResults)
	if !named {
		return json.RawMessage(`{"type":"object","properties":{}}`) // clients expect one
	}
	var envelope bytes.Buffer
	if err := json.Compact(&envelope, envelopeSchema); err != nil {
		panic("the envelope's schema: " + err.Error())
	}
	return bytes.Replace(envelope.Bytes(), resultPlace, append([]byte(`"result":`), result...), 1)
}
