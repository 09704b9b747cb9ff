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

// treeText reads a task tree from a file or from stdin (-). It is a text, so that
// problems have their positions.
func (s *session) treeText(name string) (string, error) {
	text, err := s.file(name)
	if err != nil {
		return "", err
	}
	if yaml(name) && likeJSON(text) && strictjson.Check(text) != nil {
		// In a file of another name it would be JSON with a mistake.
		if value, err := strictjson.FromYAML(text); err == nil {
			raw, err := plainjson.Marshal(value)
			return string(raw), err
		}
	}
	return string(text), nil
}

// file reads a file, or stdin (-).
func (s *session) file(name string) ([]byte, error) {
	if name == "-" {
		return readAll(s.in, "stdin")
	}
	return readFile(name)
}

// shownName is the name of a file in messages.
func shownName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// treeFile reads a value in JSON or YAML, from a file or from stdin (-), as JSON.
func (s *session) treeFile(name string) (json.RawMessage, error) {
	text, err := s.file(name)
	if err != nil {
		return nil, err
	}
	value, err := decodeTree(name, text)
	if err != nil {
		return nil, misread(shownName(name), err)
	}
	raw, err := plainjson.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", shownName(name), err)
	}
	return raw, nil
}

func yaml(name string) bool {
	return strings.EqualFold(filepath.Ext(name), ".yaml") || strings.EqualFold(filepath.Ext(name), ".yml")
}

// likeJSON reports whether a text begins like JSON.
func likeJSON(text []byte) bool {
	start := strings.TrimSpace(string(text[:min(len(text), 64)]))
	return strings.HasPrefix(start, "[") || strings.HasPrefix(start, "{")
}

// decodeTree decodes a file named .json as JSON. It decodes any other file as
// JSON if the text begins like JSON, else as YAML.
func decodeTree(name string, text []byte) (any, error) {
	if strings.EqualFold(filepath.Ext(name), ".json") || !yaml(name) && likeJSON(text) {
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
