package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// treeFile reads a task tree in JSON or YAML, from a file or from stdin (-),
// as the JSON that tools take.
func (s *session) treeFile(name string) (json.RawMessage, error) {
	read, shown := func() ([]byte, error) { return readFile(name) }, name
	if name == "-" {
		read, shown = func() ([]byte, error) { return readAll(s.in, "stdin") }, "stdin"
	}
	text, err := read()
	if err != nil {
		return nil, err
	}
	value, err := decodeTree(name, text)
	if err != nil {
		return nil, misread(shown, err)
	}
	raw, err := plainjson.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", shown, err)
	}
	return raw, nil
}

// decodeTree decodes a file named .json as JSON. It decodes any other file as
// JSON if the text begins like JSON, else as YAML.
func decodeTree(name string, text []byte) (any, error) {
	start := strings.TrimSpace(string(text[:min(len(text), 64)]))
	json := strings.EqualFold(filepath.Ext(name), ".json")
	yaml := strings.EqualFold(filepath.Ext(name), ".yaml") || strings.EqualFold(filepath.Ext(name), ".yml")
	if json || !yaml && (strings.HasPrefix(start, "[") || strings.HasPrefix(start, "{")) {
		return strictjson.Decode(text)
	}
	return strictjson.FromYAML(text)
}

// misread returns the error for a file that is not JSON or YAML, with the line.
func misread(name string, err error) error {
	var syntax *strictjson.SyntaxError
	if errors.As(err, &syntax) && syntax.Line > 0 {
		return usage("%s:%d: %s", name, syntax.Line, syntax.Message)
	}
	return usage("%s: %w", name, err)
}
