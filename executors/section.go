package executors

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Section is a part of a definition's file that tells how an executor without
// Go code works.
type Section struct {
	file  string
	node  *yaml.Node
	alone bool
}

// ReadSection reads one key of a definition's file and ignores the others. The
// section is nil if there is no such key.
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

// Alone reports whether the file contains nothing but the section.
func (s *Section) Alone() bool { return s.alone }

// Value decodes the section as strictjson.Value does.
func (s *Section) Value() (any, error) {
	value, err := strictjson.Value(s.node)
	if err != nil {
		l := loader{file: s.file}
		l.wrap(s.node, err)
		return nil, errors.Join(l.problems...)
	}
	return value, nil
}

// Errorf returns an error about a path of keys and indexes, with the file and
// the line.
func (s *Section) Errorf(path []string, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", s.file, at(s.node, path).Line, fmt.Errorf(format, args...))
}
