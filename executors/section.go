package executors

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Section is a part of a definition's file that is not the definition's own:
// how an executor that was made without Go does its work.
type Section struct {
	file  string
	node  *yaml.Node
	alone bool
}

// ReadSection reads one key of a definition's file, and nothing else of it.
// The section is nil where there is no such key.
func ReadSection(file string, data []byte, key string) (*Section, error) {
	root, err := strictjson.ParseYAML(data)
	l := loader{file: file}
	if err != nil {
		l.wrap(nil, err)
		return nil, errors.Join(l.problems...)
	}
	if root.Kind != yaml.MappingNode {
		l.problem(root, "a definition must be a mapping")
		return nil, errors.Join(l.problems...)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == key {
			return &Section{file: file, node: follow(root.Content[i+1]), alone: len(root.Content) == 2}, nil
		}
	}
	return nil, nil
}

// Alone reports whether the file holds nothing but the section.
func (s *Section) Alone() bool { return s.alone }

// Value decodes the section, as strictjson.Value has it.
func (s *Section) Value() (any, error) {
	value, err := strictjson.Value(s.node)
	if err != nil {
		l := loader{file: s.file}
		l.wrap(s.node, err)
		return nil, errors.Join(l.problems...)
	}
	return value, nil
}

// Errorf is an error about what is at a path of keys and indexes, with the
// file and the line.
func (s *Section) Errorf(path []string, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", s.file, at(s.node, path).Line, fmt.Errorf(format, args...))
}
